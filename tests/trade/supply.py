#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine buys its energy by itself: `dam up` with an energy-market link that bids, its signer process, our ledger, the demo's law and
market. Its seller delivers nothing, and what that costs the seller comes to the machine.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary, told, wishful
from machine_site import START, Site, manifest, world
import village
from market import SELL
from village import DEPOSIT, HOUSES, INTERVAL, STEP, only, rule

PERIOD = 300
WISHES = {0: (600, 0.30), 6: (400, 0.0003)}  # turn: Wh, EUR a kWh; the second is below the ladder
SELL_TICK, BID_TICK = 49, 300 // STEP - 1


def policy_blob(v):
    return village.policy(v, [
        rule(v.token, "approve", 2, amount=1, payee=0, bucket=0, checks=[only(v.market.address)]),
        rule(v.market, "place", 4), rule(v.market, "claim", 1), rule(v.market, "redeem", 2),
    ])


def make_site(folder, v, url):
    site = Site(folder, v, manifest("supply.toml", url=url, account=v.account.address, market=v.market.address))
    site.write("wish.hex", wishful(2))
    rows = ["{},{},{}".format(k * PERIOD, *WISHES.get(k, (0, 0))) for k in range(40)]
    site.write("wishes.csv", "\n".join(["time,bid,price", *rows]) + "\n")
    return site


class Play:
    def __init__(self, site, v):
        self.site, self.v, self.k = site, v, 0
        self.start()

    def start(self):
        self.site.up(START + self.k * PERIOD)
        self.step = "1s"  # the first turn is at the start

    def turn(self, count=1):
        for _ in range(count):
            self.site.step(self.step)
            self.step = "5m"
            self.v.chain.mine(max(self.v.chain.now + 1, START + self.k * PERIOD + 5))
            self.k += 1

    def events(self, name):
        logs = self.v.chain.rpc.call("eth_getLogs", {"address": self.v.market.address, "fromBlock": "0x0", "toBlock": "latest"})
        return [e for e in self.v.market.events({"logs": logs}, name) if self.v.account.address in (e.get("owner"), e.get("holder"))]

    def money(self):
        return self.v.token.read("balanceOf", self.v.account.address)

    def seen(self):
        leaf = json.loads(told("why", "last", self.site.folder, "--json"))["leaf"]
        return {c["name"]: c["value"] for c in leaf["observation"]}


def play_all(site, v, _):
    play = Play(site, v)
    first = START // INTERVAL + 1
    before = play.money()
    play.turn()
    placed = play.events("Placed")
    check("it bids at no more than its price", [(e["interval"], e["side"], e["tick"], e["quantity"]) for e in placed] == [(first, 0, BID_TICK, 600)], (placed, site.said()))
    check("its escrow is the price", before - play.money() == 600 * (BID_TICK + 1) * STEP, before - play.money())
    v.market.send(v.key(HOUSES[0]), "place", first, SELL, SELL_TICK, 600)
    play.turn(2)  # the gate closes meanwhile
    v.market.send(v.key(0), "clear", first)
    price = v.market.read("price", v.market.read("bookOf", first)["tick"])

    site.down(signal.SIGKILL)  # it goes on where it was
    play.start()
    play.turn()
    check("it claims its credits, and what it need not pay", [e["filled"] for e in play.events("Filled")] == [600] and before - play.money() == 600 * price,
          (play.events("Filled"), before - play.money(), price, site.said()))
    play.turn(2)
    check("the mind sees what it may draw", play.seen()["credits"] == 600, play.seen())
    play.turn()
    check("a price below the ladder is refused, and said", len(play.events("Placed")) == 1 and "below the market's lowest tick" in site.said(), site.said())
    play.turn(5)
    redeemed = play.events("Redeemed")
    check("what the seller lost comes to it", [(e["interval"], e["credits"], e["amount"]) for e in redeemed] == [(first, 600, 600 * (price + DEPOSIT))], (redeemed, site.said()))
    check("it is better off than before", play.money() - before == 600 * DEPOSIT, play.money() - before)
    play.turn()
    check("once", len(play.events("Redeemed")) == 1)
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    check("the evidence holds", json.loads(told("verify", site.folder, "--json"))["good"])


if __name__ == "__main__":
    village.policy_blob = policy_blob
    world(play_all, make_site)
    sys.exit(summary())
