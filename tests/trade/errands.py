#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs have a machine's account do: `dam up` with an errands link, its signer process, our ledger, the demo's law.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary, wishful
from machine_site import START, Site, manifest, world
from chain import encode, keccak
from village import NEIGHBOUR, UNIT

FINAL = ("done", "failed", "refused")
PRICE = UNIT // 4


def make_site(folder, v, url):
    head, rest = manifest("upkeep.toml", url=url, chain=v.chain.id, registry=v.registry.address, id=v.id).split("[link.upkeep]", 1)
    site = Site(folder, v, head + '[link.skills]\nkind = "errands"\nevery_ms = 10\n\n' + rest[rest.index("[[channel]]"):])
    site.write("sky.csv", "time,pv\n0,1\n")
    site.write("lamp.hex", wishful(1) + "\n")
    os.makedirs(os.path.join(site.folder, "errands"))
    return site


def path(site, name):
    return os.path.join(site.folder, "errands", name)


def ask(site, name, calls):
    """calls: [(contract, function, args...)], or a text that is no errand."""
    text = calls if isinstance(calls, str) else json.dumps({"calls": [{"to": c.address, "data": c.data(f, *args)} for c, f, *args in calls]})
    with open(path(site, name + ".new"), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path(site, name + ".new"), path(site, name + ".json"))


def answer(site, name, states):
    """The answer, when it is one of these states."""
    end, said = time.monotonic() + 30, None
    while time.monotonic() < end:
        if os.path.exists(path(site, name + ".answer")):
            with open(path(site, name + ".answer"), encoding="utf-8") as file:
                said = json.load(file)
            if said["state"] in states:
                return said
        time.sleep(0.01)
    raise AssertionError((name, said, site.said()))


def run(site, v, ledger):  # pylint: disable=unused-argument
    signed = lambda: int(v.chain.rpc.call("eth_getTransactionCount", v.key(14).address, "latest"), 16)
    bay = "0x" + keccak(encode([{"type": "address"}, {"type": "string"}], [v.account.address, "bay"])).hex()
    price = lambda: v.access.read("resources", bay)[5]
    site.up(START)
    site.step("1s")
    begun = signed()

    ask(site, "charger", [(v.access, "make", "bay", 900, 1, False), (v.access, "setPrice", bay, v.token.address, PRICE)])
    answer(site, "charger", ["sent"])
    check("sent is not done", price() == 0 and signed() == begun)
    v.chain.mine()
    done = answer(site, "charger", FINAL)
    check("both calls in one transaction", done["state"] == "done" and price() == PRICE and signed() == begun + 1, done)
    check("and it says in which", int(v.chain.receipt(done["tx"])["blockNumber"], 16) == done["block"], done)

    site.step("1h")  # a turn, and with it the leaf
    ask(site, "garbage", "{]")
    ask(site, "stray", [(v.token, "transfer", v.key(NEIGHBOUR).address, UNIT)])
    ask(site, "half", [(v.access, "setPrice", bay, v.token.address, 2 * PRICE), (v.token, "transfer", v.key(NEIGHBOUR).address, UNIT)])
    states = {name: answer(site, name, FINAL)["state"] for name in ("garbage", "stray", "half")}
    check("what is no errand, or not of the policy, is refused", set(states.values()) == {"refused"}, states)

    ask(site, "dearer", [(v.access, "setPrice", bay, v.token.address, 3 * PRICE)])
    answer(site, "dearer", ["sent"])
    site.down(signal.SIGKILL)
    site.up(START + 3601)
    site.step("1s")
    v.chain.mine()
    done = answer(site, "dearer", FINAL)
    v.chain.mine()
    check("killed after it has signed, it signs no second one", done["state"] == "done" and price() == 3 * PRICE and signed() == begun + 2, (done, signed()))

    site.step("1h")
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    words = [leaf["description"] for leaf in site.leaves() if leaf["kind"] == "money"]
    check("what was signed is in the evidence, and nothing else", {"errand charger", "signed before this start"} <= set(words) and
          not any("stray" in word or "half" in word for word in words), words)


if __name__ == "__main__":
    world(run, make_site)
    sys.exit(summary())
