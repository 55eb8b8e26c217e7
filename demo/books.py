#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Audits the village's books over JSON-RPC alone: nothing from the demo's memory, only what the chain says, to the last unit.

usage: demo/books.py RPC_URL DEPLOYMENT.json     exit 1 if anything does not balance
"""
import json
import sys

from chain import Rpc, keccak

ZERO = "0x" + "00" * 20
INTERVAL = 900


def topic(signature):
    return "0x" + keccak(signature.encode()).hex()


TRANSFER, CREDIT = topic("Transfer(address,address,uint256)"), topic("Transfer(address,address,address,uint256,uint256)")
CLEARED, METERED = topic("Cleared(uint32,uint256,uint64)"), topic("Metered(uint32,address,uint64)")
FILLED, COLLECTED = topic("Filled(uint256,address,uint64,uint64)"), topic("Collected(uint32,address,uint256)")
PLACED = topic("Placed(uint256,address,uint32,uint8,uint8,uint64)")
ANCHORED = topic("Anchored(uint256,uint64,bytes32,uint64)")


class Audit:
    def __init__(self, url, place):
        self.rpc, self.place, self.rows = Rpc(url), place, []
        self.head = int(self.rpc.call("eth_blockNumber"), 16)

    def note(self, what, holds, detail=""):
        self.rows.append((what, holds, detail))

    def logs(self, address, *topics):
        found = []
        for start in range(0, self.head + 1, 2000):
            found += self.rpc.call("eth_getLogs", {"address": address, "topics": list(topics), "fromBlock": hex(start),
                                                   "toBlock": hex(min(self.head, start + 1999))})
        return found

    def view(self, to, signature, *words):
        data = "0x" + (keccak(signature.encode())[:4] + b"".join(w.to_bytes(32, "big") for w in words)).hex()
        return int(self.rpc.call("eth_call", {"to": to, "data": data}, hex(self.head)), 16)

    # ---- tokens -------------------------------------------------------------------------------------------------------

    def tokens(self):
        """Every movement of the token, added up by holder and compared with what the token says."""
        token, accounts, minted, moves = self.place["token"], {}, 0, self.logs(self.place["token"], TRANSFER)
        for log in moves:
            source, target = ("0x" + t[26:] for t in log["topics"][1:3])
            amount = int(log["data"], 16)
            accounts[source] = accounts.get(source, 0) - amount
            accounts[target] = accounts.get(target, 0) + amount
            minted += amount if source == ZERO else 0
        held = {who: amount for who, amount in accounts.items() if who != ZERO}
        wrong = [who for who, amount in held.items() if self.view(token, "balanceOf(address)", int(who, 16)) != amount]
        supply = self.view(token, "totalSupply()")
        self.note("token movements sum to zero", sum(accounts.values()) == 0, f"{len(moves)} transfers")
        self.note("every balance is the sum of its movements", not wrong, f"{len(held)} holders" if not wrong else f"not so: {wrong}")
        self.note("what was made is what is held", supply == minted == sum(held.values()), f"{supply / 10**6:,.6f} tDAM")
        self.note("nobody is below zero", all(amount >= 0 for amount in held.values()))
        return moves

    # ---- the market ---------------------------------------------------------------------------------------------------

    def market(self, moves):
        """Each interval again from its events: what was sold, metered and paid; and what the market must still hold."""
        market, account = self.place["market"], self.place["account"]
        deposit, metering = self.view(market, "deposit()"), self.view(market, "metering()")
        credits, price, sold, metered, paid = {}, {}, {}, {}, {}
        for log in self.logs(market, CREDIT):
            if "0x" + log["topics"][1][26:] == ZERO:
                interval, amount = int(log["topics"][3], 16), int(log["data"][66:], 16)
                credits[interval] = credits.get(interval, 0) + amount
        for log in self.logs(market, CLEARED):
            interval = int(log["topics"][1], 16)
            price[interval], sold[interval] = int(log["data"][2:66], 16), int(log["data"][66:], 16)
        credits, volume = {k: x for k, x in credits.items() if x}, {k: x for k, x in sold.items() if x}
        self.note("credits made = energy cleared, every interval", credits == volume, f"{sum(volume.values()) / 1000:,.1f} kWh in {len(volume)} intervals")
        filled = {}
        for log in self.logs(market, FILLED, None, "0x" + account[2:].rjust(64, "0")):
            filled[int(log["topics"][1], 16) >> 120 & 0xFFFFFFFF] = int(log["data"][2:66], 16)
        for log in self.logs(market, METERED):
            metered[int(log["topics"][1], 16)] = int(log["data"], 16)
        for log in self.logs(market, COLLECTED):
            paid[int(log["topics"][1], 16)] = int(log["data"], 16)
        wrong = [k for k, amount in paid.items() if amount != min(filled.get(k, 0), metered.get(k, 0)) * (price[k] + deposit)]
        self.note("each sale is paid for what the oracles metered, to the last unit", not wrong and bool(paid),
                  f"{sum(paid.values()) / 10**6:,.6f} tDAM in {len(paid)} settlements" if not wrong else f"not so: {wrong}")
        now = int(self.rpc.call("eth_getBlockByNumber", hex(self.head), False)["timestamp"], 16)
        open_ = [k for k, wh in filled.items() if wh and metered.get(k) and k not in paid and (k + 1) * INTERVAL + metering + 2 * INTERVAL < now]
        self.note("no sale that was metered is left unpaid", len(open_) <= 16, f"{len(open_)} wait" if open_ else "")
        short = sum((wh - min(wh, metered.get(k, 0))) * (price[k] + deposit) for k, wh in filled.items() if k in paid)
        ins = sum(int(x["data"], 16) for x in moves if x["topics"][2][26:] == market[2:])
        outs = sum(int(x["data"], 16) for x in moves if x["topics"][1][26:] == market[2:])
        placed = {int(log["topics"][3], 16): int(log["data"][130:], 16) for log in self.logs(market, PLACED, None, "0x" + account[2:].rjust(64, "0"))}
        waiting = sum(wh * price[k] for k, wh in credits.items() if k not in paid)  # what the buyers have paid
        waiting += sum(filled.get(k, wh) * deposit for k, wh in placed.items() if k not in paid)  # what the seller has left there
        self.note("the market holds what it owes: sales not settled yet, and shortfalls for the holders of credits",
                  ins - outs == waiting + short, f"{(ins - outs) / 10**6:,.6f} tDAM" if ins - outs == waiting + short else f"{ins - outs} != {waiting} + {short}")
        delivered, taken = sum(metered.get(k, 0) for k in paid), sum(min(filled.get(k, 0), metered.get(k, 0)) for k in paid)
        self.note("energy settled is energy metered, less what was not sold", taken <= delivered and taken > 0,
                  f"{taken / 1000:,.1f} of {delivered / 1000:,.1f} kWh")

    # ---- the site -----------------------------------------------------------------------------------------------------

    def site(self, moves):
        """Nothing has left the site's account but to those whom its policy names."""
        account, names = self.place["account"], {address: name for name, address in self.place.items()}
        out = {}
        for log in moves:
            if log["topics"][1][26:] == account[2:]:
                target = "0x" + log["topics"][2][26:]
                out[names.get(target, target)] = out.get(names.get(target, target), 0) + int(log["data"], 16)
        self.note("the site paid only market, maintenance and shares", set(out) <= {"market", "jobs", "shares"},
                  ", ".join(f"{name} {amount / 10**6:,.2f}" for name, amount in sorted(out.items())))
        anchors = [int(log["topics"][2], 16) for log in self.logs(self.place["evidence"], ANCHORED, "0x" + "1".rjust(64, "0"))]
        self.note("the site's log is anchored, and only ever grows", bool(anchors) and anchors == sorted(set(anchors)),
                  f"{len(anchors)} checkpoints, {anchors[-1] if anchors else 0} leaves")

    # ---- the chain's own coin -----------------------------------------------------------------------------------------

    def coin(self):
        """No wei is made or lost: what the genesis gave is what is held, and what base fees burned."""
        seen, burned = set(self.place.values()), 0
        for number in range(self.head + 1):
            block = self.rpc.call("eth_getBlockByNumber", hex(number), True)
            seen.add(block["miner"])
            burned += int(block["gasUsed"], 16) * int(block.get("baseFeePerGas") or "0x0", 16)
            for tx in block["transactions"]:
                seen |= {tx["from"], tx["to"]} - {None}
        at = lambda who, block: int(self.rpc.call("eth_getBalance", who, block), 16)
        before, after = sum(at(who, "0x0") for who in seen), sum(at(who, hex(self.head)) for who in seen)
        self.note("no wei is made or lost", before == after + burned, f"{before / 10**18:,.0f} ETH at {len(seen)} addresses, {burned} wei burned")


def audit(url, place):
    """Returns a list of (what, holds, detail)."""
    audit_ = Audit(url, place)
    moves = audit_.tokens()
    audit_.market(moves)
    audit_.site(moves)
    audit_.coin()
    return audit_.rows


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8") as f:
        rows = audit(sys.argv[1], json.load(f))
    for what, holds, detail in rows:
        print(f"{'ok  ' if holds else 'FAIL'}  {what}{': ' + detail if detail else ''}")
    return 0 if all(holds for _, holds, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
