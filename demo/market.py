# SPDX-License-Identifier: Apache-2.0
"""The market's quarter of an hour: houses bid, the auction clears, meters report, sellers collect."""
from village import HOUSES, INTERVAL, METERS, OPERATOR, STEP

BUY, SELL = 0, 1
GAS = 600_000  # a limit that every transaction of the market fits; what is not used is not paid


def tick_of(price_millicent_kwh):
    """The ladder's highest tick at or below a price."""
    return max(0, min(255, price_millicent_kwh // 100 // STEP - 1))


class Market:
    """Plays the houses, the meters and the market's clerk. The site places, claims and collects its own orders."""

    def __init__(self, village, chance):
        self.v, self.chance = village, chance
        self.orders = {}  # interval: [order id]
        self.book = {}  # interval: Placed events, the site's among them
        self.sold = {}  # interval: Wh
        self.delivered = {}
        self.price = {}
        self.round = 0

    def bid(self, interval, loads_w, tariff):
        """Every house bids for what it draws now, at the tariff it would pay elsewhere."""
        posted = []
        for index, load_w in zip(HOUSES, loads_w):
            wh = load_w * INTERVAL // 3600
            if wh > 0:
                posted.append(self.v.market.post(self.v.key(index), "place", interval, BUY, tick_of(tariff), wh, gas=GAS))
        return posted

    def note(self, receipts):
        """Remember the orders that blocks took in."""
        for receipt in receipts:
            for event in self.v.market.events(receipt, "Placed"):
                self.orders.setdefault(event["interval"], []).append(event["id"])

    def read_book(self, interval):
        """Every order of an interval, by the blocks since its book opened."""
        head = int(self.v.chain.rpc.call("eth_blockNumber"), 16)
        logs = self.v.chain.rpc.call("eth_getLogs", {"address": self.v.market.address, "fromBlock": hex(max(0, head - 12)), "toBlock": "latest"})
        self.book = {interval: [e for e in self.v.market.events({"logs": logs}, "Placed") if e["interval"] == interval]}
        return self.book[interval]

    def clear(self, interval):
        """Close the book of an interval and hand everybody their outcome."""
        operator = self.v.key(OPERATOR)
        posted = [self.v.market.post(operator, "clear", interval, gas=3_000_000)]
        posted += [self.v.market.post(operator, "claim", order, gas=GAS) for order in sorted(self.orders.pop(interval, []))]
        self.v.chain.mine()
        receipts = [self.v.chain.receipt(tx) for tx in posted]
        cleared = self.v.market.events(receipts[0], "Cleared")[0]
        self.price[interval], self.sold[interval] = cleared["price"], cleared["volume"]
        return cleared

    def report(self, interval, truth_wh, lie_wh=None):
        """The meters sign what the site delivered in an interval; f + 1 = 2 signatures, 4 observations, sorted.

        Meters differ by their tolerance; lie_wh: what meter C says instead."""
        v = self.v
        readings = {index: truth_wh + self.chance.randint(-truth_wh // 400, truth_wh // 400) for index in METERS}
        if lie_wh is not None:
            readings[METERS[2]] = lie_wh
        self.round += 1
        report = dict(config=v.oracle_config, topic=v.market.read("topic", interval, v.account.address), round=self.round,
                      time=v.chain.now, observations=sorted(readings.values()))
        domain = dict(name="DAM OracleFeed", version="1", chainId=v.chain.id, verifyingContract=v.oracle.address)
        kind = "Report(bytes32 config,bytes32 topic,uint64 round,uint64 time,int128[] observations)"
        pair = (METERS[self.round % 4], METERS[(self.round + 1) % 4]) if lie_wh is None else METERS[:2]
        signatures = [v.key(index).sign_typed(domain, kind, report) for index in pair]
        operator = v.key(OPERATOR)
        posted = [v.oracle.post(operator, "report", report, signatures, gas=GAS),
                  v.market.post(operator, "meter", interval, v.account.address, gas=GAS)]
        v.chain.mine()
        for tx in posted:
            receipt = v.chain.receipt(tx)
        self.delivered[interval] = v.market.events(receipt, "Metered")[0]["quantity"]
        return readings, self.delivered[interval]
