# SPDX-License-Identifier: Apache-2.0
"""The market's quarter of an hour: houses bid, the auction clears, meters report, sellers collect."""
from village import DEPOSIT, HOUSES, INTERVAL, METERS, OPERATOR, STEP, batch

BUY, SELL = 0, 1
GAS = 600_000  # a limit that every transaction of the market fits; what is not used is not paid


def tick_of(price_millicent_kwh):
    """The ladder's highest tick at or below a price."""
    return max(0, min(255, price_millicent_kwh // 100 // STEP - 1))


class Market:
    """Plays the houses, the meters and the market's clerk. The site's own orders come from the site."""

    def __init__(self, village):
        self.v = village
        self.orders = {}  # interval: [order id]
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
        readings = {index: truth_wh + offset for index, offset in zip(METERS, (0, truth_wh // 500, -(truth_wh // 400), 0))}
        if lie_wh is not None:
            readings[METERS[2]] = lie_wh
        self.round += 1
        report = dict(config=v.oracle_config, topic=v.market.read("topic", interval, v.account.address), round=self.round,
                      time=v.chain.now, observations=sorted(readings.values()))
        domain = dict(name="DAM OracleFeed", version="1", chainId=v.chain.id, verifyingContract=v.oracle.address)
        kind = "Report(bytes32 config,bytes32 topic,uint64 round,uint64 time,int128[] observations)"
        signatures = [v.key(index).sign_typed(domain, kind, report) for index in METERS[:2]]
        operator = v.key(OPERATOR)
        posted = [v.oracle.post(operator, "report", report, signatures, gas=GAS),
                  v.market.post(operator, "meter", interval, v.account.address, gas=GAS)]
        v.chain.mine()
        for tx in posted:
            receipt = v.chain.receipt(tx)
        self.delivered[interval] = v.market.events(receipt, "Metered")[0]["quantity"]
        return readings, self.delivered[interval]


class StandInSite:
    """A site whose mind is asked through eth_call: what the director is developed against where `dam up` does not run."""

    def __init__(self, village, key):
        self.v, self.key, self.memory, self.last = village, key, b"", None

    def turn(self, now, truth):
        import struct
        values = [now, truth["pv_w"], truth["soc_centipct"], *truth["house_w"], truth["price_millicent_kwh"]]
        observation = b"".join(struct.pack(">qIBBBB", x, 0, 0, 0, 0, 0) for x in values)
        for x in self.last or (0, 0, 102_400):
            observation += struct.pack(">qIBBBB", x, 0xFFFFFFFF if self.last is None else 0, 0, 0, 0, 0)
        terms = self.v.constitution.read("current", self.v.id)
        memory, proposal = self.v.chain.at("IMind", terms["mind"]).read("decide", self.memory, observation)
        action, _ = self.v.chain.at("ICharter", terms["charter"]).read("review", self.memory, observation, proposal)
        self.memory = bytes.fromhex(memory[2:])
        self.last = struct.unpack(">qqq", bytes.fromhex(action[2:]))
        return self.last

    def offer(self, interval, wh, price):
        calls = [(self.v.token, "approve", self.v.market.address, wh * DEPOSIT), (self.v.market, "place", interval, SELL, tick_of(price), wh)]
        return self.v.account.post(self.key, "execute", *batch(calls), gas=2 * GAS)

    def actuate(self, plant, rate):
        """Write the battery's set-point (SunSpec model 124, OutWRte) with one Modbus request."""
        import socket
        import struct
        with socket.create_connection(("127.0.0.1", plant.port)) as s:
            s.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 1, 6, 40134, rate & 0xFFFF))
            assert len(s.recv(64)) == 12

    def collect(self, interval):
        return self.v.account.post(self.key, "execute", *batch([(self.v.market, "collect", interval)]), gas=GAS)
