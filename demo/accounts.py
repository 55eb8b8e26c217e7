# SPDX-License-Identifier: Apache-2.0
"""The site's accounts, read from the ledger: each interval that it sold, each token that came or went, each fee, with the transaction that made
it. By the month (UTC): energy belongs to the month of its delivery, money to that of its payment."""
import csv
import io
import time

from chain import decode_one, keccak
from village import DEPOSIT, FIRM, INTERVAL, NAMES, NEIGHBOUR

TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
COLUMNS = ["time", "what", "who", "leaf", "decisions", "panels_kwh", "houses_kwh", "sold_kwh", "metered_kwh", "tdam", "fee_eth", "transaction"]
CAPITAL, SALE, PLACED, RETURNED = "founding capital", "energy sold", "market, deposit placed", "market, deposit returned"


def word(address):
    return "0x" + address[2:].rjust(64, "0")


def month_of(seconds):
    return time.strftime("%Y-%m", time.gmtime(seconds))


def fixed(value, decimals):
    """1234567, 6 -> "1.234567", to the last digit."""
    digits = str(abs(value)).rjust(decimals + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"


class Accounts:
    def __init__(self, v, key):
        self.v, self.key, self.block = v, key, 0
        self.rows, self.prices = {}, {}  # by interval
        self.moves, self.fees, self.times = [], [], {}  # tokens, transactions of the site's key, when each block was made
        self.what = {v.jobs.address: ("maintenance, escrow", NAMES[FIRM]), v.shares.address: ("revenue to the shares", "share holders"),
                     v.tab.address: ("tab settled", NAMES[NEIGHBOUR]), "0x" + "00" * 20: (CAPITAL, "the community"),
                     v.key(NEIGHBOUR).address: ("data by x402, charger's pass", NAMES[NEIGHBOUR])}

    def row(self, interval):
        return self.rows.setdefault(interval, dict(time=interval * INTERVAL, seq=None, sold_wh=0, metered_wh=0, price_kwh=0, earned=0, shortfall=0,
                                                   order_tx=None, settled_tx=None, settled_at=None))

    def decided(self, interval, seq):
        """The decision that offered energy for an interval."""
        self.row(interval)["seq"] = seq

    def refresh(self):
        """Take in the blocks since the last call."""
        v, rpc = self.v, self.v.chain.rpc
        head = int(rpc.call("eth_blockNumber"), 16)
        if head < self.block:
            return
        for number in range(self.block, head + 1):
            self.take_block(rpc.call("eth_getBlockByNumber", hex(number), True))
        span = dict(fromBlock=hex(self.block), toBlock=hex(head))
        for log in rpc.call("eth_getLogs", dict(span, address=v.market.address)):
            self.market_log(log)
        account = word(v.account.address)
        for topics in ([TRANSFER, account], [TRANSFER, None, account]):
            for log in rpc.call("eth_getLogs", dict(span, address=v.token.address, topics=topics)):
                self.transfer_log(log)
        self.moves.sort(key=lambda m: m["block"])
        self.block = head + 1

    def take_block(self, block):
        at = self.times[int(block["number"], 16)] = int(block["timestamp"], 16)
        for tx in block["transactions"]:
            if tx["from"] == self.key.address:
                receipt = self.v.chain.rpc.call("eth_getTransactionReceipt", tx["hash"])
                self.fees.append(dict(time=at, tx=tx["hash"], nonce=int(tx["nonce"], 16),
                                      wei=int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)))

    def move(self, log, what, who, amount):
        if amount:
            block = int(log["blockNumber"], 16)
            self.moves.append(dict(time=self.times[block], block=block, what=what, who=who, amount=amount, tx=log["transactionHash"]))

    def market_log(self, log):
        events = {name: found[0] for name in ("Placed", "Filled", "Cleared", "Metered", "Collected")
                  if (found := self.v.market.events({"logs": [log]}, name))}
        for name, event in events.items():
            if name == "Cleared":
                self.prices[event["interval"]] = event["price"]
                if event["interval"] in self.rows:
                    self.row(event["interval"])["price_kwh"] = event["price"] * 1000
            elif self.v.account.address in (event.get("owner"), event.get("seller")):
                self.own_event(log, name, event)

    def own_event(self, log, name, event):
        interval = event["interval"] if "interval" in event else event["id"] >> 120 & 0xFFFFFFFF
        row = self.row(interval)
        row["price_kwh"] = self.prices.get(interval, 0) * 1000
        if name == "Placed":
            row["order_tx"] = log["transactionHash"]
            self.move(log, PLACED, "the market", -event["quantity"] * DEPOSIT)
        elif name == "Filled":
            row["sold_wh"] = event["filled"]
            self.move(log, RETURNED, "the market", (event["quantity"] - event["filled"]) * DEPOSIT)
        elif name == "Metered":
            row["metered_wh"] = event["quantity"]
        else:
            delivered = min(row["sold_wh"], row["metered_wh"])
            row["earned"] = event["amount"] - delivered * DEPOSIT
            row["shortfall"] = (row["sold_wh"] - delivered) * DEPOSIT
            row["settled_tx"], row["settled_at"] = log["transactionHash"], self.times[int(log["blockNumber"], 16)]
            self.move(log, SALE, "the houses", row["earned"])
            self.move(log, RETURNED, "the market", delivered * DEPOSIT)

    def transfer_log(self, log):
        source, target = ("0x" + t[26:] for t in log["topics"][1:3])
        other = target if source == self.v.account.address else source
        if other == self.v.market.address:
            return  # told by the market's own events
        amount = decode_one({"type": "uint256"}, bytes.fromhex(log["data"][2:]), 0)[0]
        what, who = self.what.get(other, ("payment", NAMES.get(next((i for i in NAMES if self.v.key(i).address == other), None), other)))
        self.move(log, what, who, -amount if other == target else amount)

    def earned(self):
        return sum(m["amount"] for m in self.moves if m["amount"] > 0 and m["what"] not in (CAPITAL, RETURNED))

    def spent(self):
        return sum(r["shortfall"] for r in self.rows.values()) - sum(m["amount"] for m in self.moves if m["amount"] < 0 and m["what"] != PLACED)

    def months(self):
        return sorted({month_of(x["time"]) for x in (*self.moves, *self.fees, *(r for r in self.rows.values() if r["sold_wh"]))})

    def statement(self, month):
        """From what the account held before the month to what it held after it; of the deposits, what was lost and what the market still has."""
        before = [m for m in self.moves if month_of(m["time"]) < month]
        now = [m for m in self.moves if month_of(m["time"]) == month]
        lines = {}
        for m in now:
            line = lines.setdefault(m["what"], dict(what=m["what"], count=0, amount=0))
            line["count"] += 1
            line["amount"] += m["amount"]
        lost = {k: r["shortfall"] for k, r in self.rows.items() if r["settled_at"] and month_of(r["settled_at"]) <= month}
        left_there = -sum(m["amount"] for m in before + now if m["what"] in (PLACED, RETURNED))
        opening = sum(m["amount"] for m in before)
        return dict(opening=opening, closing=opening + sum(m["amount"] for m in now), lines=sorted(lines.values(), key=lambda x: -x["amount"]),
                    shortfall=sum(x for k, x in lost.items() if month_of(self.rows[k]["settled_at"]) == month), held=left_there - sum(lost.values()))

    def document(self, month, leaves):
        """For the page to print: amounts as decimal strings. leaves: as for csv."""
        text = lambda row: {k: str(x) if isinstance(x, int) and k not in ("time", "seq", "block", "count", "settled_at") else x for k, x in row.items()}
        statement, fees = self.statement(month), [f for f in self.fees if month_of(f["time"]) == month]
        return dict(month=month, months=self.months(), statement=text(statement) | {"lines": [text(x) for x in statement["lines"]]},
                    intervals=[text(r) for _, r in sorted(self.rows.items()) if month_of(r["time"]) == month],
                    payments=[text(m) | {"seq": leaves.get(m["tx"])} for m in self.moves if month_of(m["time"]) == month and m["what"] not in (SALE, PLACED, RETURNED)],
                    fees_wei=str(sum(f["wei"] for f in fees)), transactions=len(fees))

    def csv(self, month, days, leaves):
        """The month, a line a fact: each day's decisions and energy, each interval that was sold or metered, each movement of tokens, each fee. A column adds
        up. days: as the machine tells them; leaves: {transaction: the leaf that records it}."""
        kwh = lambda wh: fixed(int(wh), 3)
        lines = []
        for d in days:
            panels, all_ = int(d["energy_wh"]["pv"]), sum(map(int, d["energy_wh"].values()))
            lines.append(dict(time=d["start"], what="decisions", leaf=f"{d['first']}-{d['last']}", decisions=d["decisions"], panels_kwh=kwh(panels), houses_kwh=kwh(all_ - panels)))
        lines += [dict(time=r["time"], what="energy delivered", who="the houses", leaf=r["seq"], sold_kwh=kwh(r["sold_wh"]), metered_kwh=kwh(r["metered_wh"]),
                       transaction=r["settled_tx"]) for r in self.rows.values() if r["sold_wh"] or r["metered_wh"]]
        lines += [dict(time=m["time"], what=m["what"], who=m["who"], leaf=leaves.get(m["tx"]), tdam=fixed(m["amount"], 6), transaction=m["tx"]) for m in self.moves]
        lines += [dict(time=f["time"], what="network fee", who="the ledger", leaf=leaves.get(f["tx"]), fee_eth=fixed(f["wei"], 18), transaction=f["tx"]) for f in self.fees]
        out = io.StringIO()
        table = csv.DictWriter(out, COLUMNS)
        table.writeheader()
        for line in sorted((x for x in lines if month_of(x["time"]) == month), key=lambda x: x["time"]):
            table.writerow(line | {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(line["time"]))})
        return out.getvalue()
