#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine sells by itself: `dam up` with an energy-market link, its signer process, our ledger, the demo's law and market.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "demo"))
# pylint: disable=wrong-import-position
import village
from chain import Chain
from keys import derive, keystore
from market import Market
from village import DAY, INTERVAL
from world import Ledger

DAM = os.environ.get("DAM", os.path.join(ROOT, "build", "dam"))
CONTRACTS = os.environ.get("DAM_CONTRACTS", os.path.join(ROOT, "build", "contracts"))
GENESIS = 1_772_150_400
START = GENESIS + 2 * DAY
PV, TARIFF = 24_000, 0.3  # W, EUR/kWh; the houses draw 1 kW each, the battery is full
OFFER_WH = PV // 4
SLOTS = 9
results = {"passed": 0, "failed": 0}


def check(name, ok, detail=""):
    results["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAILED: {name} {detail}")


def dam(*args):
    done = subprocess.run([DAM, *args], capture_output=True, text=True, env=dict(os.environ, DAM_CONTRACTS=CONTRACTS), check=False, timeout=60)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


class Site:
    """The machine's folder and its process, with stepped time."""

    def __init__(self, folder, v, url):
        self.folder = os.path.join(folder, "site")
        os.makedirs(os.path.join(self.folder, "signer"))
        self.write("password", "secret of a test\n")
        self.write("signer/keystore", keystore(v.key(14), "secret of a test"))
        with open(os.path.join(folder, "policy"), "wb") as f:
            f.write(village.policy_blob(v))
        dam("signer", "reset", os.path.join(self.folder, "signer"), "--password-file", os.path.join(self.folder, "password"),
            "--chain-id", str(v.chain.id), "--machine", v.machine, "--account", v.account.address, "--evidence", v.evidence.address,
            "--policy", os.path.join(folder, "policy"), "--max-fee", str(10**11), "--fee-per-day", str(10**20), "--may", "spend", "--yes")
        with open(os.path.join(ROOT, "tests", "trade", "site.toml"), encoding="utf-8") as f:
            text = f.read()
        for name, value in {"start": START, "url": url, "account": v.account.address, "market": v.market.address}.items():
            text = text.replace(f"@{name}@", str(value))
        self.write("dam.toml", text)
        rows = [f"{k * INTERVAL},{PV},96,1000,{TARIFF}" for k in range(SLOTS)]
        self.write("weather.csv", "\n".join(["time,pv,soc,house,tariff", *rows]) + "\n")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def up(self, epoch):
        self.log = open(os.path.join(self.folder, "log"), "a+", encoding="utf-8")
        self.process = subprocess.Popen([DAM, "up", self.folder, "--step", "--epoch", str(epoch)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, env=dict(os.environ, DAM_CONTRACTS=CONTRACTS))

    def step(self, text):
        self.process.stdin.write(f"step {text}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def down(self, how=None):
        if how:
            self.process.send_signal(how)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)
        self.log.close()

    def said(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
            return f.read()


def events(v, name):
    """All events of the market of one name about the site's account, oldest first."""
    logs = v.chain.rpc.call("eth_getLogs", {"address": v.market.address, "fromBlock": "0x0", "toBlock": "latest"})
    return [e for e in v.market.events({"logs": logs}, name) if v.account.address in (e.get("owner"), e.get("seller"))]


class Slots:
    """The market's clerk: everything that is not the site's."""

    def __init__(self, v):
        self.v, self.market, self.k = v, Market(v), 0

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


def run(folder):
    ledger = Ledger(DAM, folder, GENESIS)
    site = None
    try:
        v = village.found(Chain(ledger.url, CONTRACTS))
        key = derive(14)
        village.enrol(v, key.address, key.sign_typed)
        site = Site(folder, v, ledger.url)
        trade(site, v, ledger)
    finally:
        if site and getattr(site, "process", None) and site.process.poll() is None:
            site.process.kill()
            site.process.wait()
        ledger.stop()


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
    for _ in range(4):
        site.step("15m")
        slots.turn()
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
    verify = json.loads(dam("verify", site.folder, "--json"))
    check("the evidence holds", verify["good"], verify)
    leaves = [json.loads(dam("why", str(seq), site.folder, "--json"))["leaf"] for seq in range(verify["size"])]
    fates = [leaf["status"] for leaf in leaves if leaf["kind"] == "receipt"]
    check("two writes were refused, none is in doubt", fates.count("refused") == 2 and "unknown" not in fates and len(fates) == 10, fates)


if __name__ == "__main__":
    place = tempfile.mkdtemp(prefix="dam-trade-")
    try:
        run(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"{results['passed']} passed, {results['failed']} failed")
    sys.exit(results["failed"] != 0)
