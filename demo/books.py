#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Audits the village's books over JSON-RPC alone: nothing from the demo's memory, only what the chain says.

usage: demo/books.py RPC_URL DEPLOYMENT.json     exit 1 if anything does not balance
"""
import json
import sys

from chain import Rpc, decode_one, keccak

TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
CREDIT = "0x" + keccak(b"Transfer(address,address,address,uint256,uint256)").hex()
ZERO = "0x" + "00" * 20


def logs(rpc, address, topic):
    head = int(rpc.call("eth_blockNumber"), 16)
    found = []
    for start in range(0, head + 1, 2000):
        found += rpc.call("eth_getLogs", {"address": address, "topics": [topic], "fromBlock": hex(start),
                                          "toBlock": hex(min(head, start + 1999))})
    return found


def balance(rpc, token, who):
    data = "0x" + (keccak(b"balanceOf(address)")[:4] + bytes.fromhex(who[2:]).rjust(32, b"\0")).hex()
    return int(rpc.call("eth_call", {"to": token, "data": data}, "latest"), 16)


def audit(url, place):
    """Returns a list of (what, holds, detail)."""
    rpc = Rpc(url)
    token = place["token"]
    accounts, minted, moves = {}, 0, logs(rpc, token, TRANSFER)
    for log in moves:
        source, target = ("0x" + t[26:] for t in log["topics"][1:3])
        amount = int(log["data"], 16)
        accounts[source] = accounts.get(source, 0) - amount
        accounts[target] = accounts.get(target, 0) + amount
        minted += amount if source == ZERO else 0
    held = {who: amount for who, amount in accounts.items() if who != ZERO}
    wrong = [who for who, amount in held.items() if balance(rpc, token, who) != amount]
    supply = int(rpc.call("eth_call", {"to": token, "data": "0x" + keccak(b"totalSupply()")[:4].hex()}, "latest"), 16)
    rows = [
        ("token movements sum to zero", sum(accounts.values()) == 0, f"{len(moves)} transfers"),
        ("every balance is the sum of its movements", not wrong, f"{len(held)} holders" if not wrong else f"not so: {wrong}"),
        ("what was made is what is held", supply == minted == sum(held.values()), f"{supply / 10**6:,.6f} tDAM"),
        ("nobody is below zero", all(amount >= 0 for amount in held.values()), ""),
    ]
    credits = {}
    for log in logs(rpc, place["market"], CREDIT):
        interval = int(log["topics"][3], 16)
        amount = decode_one({"type": "uint256"}, bytes.fromhex(log["data"][2:]), 32)[0]
        if "0x" + log["topics"][1][26:] == ZERO:
            credits[interval] = credits.get(interval, 0) + amount
    credits = {interval: wh for interval, wh in credits.items() if wh}
    cleared = {}
    topic = "0x" + keccak(b"Cleared(uint32,uint256,uint64)").hex()
    for log in logs(rpc, place["market"], topic):
        cleared[int(log["topics"][1], 16)] = int(log["data"][66:], 16)
    sold = {k: wh for k, wh in cleared.items() if wh}
    rows.append(("credits made = energy cleared, every interval", credits == sold,
                 f"{sum(sold.values()) / 1000:,.1f} kWh in {len(sold)} intervals" if credits == sold else
                 f"not so: {[(k, credits.get(k), sold.get(k)) for k in sorted({*credits, *sold}) if credits.get(k) != sold.get(k)]}"))
    return rows


def main():
    url, path = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        rows = audit(url, json.load(f))
    for what, holds, detail in rows:
        print(f"{'ok  ' if holds else 'FAIL'}  {what}  {detail}")
    return 0 if all(holds for _, holds, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
