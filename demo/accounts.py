# SPDX-License-Identifier: Apache-2.0
"""The site's accounts, read from the ledger: each interval that it sold, each other payment, with the transaction that made it."""
import csv
import io
import time

from chain import decode_one, keccak
from village import DEPOSIT, FIRM, INTERVAL, NAMES, NEIGHBOUR

TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
COLUMNS = ["time", "seq", "sold_wh", "metered_wh", "price_kwh", "earned", "shortfall", "order_tx", "settled_tx"]


def word(address):
    return "0x" + address[2:].rjust(64, "0")


class Accounts:
    def __init__(self, v, key):
        self.v, self.key, self.block = v, key, 0
        self.rows, self.payments, self.prices = {}, [], {}  # interval: row
        self.start_wei = int(v.chain.rpc.call("eth_getBalance", key.address, "latest"), 16)
        self.start_nonce = int(v.chain.rpc.call("eth_getTransactionCount", key.address, "latest"), 16)
        self.what = {v.jobs.address: ("maintenance, escrow", NAMES[FIRM]), v.shares.address: ("revenue to the shares", "share holders"),
                     v.tab.address: ("tab settled", NAMES[NEIGHBOUR]), "0x" + "00" * 20: ("founding capital", "the community"),
                     v.key(NEIGHBOUR).address: ("data by x402, charger's pass", NAMES[NEIGHBOUR])}

    def row(self, interval):
        return self.rows.setdefault(interval, dict(time=interval * INTERVAL, seq=None, sold_wh=0, metered_wh=0, price_kwh=0, earned=0, shortfall=0,
                                                   order_tx=None, settled_tx=None))

    def decided(self, interval, seq):
        """The decision that offered energy for an interval."""
        self.row(interval)["seq"] = seq

    def refresh(self):
        """Take in the blocks since the last call."""
        v, rpc = self.v, self.v.chain.rpc
        head = int(rpc.call("eth_blockNumber"), 16)
        if head < self.block:
            return
        span = dict(fromBlock=hex(self.block), toBlock=hex(head))
        for log in rpc.call("eth_getLogs", dict(span, address=v.market.address)):
            self.market_log(log)
        account = word(v.account.address)
        for topics in ([TRANSFER, account], [TRANSFER, None, account]):
            for log in rpc.call("eth_getLogs", dict(span, address=v.token.address, topics=topics)):
                self.transfer_log(log)
        self.payments.sort(key=lambda p: (p["block"], p["tx"]))
        self.block = head + 1

    def market_log(self, log):
        events = {name: found[0] for name in ("Placed", "Filled", "Cleared", "Metered", "Collected")
                  if (found := self.v.market.events({"logs": [log]}, name))}
        for name, event in events.items():
            if name == "Cleared":
                self.prices[event["interval"]] = event["price"]
                if event["interval"] in self.rows:
                    self.row(event["interval"])["price_kwh"] = event["price"] * 1000
            elif self.v.account.address in (event.get("owner"), event.get("seller")):
                interval = event["interval"] if "interval" in event else event["id"] >> 120 & 0xFFFFFFFF
                row = self.row(interval)
                row["price_kwh"] = self.prices.get(interval, 0) * 1000
                if name == "Placed":
                    row["order_tx"] = log["transactionHash"]
                elif name == "Filled":
                    row["sold_wh"] = event["filled"]
                elif name == "Metered":
                    row["metered_wh"] = event["quantity"]
                else:
                    delivered = min(row["sold_wh"], row["metered_wh"])
                    row["earned"] = event["amount"] - delivered * DEPOSIT
                    row["shortfall"] = (row["sold_wh"] - delivered) * DEPOSIT
                    row["settled_tx"] = log["transactionHash"]

    def transfer_log(self, log):
        source, target = ("0x" + t[26:] for t in log["topics"][1:3])
        other = target if source == self.v.account.address else source
        if other == self.v.market.address:
            return
        amount = decode_one({"type": "uint256"}, bytes.fromhex(log["data"][2:]), 0)[0]
        what, who = self.what.get(other, ("payment", NAMES.get(next((i for i in NAMES if self.v.key(i).address == other), None), other)))
        block = int(log["blockNumber"], 16)
        self.payments.append(dict(time=int(self.v.chain.rpc.call("eth_getBlockByNumber", hex(block), False)["timestamp"], 16), block=block,
                                  what=what, who=who, amount=-amount if other == target else amount, tx=log["transactionHash"]))

    def earned(self):
        return sum(r["earned"] for r in self.rows.values()) + sum(p["amount"] for p in self.payments if p["amount"] > 0 and p["what"] != "founding capital")

    def spent(self):
        return sum(r["shortfall"] for r in self.rows.values()) - sum(p["amount"] for p in self.payments if p["amount"] < 0)

    def locked(self):
        """Deposits that the market holds for intervals that are not settled yet: what makes balance and sums differ."""
        return sum(p["amount"] for p in self.payments) + sum(r["earned"] - r["shortfall"] for r in self.rows.values())

    def document(self):
        """For the page to print: amounts as decimal strings."""
        v = self.v
        text = lambda row: {k: str(x) if isinstance(x, int) and k not in ("time", "seq", "block") else x for k, x in row.items()}
        spent = self.start_wei - int(v.chain.rpc.call("eth_getBalance", self.key.address, "latest"), 16)
        count = int(v.chain.rpc.call("eth_getTransactionCount", self.key.address, "latest"), 16) - self.start_nonce
        return dict(intervals=[text(self.rows[k]) for k in sorted(self.rows)], payments=[text(p) for p in self.payments],
                    fees_wei=str(spent), transactions=count)

    def csv(self):
        out = io.StringIO()
        table = csv.writer(out)
        table.writerow(COLUMNS)
        for interval in sorted(self.rows):
            row = self.rows[interval]
            table.writerow([time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(row["time"])), *(row[c] for c in COLUMNS[1:])])
        return out.getvalue()
