#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Audits the village's books over JSON-RPC alone: nothing from the demo's memory, only what the chain says, to the last unit.

usage: demo/books.py RPC_URL DEPLOYMENT.json [ACCOUNTS.csv ...]     exit 1 if anything does not balance

DEPLOYMENT.json names the contracts. ACCOUNTS.csv: the site's accounts of each month since its founding; every line is looked up on the chain.
"""
import calendar
import csv
import io
import json
import sys

from chain import Rpc, keccak

ZERO = "0x" + "00" * 20


def topic(signature):
    return "0x" + keccak(signature.encode()).hex()


TRANSFER, CREDIT = topic("Transfer(address,address,uint256)"), topic("Transfer(address,address,address,uint256,uint256)")
CLEARED, METERED = topic("Cleared(uint32,uint256,uint64)"), topic("Metered(uint32,address,uint64)")
FILLED, COLLECTED = topic("Filled(uint256,address,uint64,uint64)"), topic("Collected(uint32,address,uint256)")
PLACED = topic("Placed(uint256,address,uint32,uint8,uint8,uint64)")
ANCHORED, REPORTED = topic("Anchored(uint256,uint64,bytes32,uint64)"), topic("Reported(bytes32,uint64,int128,uint64)")


def pad(address):
    return "0x" + address[2:].rjust(64, "0")


def lines(text):
    """The lines of a month's accounts."""
    return list(csv.DictReader(io.StringIO(text)))


def units(rows, column, decimals):
    """The sum of a column, as an integer of its smallest unit."""
    return sum(int(r[column].replace(".", "")) for r in rows if r[column] and len(r[column].partition(".")[2]) == decimals)


def readings(data):
    """The observations of OracleFeed.report's calldata: its first argument is a struct whose fifth member is an int128[]."""
    words = [int(data[10 + i:74 + i], 16) for i in range(0, len(data) - 10, 64)]
    report = words[0] // 32
    at = report + words[report + 4] // 32
    return words[at + 1:at + 1 + words[at]]


class Audit:
    def __init__(self, url, place):
        self.rpc, self.place, self.rows = Rpc(url), place, []
        self.head = int(self.rpc.call("eth_blockNumber"), 16)
        self.blocks = [self.rpc.call("eth_getBlockByNumber", hex(number), True) for number in range(self.head + 1)]
        self.times = [int(block["timestamp"], 16) for block in self.blocks]

    def note(self, what, holds, detail=""):
        self.rows.append((what, holds, detail))

    def logs(self, address, *topics):
        found = []
        for start in range(0, self.head + 1, 2000):
            found += self.rpc.call("eth_getLogs", {"address": address, "topics": list(topics), "fromBlock": hex(start),
                                                   "toBlock": hex(min(self.head, start + 1999))})
        return found

    def view(self, to, signature, *words, block=None):
        data = "0x" + (keccak(signature.encode())[:4] + b"".join(w.to_bytes(32, "big") for w in words)).hex()
        return int(self.rpc.call("eth_call", {"to": to, "data": data}, hex(self.head if block is None else block)), 16)

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
        deposit = self.view(market, "deposit()")
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
        for log in self.logs(market, FILLED, None, pad(account)):
            filled[int(log["topics"][1], 16) >> 120 & 0xFFFFFFFF] = int(log["data"][2:66], 16)
        for log in self.logs(market, METERED, None, pad(account)):
            metered[int(log["topics"][1], 16)] = int(log["data"], 16)
        for log in self.logs(market, COLLECTED, None, pad(account)):
            paid[int(log["topics"][1], 16)] = int(log["data"], 16)
        wrong = [k for k, amount in paid.items() if amount != min(filled.get(k, 0), metered.get(k, 0)) * (price[k] + deposit)]
        self.note("each sale is paid for what the oracles metered, to the last unit", not wrong and bool(paid),
                  f"{sum(paid.values()) / 10**6:,.6f} tDAM in {len(paid)} settlements" if not wrong else f"not so: {wrong}")
        open_ = [k for k, wh in filled.items() if wh and metered.get(k) and k not in paid]
        late = [k for k in open_ if k < max(paid, default=0)]
        self.note("no sale that was metered is left unpaid", not late, f"not so: {late}" if late else f"the newest {len(open_)} wait for the site's next turn")
        short = sum((wh - min(wh, metered.get(k, 0))) * (price[k] + deposit) for k, wh in filled.items() if k in paid)
        ins = sum(int(x["data"], 16) for x in moves if x["topics"][2][26:] == market[2:])
        outs = sum(int(x["data"], 16) for x in moves if x["topics"][1][26:] == market[2:])
        placed = {int(log["topics"][3], 16): int(log["data"][130:], 16) for log in self.logs(market, PLACED, None, pad(account))}
        waiting = sum(wh * price[k] for k, wh in credits.items() if k not in paid)  # what the buyers have paid
        waiting += sum(filled.get(k, wh) * deposit for k, wh in placed.items() if k not in paid)  # what the seller has left there
        self.note("the market holds what it owes: sales not settled yet, and shortfalls for the holders of credits",
                  ins - outs == waiting + short, f"{(ins - outs) / 10**6:,.6f} tDAM" if ins - outs == waiting + short else f"{ins - outs} != {waiting} + {short}")
        self.meters(metered)
        self.filled, self.metered = filled, metered

    def meters(self, metered):
        """What counts as delivered lies between two readings that no single liar could have placed, and which agree within the meters' tolerance."""
        market, account, reports = self.place["market"], self.place["account"], {}
        for log in self.logs(self.place["oracle"], REPORTED):
            sent = self.rpc.call("eth_getTransactionByHash", log["transactionHash"])
            reports[log["topics"][1]] = int(log["data"][2:66], 16), readings(sent["input"])
        wrong = []
        for interval, wh in metered.items():
            value, seen = reports[f"0x{self.view(market, 'topic(uint32,address)', interval, int(account, 16)):064x}"]
            if not (value == wh and seen[1] <= wh <= seen[-2] and seen[-2] - seen[1] <= max(5, wh // 100)):
                wrong.append(interval)
        self.note("energy delivered is what the meters read, within their tolerance of 1 %, every interval", not wrong and bool(metered),
                  f"{sum(metered.values()) / 1000:,.1f} kWh in {len(metered)} intervals" if not wrong else f"not so: {wrong}")

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
        for block in self.blocks:
            seen.add(block["miner"])
            burned += int(block["gasUsed"], 16) * int(block.get("baseFeePerGas") or "0x0", 16)
            for tx in block["transactions"]:
                seen |= {tx["from"], tx["to"]} - {None}
        at = lambda who, block: int(self.rpc.call("eth_getBalance", who, block), 16)
        before, after = sum(at(who, "0x0") for who in seen), sum(at(who, hex(self.head)) for who in seen)
        self.note("no wei is made or lost", before == after + burned, f"{before / 10**18:,.0f} ETH at {len(seen)} addresses, {burned} wei burned")

    # ---- the site's accounts --------------------------------------------------------------------------------------------

    def accounts(self, moves, months):
        """Each line of the accounts on the chain, each movement of the chain in the accounts; and what each month ends with."""
        account, rows = self.place["account"], [row for month in months for row in month]
        told, seen = {}, {}
        for row in rows:
            if row["tdam"]:
                told[row["transaction"]] = told.get(row["transaction"], 0) + units([row], "tdam", 6)
        for log in moves:
            for sign, who in ((-1, log["topics"][1]), (1, log["topics"][2])):
                if who == pad(account):
                    seen[log["transactionHash"]] = seen.get(log["transactionHash"], 0) + sign * int(log["data"], 16)
        told, seen = ({tx: x for tx, x in side.items() if x} for side in (told, seen))
        self.note("accounts: every token that came or went is a line, every line a transfer", told == seen and bool(told), f"{len(told)} transactions")
        held, wrong = 0, []
        for month in months:
            held += units(month, "tdam", 6)
            year, number = map(int, month[0]["time"].split("-")[:2])
            end = calendar.timegm((year + number // 12, number % 12 + 1, 1, 0, 0, 0))
            last = max(i for i, at in enumerate(self.times) if at < end)
            if held != self.view(self.place["token"], "balanceOf(address)", int(account, 16), block=last):
                wrong.append(month[0]["time"][:7])
        self.note("accounts: each month ends with what the account then held", not wrong, f"{len(months)} months, {held / 10**6:,.6f} tDAM" if not wrong else f"not so: {wrong}")
        self.fees([row for row in rows if row["fee_eth"]])
        sold, metered = sum(self.filled.values()), sum(self.metered.values())
        self.note("accounts: energy sold and metered is that of the market's events", (units(rows, "sold_kwh", 3), units(rows, "metered_kwh", 3)) == (sold, metered),
                  f"{sold / 1000:,.3f} and {metered / 1000:,.3f} kWh")
        payments = [row for row in rows if row["tdam"].startswith("-")]
        recorded = max((row["time"] for row in payments if row["leaf"]), default="")  # what came later is the next turn's to record
        silent = [row["transaction"] for row in payments if not row["leaf"] and row["time"] <= recorded]
        self.note("accounts: every payment names the leaf of the site's log that records it", bool(recorded) and not silent,
                  f"not so: {silent}" if silent else f"{len(payments)} payments")

    def fees(self, rows):
        """Every transaction of the key that signs for the site is a line, with the fee of its receipt."""
        receipts = {row["transaction"]: self.rpc.call("eth_getTransactionReceipt", row["transaction"]) for row in rows}
        paid = sum(int(r["gasUsed"], 16) * int(r["effectiveGasPrice"], 16) for r in receipts.values())
        signers = {r["from"] for r in receipts.values()}
        sent = {tx["hash"] for block in self.blocks for tx in block["transactions"] if tx["from"] in signers}
        self.note("accounts: every transaction of the site's key is a line, with its fee", len(signers) == 1 and sent == set(receipts) and
                  units(rows, "fee_eth", 18) == paid, f"{len(rows)} transactions, {paid / 10**18:.6f} ETH")


def audit(url, place, accounts=()):
    """accounts: the text of each month. Returns a list of (what, holds, detail)."""
    audit_ = Audit(url, place)
    moves = audit_.tokens()
    audit_.market(moves)
    audit_.site(moves)
    audit_.coin()
    if accounts:
        audit_.accounts(moves, sorted(map(lines, accounts), key=lambda month: month[0]["time"]))
    return audit_.rows


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    rows = audit(sys.argv[1], json.loads(read(sys.argv[2])), [read(path) for path in sys.argv[3:]])
    for what, holds, detail in rows:
        print(f"{'ok  ' if holds else 'FAIL'}  {what}{': ' + detail if detail else ''}")
    return 0 if all(holds for _, holds, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
