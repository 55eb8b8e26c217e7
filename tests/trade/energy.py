#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine sells by itself: `dam up` with an energy-market link, its signer process, our ledger, the demo's law and market.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import random
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary, told
from machine_site import START, Site, manifest, world
import village
from market import Market
from village import INTERVAL

PV, TARIFF = 24_000, 0.3  # W, EUR/kWh; the houses draw 1 kW each, the battery is full
OFFER_WH = PV // 4
SLOTS = 9


def events(v, name):
    """All events of the market of one name about the site's account, oldest first."""
    logs = v.chain.rpc.call("eth_getLogs", {"address": v.market.address, "fromBlock": "0x0", "toBlock": "latest"})
    return [e for e in v.market.events({"logs": logs}, name) if v.account.address in (e.get("owner"), e.get("seller"))]


class Slots:
    """The market's clerk: everything that is not the site's."""

    def __init__(self, v):
        self.v, self.market, self.k = v, Market(v, random.Random(1)), 0

    def turn(self, report=True):
        """After the site's turn at this slot: others bid, blocks are made, the book is closed, meters report."""
        now = START + self.k * INTERVAL
        interval = now // INTERVAL
        if report and self.k > 0 and self.market.sold.get(interval - 1):
            self.v.chain.mine(now + 1)
            self.market.report(interval - 1, OFFER_WH)
        posted = self.market.bid(interval + 1, [6000] * 4, int(TARIFF * 100_000))
        self.v.chain.mine(max(self.v.chain.now + 1, now + 5))
        self.market.note([self.v.chain.receipt(tx) for tx in posted])
        self.v.chain.mine(now + 601)
        self.market.clear(interval + 1)
        self.k += 1


def seller(v, url):
    return manifest("site.toml", url=url, account=v.account.address, market=v.market.address)


def make_site(folder, v, url, text=None, may="spend"):
    """text: its dam.toml, if it is not the seller's; may: what its signer may."""
    site = Site(folder, v, text or seller(v, url), may)
    rows = [f"{k * INTERVAL},{PV},96,1000,{TARIFF}" for k in range(SLOTS)]
    site.write("weather.csv", "\n".join(["time,pv,soc,house,tariff", *rows]) + "\n")
    return site


def trade(site, v, ledger):
    first = START // INTERVAL + 1
    slots = Slots(v)
    site.up(START)
    site.step("1s")
    slots.turn()
    placed = events(v, "Placed")
    check("one order", len(placed) == 1, site.said())
    order = placed[0] if placed else {}
    # nine tenths of the tariff: 270 units a Wh; the next tick of 4 units above is (67 + 1) * 4 = 272
    check("the mind's order", (order.get("interval"), order.get("side"), order.get("tick"), order.get("quantity")) == (first, 1, 67, OFFER_WH), order)
    check("cleared", slots.market.sold.get(first, 0) > 0, slots.market.sold)

    # the machine is killed, and goes on where it was
    site.down(signal.SIGKILL)
    site.up(START + INTERVAL)
    site.step("1s")
    slots.turn()
    check("an order a turn", [e["interval"] for e in events(v, "Placed")] == [first, first + 1], site.said())
    check("it claims what was filled", [e["quantity"] for e in events(v, "Filled")] == [OFFER_WH], site.said())

    before = v.token.read("balanceOf", v.account.address)
    early = []  # steps that were answered before the turn's set-points were
    for _ in range(4):
        leaves = site.step("899s")["leaves"]  # to the very moment of the turn
        early += [leaves] if site.step("1s")["leaves"] != leaves else []
        slots.turn()
    check("a step is answered when the turn's receipt is in the evidence", not early, early)
    collected = events(v, "Collected")
    check("it collects", collected and collected[0]["interval"] == first and collected[0]["amount"] > 0, site.said())
    check("it earns", v.token.read("balanceOf", v.account.address) > before - 6 * OFFER_WH * village.DEPOSIT)

    # a dead ledger: turns go on, nothing is in doubt
    count = len(events(v, "Placed"))
    ledger.stop(signal.SIGKILL)
    turns = site.step("15m")["turns"]
    check("turns go on without a chain", turns == 6, turns)
    check("it says so", "link market is down" in site.said(), site.said())
    # a ledger that listens and says nothing: the turn waits for one call, not for ever
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", ledger.port))
        silent.listen()
        begun = time.monotonic()
        turns = site.step("15m")["turns"]
        check("a silent chain costs a second", turns == 7 and time.monotonic() - begun < 5, time.monotonic() - begun)
        slots.k += 1
    ledger.open()
    v.chain.rpc.call("evm_setAutomine", False)  # it forgets that at a start
    slots.k += 1
    site.step("15m")
    v.chain.mine(START + slots.k * INTERVAL + 5)
    check("it comes back", len(events(v, "Placed")) == count + 1, site.said())
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    verify = json.loads(told("verify", site.folder, "--json"))
    check("the evidence holds", verify["good"], verify)
    fates = [leaf["status"] for leaf in site.leaves() if leaf["kind"] == "receipt"]
    check("two writes were refused, none is in doubt", fates.count("refused") == 2 and "unknown" not in fates and len(fates) == 10, fates)


if __name__ == "__main__":
    world(trade, make_site)
    sys.exit(summary())
