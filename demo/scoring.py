#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scores the meters' owners by the reports they signed, from the ledger alone; so anybody can check a reward before it is paid.

usage: demo/scoring.py RPC_URL DEPLOYMENT.json FIRST_BLOCK LAST_BLOCK UNITS_A_REPORT
"""
import json
import sys

from chain import Rpc, decode, encode, keccak
from keys import recover, typed_digest

REPORT = {"type": "tuple", "components": [{"name": "config", "type": "bytes32"}, {"name": "topic", "type": "bytes32"}, {"name": "round", "type": "uint64"},
                                          {"name": "time", "type": "uint64"}, {"name": "observations", "type": "int128[]"}]}
KIND = "Report(bytes32 config,bytes32 topic,uint64 round,uint64 time,int128[] observations)"
REPORTED = "0x" + keccak(b"Reported(bytes32,uint64,int128,uint64)").hex()


def scores(rpc, oracle, first, last):
    """{address: reports signed} of the blocks first..last."""
    domain = dict(name="DAM OracleFeed", version="1", chainId=int(rpc.call("eth_chainId"), 16), verifyingContract=oracle)
    found = {}
    for log in rpc.call("eth_getLogs", {"address": oracle, "topics": [REPORTED], "fromBlock": hex(first), "toBlock": hex(last)}):
        data = bytes.fromhex(rpc.call("eth_getTransactionByHash", log["transactionHash"])["input"][10:])
        report, signatures = decode([REPORT, {"type": "bytes[]"}], data)
        for signature in signatures:
            who = recover(typed_digest(domain, KIND, report), signature)
            found[who] = found.get(who, 0) + 1
    return found


def leaf(who, amount):
    return keccak(keccak(encode([{"type": "address"}, {"type": "uint256"}], [who, amount])))


def tree(parts):
    """{address: amount} -> (root, {address: proof}); pairs are hashed in order of value, an odd one rises."""
    level = sorted((leaf(who, amount), [who]) for who, amount in parts.items())
    proofs = {who: [] for who in parts}
    while len(level) > 1:
        above = []
        for i in range(0, len(level) - 1, 2):
            (a, left), (b, right) = level[i], level[i + 1]
            for who in left:
                proofs[who].append(b)
            for who in right:
                proofs[who].append(a)
            above.append((keccak(min(a, b) + max(a, b)), left + right))
        level = above + (level[-1:] if len(level) % 2 else [])
    return level[0][0], proofs


def main():
    url, path, first, last, units = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        oracle = json.load(f)["oracle"]
    parts = {who: n * int(units) for who, n in scores(Rpc(url), oracle, int(first), int(last)).items()}
    for who, amount in sorted(parts.items()):
        print(f"{who} {amount}")
    print(f"root 0x{tree(parts)[0].hex()}")


if __name__ == "__main__":
    main()
