#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine has itself mended: `dam up` with an upkeep link, its signer process, our ledger, the demo's law.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary
from machine_site import START, Site, manifest, world
from chain import keccak
from village import DAY, FIRM, MEMBERS, UNIT

FUNDED, EXPIRED = 1, 5  # JobBoard.Status
HOUR = 3600
PEAKS = [20_000, 20_000, 12_000, 20_000, 12_000, 12_000, 12_000, 20_000, 20_000, 12_000, 12_000, 12_000, 20_000]  # W, by day
# decide(): no memory, one zero word: abi.encode("", hex"00..00") of 8 bytes.
LAMP = "60405f52" "6060602052" "6008606052" "60a05ff3"


def make_site(folder, v, url):
    site = Site(folder, v, manifest("upkeep.toml", url=url, chain=v.chain.id, registry=v.registry.address, id=v.id, account=v.account.address,
                                    board=v.jobs.address, token=v.token.address, provider=v.key(FIRM).address,
                                    evaluator=v.key(MEMBERS[0]).address))
    rows = ["time,pv"]
    for day, peak in enumerate(PEAKS):
        rows += [f"{day * DAY + hour * HOUR},{max(0, peak * (6 - abs(hour - 12)) // 6)}" for hour in range(24)]
    site.write("sky.csv", "\n".join(rows) + "\n")
    site.write("lamp.hex", LAMP + "\n")
    return site


class Play:
    def __init__(self, site, v):
        self.site, self.v, self.hour = site, v, 0
        site.up(START)
        site.step("1ms")

    def turns(self, count):
        """Let hours pass; a block is made after each."""
        for _ in range(count):
            self.site.step("1h")
            self.hour += 1
            self.v.chain.mine(max(self.v.chain.now + 1, START + self.hour * HOUR + 5))

    def restart(self, how=None):
        self.site.down(how)
        self.site.up(START + self.hour * HOUR)
        self.site.step("1ms")

    def count(self):
        return self.v.jobs.read("jobCount")


def finish_job(v, number):
    v.jobs.send(v.key(FIRM), "submit", number, keccak(b"photographs"))
    v.jobs.send(v.key(MEMBERS[0]), "complete", number, keccak(b"seen"))


def play_all(site, v, ledger):
    play = Play(site, v)
    play.turns(5 * 24)
    check("one cloudy day hires nobody, nor does the first low one", play.count() == 0, site.said())
    with open(os.path.join(site.folder, "upkeep.json"), encoding="utf-8") as f:
        past = json.load(f)
    check("what it knows of past days is in a file", past["low_days"] == 1 and 19_000 < past["usual"] <= 20_000, past)
    play.restart()
    before = v.token.read("balanceOf", v.account.address)
    play.turns(24)  # its last turn is midnight: the second low day is over
    check("two low days in a row: it hires", play.count() == 1, site.said())
    job = v.jobs.read("getJob", 1)
    check("on its terms", (job["client"], job["provider"], job["evaluator"], job["status"], job["budget"]) ==
          (v.account.address, v.key(FIRM).address, v.key(MEMBERS[0]).address, FUNDED, 80 * UNIT), job)
    check("from its account", v.token.read("balanceOf", v.account.address) == before - 80 * UNIT)
    check("it says why", "the peak is 61 % of the usual: hire, job 1: sent" in site.said(), site.said())
    play.restart(signal.SIGKILL)
    play.turns(24)
    check("killed, it does not hire twice", play.count() == 1, site.said())
    finish_job(v, 1)
    play.turns(4 * 24 - 1)
    check("mended, and another sag is not over yet", play.count() == 1, site.said())
    ledger.stop(signal.SIGKILL)
    site.step("1h")  # midnight
    play.hour += 1
    check("without a chain it says so", "link upkeep is down" in site.said(), site.said())
    ledger.open()
    v.chain.rpc.call("evm_setAutomine", False)
    play.turns(2)
    check("and hires when it is back", play.count() == 2, site.said())
    held = v.token.read("balanceOf", v.account.address)
    v.chain.mine(v.jobs.read("getJob", 2)["expiredAt"] + 1)
    play.turns(2)
    check("an expired job's escrow comes back", v.token.read("balanceOf", v.account.address) == held + 80 * UNIT and
          v.jobs.read("getJob", 2)["status"] == EXPIRED, site.said())
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    money = [leaf for leaf in site.leaves() if leaf["kind"] == "money"]
    hashes = {leaf["transaction"] for leaf in money}
    words = [leaf["description"] for leaf in money]
    check("every transaction is in the evidence", {"signed before this start", "hire, job 2", "refund, job 2"} <= set(words), words)
    receipts = [v.chain.receipt(tx) for tx in hashes]
    check("and on the chain", len(receipts) >= 3 and all(int(r["status"], 16) == 1 for r in receipts), receipts)


if __name__ == "__main__":
    world(play_all, make_site)
    sys.exit(summary())
