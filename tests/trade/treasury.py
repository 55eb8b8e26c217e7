#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A treasury agent: the profile of that name on our ledger, with the demo's law and shares and a test vault. It lends what is idle, takes
it back for payday, pays out within its rules and its policy, and does nothing blindly.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary, told
from machine_site import START, Site, profile, world
import village
from village import MEMBERS, UNIT, only, rule

HOUR, WEEK = 3600, 604_800
FIRST = (START // WEEK + 1) * WEEK - 5 * HOUR  # the week ends after five turns


def policy_blob(v):
    """What a treasury may do: feed its shares and its vault, and take back to itself."""
    if not hasattr(v, "vault"):
        v.vault = v.chain.deploy(v.key(0), "TestVault", v.token.address)
    return village.policy(v, [
        rule(v.token, "approve", 2, checks=[only(v.shares.address)]),
        rule(v.token, "approve", 2, checks=[only(v.vault.address)]),
        rule(v.shares, "distribute", 1),
        rule(v.vault, "deposit", 2, checks=[only(v.account.address, 1)]),
        rule(v.vault, "withdraw", 3, checks=[only(v.account.address, 1), only(v.account.address, 2)]),
    ])


def make_site(folder, v, url):
    addresses = dict(account=v.account, token=v.token, shares=v.shares, vault=v.vault)
    return Site(folder, v, profile("treasury", addresses, {"http://127.0.0.1:8545": url}))


class Play:
    def __init__(self, site, v):
        self.site, self.v, self.now = site, v, FIRST
        self.start()

    def start(self):
        self.site.up(self.now)
        self.first = True

    def turn(self, count=1):
        """A turn, and the block with what it did."""
        for _ in range(count):
            self.site.step("1s" if self.first else "1h")
            self.now += 1 if self.first else HOUR
            self.first = False
            self.v.chain.mine(max(self.v.chain.now + 60, self.now))

    def outcomes(self):
        size = json.loads(told("verify", self.site.folder, "--json"))["size"]
        leaves = [json.loads(told("why", str(seq), self.site.folder, "--json"))["leaf"] for seq in range(size)]
        return [leaf["outcome"] for leaf in leaves if leaf["kind"] == "decision"]

    def sums(self):
        """Cash, vault, paid out: whole tokens."""
        account = self.v.account.address
        invested = self.v.vault.read("convertToAssets", self.v.vault.read("balanceOf", account))
        return tuple(amount // UNIT for amount in (self.v.token.read("balanceOf", account), invested, self.v.shares.read("unclaimed")))


def play_all(site, v, ledger):
    v.token.send(v.key(0), "mint", v.account.address, 7800 * UNIT)  # with its 200: 8000
    play = Play(site, v)
    play.turn(2)
    check("what is idle is lent, the float stays", play.sums() == (500, 7500, 0), (play.sums(), site.said()))
    play.turn(2)
    check("it rests, then has nothing to do", play.sums() == (500, 7500, 0), (play.sums(), site.said()))
    v.token.send(v.key(0), "mint", v.vault.address, 100 * UNIT)
    play.turn(2)
    check("payday: no more than the rule lets out", play.sums()[2] == 2000, (play.sums(), site.said()))
    check("the charter changed what was too much", 1 in play.outcomes(), play.outcomes())
    site.down(signal.SIGKILL)
    before = play.sums()
    play.start()
    play.turn(2)
    check("a death pays nobody twice", play.sums()[2] == 2000 and sum(play.sums()) == sum(before), (before, play.sums(), site.said()))
    held = sum(v.shares.read("claimable", v.key(i).address) for i in MEMBERS)
    check("the holders can fetch it", 1999 * UNIT <= held <= 2000 * UNIT, held)
    play.turn(3)
    check("one payday a week", play.sums()[2] == 2000, play.sums())
    check("the rest is lent again", play.sums()[0] in range(499, 502) and play.sums()[1] in range(5598, 5602), play.sums())

    v.token.send(v.key(0), "mint", v.account.address, 900 * UNIT)
    ledger.stop(signal.SIGKILL)
    site.step("1h")
    play.now += HOUR
    check("without a chain it says so", "link funds is down" in site.said(), site.said())
    ledger.open()
    play.turn(3)
    check("then it goes on", play.sums()[0] in range(499, 502), (play.sums(), site.said()))
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    check("the evidence holds", json.loads(told("verify", site.folder, "--json"))["good"])
    replay = json.loads(told("replay", "all", site.folder, "--json"))
    check("every decision runs again", replay["same"] > 10 and replay["different"] == 0, replay)

    other = v.chain.deploy(v.key(0), "TestVault", v.chain.deploy(v.key(0), "TestToken").address)
    with open(os.path.join(site.folder, "dam.toml"), encoding="utf-8") as f:
        text = f.read()
    site.write("dam.toml", text.replace(v.vault.address, other.address))
    play.start()
    play.turn()
    site.down()
    check("a vault of another token is refused", "link funds is down: the vault is of another token" in site.said(), site.said())


if __name__ == "__main__":
    village.policy_blob = policy_blob
    world(play_all, make_site)
    sys.exit(summary())
