#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine hires and is hired: `dam up` with a job-board link, its signer process, our ledger, the demo's law and JobBoard.

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
from chain import keccak
from village import FIRM, INTERVAL, MEMBERS, NEIGHBOUR, UNIT

OPEN, FUNDED, SUBMITTED, COMPLETED, REJECTED, EXPIRED = range(6)  # JobBoard.Status; a channel's value is one more
WISHES = [  # one turn each: hire EUR, quote EUR, deliver
    (50, 0, 0), (50, 0, 0), (0, 0, 0),           # the machine hires, once, and sees the job through
    (70, 0, 0), (0, 0, 0), (0, 0, 0),            # again, but this job expires
    (0, 30, 0), (0, 45, 1), (0, 0, 1), (0, 0, 0),  # it is hired: quotes, is funded, delivers
    (900, 0, 0), (0, 0, 0),                      # above what the policy lets it spend
]

def make_site(folder, v, url):
    site = Site(folder, v, manifest("jobs.toml", url=url, account=v.account.address, board=v.jobs.address, token=v.token.address,
                                    provider=v.key(FIRM).address, evaluator=v.key(MEMBERS[0]).address))
    site.write("wish.hex", wishful(3))
    rows = [f"{k * INTERVAL},{hire},{quote},{deliver}" for k, (hire, quote, deliver) in enumerate(WISHES)]
    site.write("wishes.csv", "\n".join(["time,hire,quote,deliver", *rows]) + "\n")
    return site


class Play:
    def __init__(self, site, v):
        self.site, self.v, self.k = site, v, 0
        self.start()

    def start(self):
        self.site.up(START + self.k * INTERVAL)
        self.step = "1s"  # the first turn is at the start

    def kill(self):
        self.site.down(signal.SIGKILL)
        self.start()

    def turn(self):
        self.site.step(self.step)
        self.step = "15m"
        self.v.chain.mine(max(self.v.chain.now + 1, START + self.k * INTERVAL + 5))
        self.k += 1

    def job(self, number):
        return self.v.jobs.read("getJob", number)

    def money(self):
        return self.v.token.read("balanceOf", self.v.account.address)

    def seen(self):
        """What the last decision was given: hired, job, budget, balance."""
        size = json.loads(told("verify", self.site.folder, "--json"))["size"]
        for seq in reversed(range(size)):
            leaf = json.loads(told("why", str(seq), self.site.folder, "--json"))["leaf"]
            if leaf["kind"] == "decision":
                return {c["name"]: c["value"] for c in leaf["observation"]}
        return {}


def client(play):
    v, site = play.v, play.site
    before = play.money()
    play.turn()
    check("it hires", v.jobs.read("jobCount") == 1, site.said())
    job = play.job(1)
    check("on its terms", (job["client"], job["provider"], job["evaluator"], job["status"], job["budget"]) ==
          (v.account.address, v.key(FIRM).address, v.key(MEMBERS[0]).address, FUNDED, 50 * UNIT), job)
    check("it pays into escrow", play.money() == before - 50 * UNIT)
    # killed, and asked for the same again: one job is under way, so nothing happens
    play.kill()
    play.turn()
    check("one at a time", v.jobs.read("jobCount") == 1, site.said())
    v.jobs.send(v.key(FIRM), "submit", 1, keccak(b"photographs"))
    v.jobs.send(v.key(MEMBERS[0]), "complete", 1, keccak(b"seen"))
    play.turn()
    check("the firm is paid", v.token.read("balanceOf", v.key(FIRM).address) == 50 * UNIT)
    play.turn()
    check("it hires again", v.jobs.read("jobCount") == 2 and play.job(2)["status"] == FUNDED, site.said())
    escrowed = play.money()
    v.chain.mine(v.chain.now + 7300)
    play.turn()
    play.turn()
    check("an expired job's escrow comes back", play.money() == escrowed + 70 * UNIT and play.job(2)["status"] == EXPIRED, site.said())


def provider(play):
    v, site = play.v, play.site
    board, neighbour = v.jobs, v.key(NEIGHBOUR)
    before = play.money()
    board.send(neighbour, "createJob", v.account.address, v.key(MEMBERS[0]).address, v.token.address, v.chain.now + 86_400, "Carry a parcel")
    play.turn()  # it learns of the job at the end of this turn
    play.turn()
    check("it quotes", play.job(3)["budget"] == 45 * UNIT, (play.job(3), site.said()))
    v.token.send(neighbour, "approve", board.address, 45 * UNIT)
    board.send(neighbour, "fund", 3, 45 * UNIT)
    play.kill()
    play.turn()
    job = play.job(3)
    check("it delivers", job["status"] == SUBMITTED, (job, site.said()))
    decision = int.from_bytes(bytes.fromhex(job["deliverable"][2:]) if isinstance(job["deliverable"], str) else job["deliverable"], "big")
    leaf = json.loads(told("why", str(decision), site.folder, "--json"))["leaf"]
    check("the deliverable is a decision of its log", leaf["kind"] == "decision", leaf)
    board.send(v.key(MEMBERS[0]), "complete", 3, keccak(b"arrived"))
    play.turn()
    check("it is paid", play.money() == before + 45 * UNIT)


def play_all(site, v, ledger):
    play = Play(site, v)
    client(play)
    provider(play)
    count = v.jobs.read("jobCount")
    play.turn()
    check("the policy holds", v.jobs.read("jobCount") == count and "hire, job 4: execution reverted" in site.said(), site.said())
    ledger.stop(signal.SIGKILL)
    site.step("15m")
    check("without a chain it says so", "link jobs is down" in site.said(), site.said())
    ledger.open()
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    check("the evidence holds", json.loads(told("verify", site.folder, "--json"))["good"])
    seen = play.seen()
    check("the mind sees the jobs", (seen.get("hired"), seen.get("job")) == (EXPIRED + 1, COMPLETED + 1), seen)


if __name__ == "__main__":
    world(play_all, make_site)
    sys.exit(summary())
