#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine sells its readings over HTTP: `dam up` with an x402 link, its signer process, our ledger; buyers with a key and HTTP.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary, told
from machine_site import START, Site, manifest, world
import x402
from chain import keccak
from skills import pack, unpack
from upkeep import LAMP
from village import HOUSES, NEIGHBOUR, UNIT
from world import free_port

PRICE = UNIT // 50
PATH = "/api/skills/data/pv"


def make_site(folder, v, url):
    site = Site(folder, v, manifest("sale.toml", url=url, chain=v.chain.id, registry=v.registry.address, id=v.id, account=v.account.address,
                                    token=v.token.address))
    site.write("sky.csv", "time,pv\n" + "".join(f"{hour * 3600},{1000 + hour}\n" for hour in range(48)))
    site.write("lamp.hex", LAMP)
    return site


class Shop:
    """Buyers in threads; blocks are made here, so that nothing happens at once."""

    def __init__(self, site, v):
        self.site, self.v, self.port, self.hour, self.salt = site, v, free_port(), 0, 0
        self.open()

    def open(self):
        self.site.up(START + self.hour * 3600, "--api", f"127.0.0.1:{self.port}")
        self.site.step("1ms")
        end = time.monotonic() + 20
        while time.monotonic() < end and self.ask()[0] != 402:
            time.sleep(0.05)

    def ask(self, payment=None, path=PATH):
        """(status, headers, body) of one request."""
        try:
            return x402.get(self.port, path, {"PAYMENT-SIGNATURE": pack(payment)} if payment else None)
        except OSError:
            return 0, {}, {}

    def sign(self, key=None, value=None, salt=None, before=600):
        """A payment on the terms of the offer, but for what is told."""
        v, key = self.v, key or self.v.key(NEIGHBOUR)
        offer = unpack(self.ask()[1]["PAYMENT-REQUIRED"])
        accepted = offer["accepts"][0]
        self.salt += 1
        a = {"from": key.address, "to": accepted["payTo"], "value": value or accepted["amount"], "validAfter": "0",
             "validBefore": str(v.chain.now + before), "nonce": "0x" + keccak(f"salt {salt or self.salt}".encode()).hex()}
        domain = dict(accepted["extra"], chainId=v.chain.id, verifyingContract=accepted["asset"])
        return dict(x402Version=2, resource=offer["resource"], accepted=accepted,
                    payload=dict(signature=key.sign_typed(domain, x402.TYPE, a), authorization=a))

    def together(self, *payments, mine=True):
        """Answers to requests that are made at the same time."""
        answers = [None] * len(payments)

        def one(index):
            answers[index] = self.ask(payments[index])
        threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(len(payments))]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            if mine and int(self.v.chain.rpc.call("txpool_status")["pending"], 16):
                self.v.chain.mine()
            time.sleep(0.02)
        return answers


def no_sale(shop):
    v = shop.v
    status, headers, body = shop.ask()
    offer = unpack(headers["PAYMENT-REQUIRED"])
    check("unpaid is 402 with the offer, in header and body", status == 402 and offer == body and offer["x402Version"] == 2, body)
    terms = offer["accepts"][0]
    check("on the site's terms", (terms["amount"], terms["payTo"], terms["asset"], terms["network"]) ==
          (str(PRICE), v.account.address, v.token.address, f"eip155:{v.chain.id}"), terms)
    check("what is not for sale is 404", shop.ask(path="/api/skills/data/lamp")[0] == 404 and shop.ask(path="/api/skills/data/")[0] == 404)
    before = v.token.read("balanceOf", v.account.address)
    forged = shop.sign()
    forged["payload"]["signature"] = v.key(HOUSES[0]).sign_typed(dict(terms["extra"], chainId=v.chain.id, verifyingContract=terms["asset"]), x402.TYPE,
                                                                 forged["payload"]["authorization"])
    poor = shop.sign(key=v.key(14))
    cheap = shop.sign(value=str(PRICE - 1))
    other = shop.sign()
    other["accepted"] = dict(other["accepted"], amount="1")
    late = shop.sign(before=20)
    for what, payment in (("a forged one", forged), ("a poor one's", poor), ("a cheap one", cheap), ("one on other terms", other), ("a late one", late)):
        status, _, body = shop.together(payment)[0]
        check(f"{what} is not taken, and told why", status == 402 and body.get("error"), (status, body))
    check("nothing was paid", v.token.read("balanceOf", v.account.address) == before)


def sales(shop):
    v = shop.v
    before = v.token.read("balanceOf", v.account.address)
    first = shop.sign()
    status, headers, body = shop.together(first)[0]
    receipt = unpack(headers["PAYMENT-RESPONSE"]) if status == 200 else {}
    check("paid is 200 with the reading", status == 200 and (body["channel"], body["value"], body["unit"], body["good"]) == ("pv", "1000", "W", True),
          (status, body, shop.site.said()))
    check("and the transaction", receipt.get("payer") == v.key(NEIGHBOUR).address and int(v.chain.receipt(receipt["transaction"])["status"], 16) == 1, receipt)
    check("the account has the price", v.token.read("balanceOf", v.account.address) == before + PRICE)
    check("the same payment again is refused", shop.together(first)[0][0] == 402)
    answers = shop.together(*(shop.sign(key=v.key(h)) for h in HOUSES))
    check("four at the same time are served", [a[0] for a in answers] == [200] * 4, answers)
    twice = shop.sign()
    answers = sorted(a[0] for a in shop.together(twice, twice))
    check("the same twice at the same time is served once", answers == [200, 402], answers)
    check("each has paid once", v.token.read("balanceOf", v.account.address) == before + 6 * PRICE)


def crashes(shop, ledger):
    v = shop.v
    before = v.token.read("balanceOf", v.account.address)
    slow = shop.sign()
    status, _, body = shop.together(slow, mine=False)[0]
    check("without a block it says so", status == 402 and "on its way" in body["error"], (status, body))
    shop.site.down(signal.SIGKILL)
    shop.open()
    v.chain.mine()
    check("killed, it answers what was paid", shop.together(slow)[0][0] == 200)
    check("once", shop.together(slow)[0][0] == 402 and v.token.read("balanceOf", v.account.address) == before + PRICE)
    late = shop.sign()
    ledger.stop(signal.SIGKILL)
    check("without a chain it is 503", shop.ask(late)[0] == 503)
    ledger.open()
    v.chain.rpc.call("evm_setAutomine", False)
    check("and then it is served", shop.together(late)[0][0] == 200)


def thieves(shop):
    """All that is on the chain of a payment, sent by whoever saw it there before its buyer has the reading."""
    v = shop.v
    before = v.token.read("balanceOf", v.account.address)
    check("the offer takes an identifier", "payment-identifier" in shop.ask()[2].get("extensions", ()))
    seen = shop.sign()
    own = dict(seen, extensions={"payment-identifier": {"info": {"required": False, "id": "7d5d747be160e280504c099d984bcfe0"}}})
    status, _, body = shop.together(own, mine=False)[0]
    check("on its way", status == 402 and "on its way" in body["error"], (status, body))

    def stolen(when):
        status, _, body = shop.ask(seen)
        check(f"{when}: a request that was made of the transaction has no answer", status == 402 and "error" in body, (status, body))
    stolen("on its way")
    shop.site.down(signal.SIGKILL)
    shop.open()
    stolen("after a restart")
    v.chain.mine()
    stolen("in a block")
    check("the buyer's has", shop.together(own)[0][0] == 200)
    check("once", shop.together(own)[0][0] == 402)
    shop.site.down(signal.SIGKILL)
    shop.open()
    check("also after a restart", shop.together(own)[0][0] == 402)
    stolen("when it is sold")
    check("and it was paid once", v.token.read("balanceOf", v.account.address) == before + PRICE)


def play_all(site, v, ledger):
    shop = Shop(site, v)
    no_sale(shop)
    sales(shop)
    site.step("1h")
    shop.hour += 1
    status, _, body = shop.together(shop.sign())[0]
    check("the reading is the last turn's", status == 200 and body["value"] == "1001" and body["time"] == START + 3600, body)
    thieves(shop)
    crashes(shop, ledger)
    site.step("1h")
    site.down()
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    size = json.loads(told("verify", site.folder, "--json"))["size"]
    leaves = [json.loads(told("why", str(seq), site.folder, "--json"))["leaf"] for seq in range(size)]
    sold = [leaf for leaf in leaves if leaf["kind"] == "money"]
    check("every sale is in the evidence", len({leaf["transaction"] for leaf in sold}) == 10, [leaf["description"] for leaf in sold])


if __name__ == "__main__":
    world(play_all, make_site)
    sys.exit(summary())
