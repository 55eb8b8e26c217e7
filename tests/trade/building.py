#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A building: the profile of that name with its simulated house on a real broker, its signer, our ledger, the demo's law and market. It lets
its hall, warms it for who comes, opens to who holds a pass, and sells what its roof has to spare; the lock needs no chain.

Needs build/dam (or $DAM), build/contracts (or $DAM_CONTRACTS) and mosquitto. Ends with "N passed, N failed".
"""
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "field"))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import DAM, check, dam, summary, told
from machine_site import START, Site, profile, world
from peers import Broker, missing, wait
from chain import encode, keccak
from keys import typed_digest
from village import FIRM, HOUSES, NEIGHBOUR, UNIT
from world import free_port

SLOT = 3600
ENTRY = "Entry(bytes32 resource,bytes32 challenge)"


class House(Site):
    def __init__(self, folder, v, url):
        self.broker, self.port = Broker(os.path.join(folder, "broker")), free_port()
        addresses = dict(account=v.account, passes=v.access, token=v.token, market=v.market)
        texts = {"http://127.0.0.1:8545": url, "127.0.0.1:1883": f"127.0.0.1:{self.broker.port}", "127.0.0.1:8090": f"127.0.0.1:{self.port}",
                 'period = "1m"': 'period = "500ms"', "visit_ms = 10000": "visit_ms = 1500"}
        super().__init__(folder, v, profile("building", addresses, texts))
        self.plant = subprocess.Popen([DAM, "plant", "building", "--mqtt-port", str(self.broker.port), "--speed", "60"], stdin=subprocess.PIPE)
        label = [{"type": "address"}, {"type": "string"}]
        self.resource = keccak(encode(label, [v.account.address, "hall"]))

    def until(self, good, seconds=30):
        """Waits while blocks are made."""
        def look():
            self.v.chain.mine(self.v.chain.now + 1)
            return good()
        return wait(look, seconds)

    def end(self):
        self.plant.stdin.close()
        self.plant.terminate()
        self.plant.wait(10)
        self.broker.stop()

    def last(self):
        """The newest decision: its channels and what it permitted, by name."""
        try:
            leaf = json.loads(told("why", "last", self.folder, "--json"))["leaf"]
        except (AssertionError, ValueError):
            return {}
        return {c["name"]: c["value"] for c in leaf.get("observation", [])} | {a["name"]: a["permitted"] for a in leaf.get("actuators", [])}

    def ask(self, body=None):
        """The reader at the lock: (status, answer)."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}/", data), timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal) if refusal.code in (400, 403) else None

    def entry(self, key, number, resource=None):
        """What a wallet does with a challenge."""
        offer = self.ask()[1]
        domain = dict(name="DAM AccessPass", version="1", chainId=offer["chain_id"], verifyingContract=offer["contract"])
        fields = dict(resource=resource or bytes.fromhex(offer["resource"][2:]), challenge=bytes.fromhex(offer["challenge"][2:]))
        return {"pass": number, "challenge": offer["challenge"], "signature": key.sign_typed(domain, ENTRY, fields)}

    def opens(self):
        return wait(lambda: self.broker.read("shelly-lock/status/switch:0")[0][1].find('"output":true') > 0, 10)


def buy(v, site, who, slot):
    """A pass for one slot; its number."""
    price = v.access.read("resources", site.resource)[5]
    v.token.send(v.key(who), "approve", v.access.address, 100 * UNIT)
    receipt = v.access.send(v.key(who), "buy", site.resource, slot, 1, v.token.address, price)
    return v.access.events(receipt, "Issued")[0]["passId"]


def let(site, v):
    check("it lets its hall by itself", site.until(lambda: v.access.read("resources", site.resource)[5] > 0, 40), site.said())
    resource = v.access.read("resources", site.resource)
    check("a cold hall costs more", resource[0] == v.account.address and resource[4:] == [v.token.address, 6 * UNIT], resource)
    slot = START // SLOT
    now, later = buy(v, site, NEIGHBOUR, slot), buy(v, site, HOUSES[0], slot + 1)
    check("it is paid", v.token.read("balanceOf", v.account.address) >= (200 + 2 * 6) * UNIT - 10 * UNIT)
    check("it sees who comes, and heats", site.until(lambda: (site.last().get("taken"), site.last().get("next"), site.last().get("heat")) == (1, 1, 1), 20), site.last())
    return now, later


def enter(site, v, now, later):
    offer = site.ask()[1]
    check("the reader tells what to sign", (offer["chain_id"], offer["contract"], offer["resource"]) == (v.chain.id, v.access.address, "0x" + site.resource.hex()), offer)
    challenge = bytes.fromhex(offer["challenge"][2:])
    digest = typed_digest(dict(name="DAM AccessPass", version="1", chainId=v.chain.id, verifyingContract=v.access.address), ENTRY,
                          dict(resource=site.resource, challenge=challenge))
    check("as the contract has it signed", bytes.fromhex(v.access.read("entryDigest", site.resource, challenge)[2:]) == digest)
    holder, other, firm = v.key(NEIGHBOUR), v.key(HOUSES[0]), v.key(FIRM)
    check("a stranger stays outside", site.ask(site.entry(firm, now))[0] == 403)
    check("who comes too early, too", site.ask(site.entry(other, later)) == (403, {"detail": "the pass is not valid yet"}))
    check("a pass that is none", site.ask(site.entry(holder, 999))[0] == 403)
    check("a signature for another door", site.ask(site.entry(holder, now, keccak(b"cellar")))[0] == 403)
    for body in (b"", b"{", b"[]", b'{"pass":"x"}', b'{"pass":1,"challenge":"0x00","signature":"0x00"}'):
        check(f"nonsense: {body[:12]}", site.ask(body)[0] == 400, site.ask(body))
    check("too much of it", site.ask(b"x" * 5000)[0] == 413)
    check("the lock is shut", site.last().get("lock") == 0, site.last())
    entry = site.entry(holder, now)
    check("strangers who ask and go", all(site.ask()[0] == 200 for _ in range(300)))
    forged = dict(entry, challenge=entry["challenge"][:-1] + ("0" if entry["challenge"][-1] != "0" else "1"))
    check("a challenge that is not the lock's", site.ask(forged)[0] == 403)
    check("who holds the pass is let in all the same", site.ask(entry) == (200, {"pass": now}), site.said())
    check("and the lock opens", site.opens(), site.said())
    check("a challenge serves once", site.ask(entry)[0] == 403)
    check("then it is shut again", wait(lambda: site.last().get("lock") == 0 and site.last().get("visit") == 0, 15), site.last())
    v.access.send(holder, "transferFrom", holder.address, firm.address, now)
    check("a pass that was given on opens to who has it", site.until(lambda: site.ask(site.entry(firm, now))[0] == 200, 15))
    check("and to nobody else", site.ask(site.entry(holder, now))[0] == 403)


def offline(site, v, ledger, now):
    ledger.stop(signal.SIGKILL)
    check("without a chain it says so", wait(lambda: "link hall is down" in site.said(), 20), site.said())
    check("the lock still knows its passes", site.ask(site.entry(v.key(FIRM), now))[0] == 200 and wait(lambda: site.last().get("lock") == 1, 15), site.last())
    ledger.open()
    check("it comes back", wait(lambda: site.said().rstrip().splitlines()[-1].find("is up") > 0, 30), site.said())


def placed(v):
    """The sell orders that the account has at the market."""
    logs = v.chain.rpc.call("eth_getLogs", {"address": v.market.address, "fromBlock": "0x0", "toBlock": "latest"})
    return [e for e in v.market.events({"logs": logs}, "Placed") if e["owner"] == v.account.address]


def live(site, v, ledger):
    site.up(START + 10, stepped=False)
    try:
        now, later = let(site, v)
        enter(site, v, now, later)
        check("it offers what the roof has to spare", site.until(lambda: placed(v)), site.said())
        offline(site, v, ledger, now)
        site.down(signal.SIGTERM)
        check("it ends well", site.process.returncode == 0, (site.process.returncode, site.said()))
        doctor = dam("doctor", site.folder, "--wait", "1")
        check("doctor looks at the house and leaves the hall alone", doctor.returncode in (0, 3) and "3 of 3 channels read" in doctor.stdout
              and "link hall            not opened" in doctor.stdout, doctor)
        check("the lock is shut behind it", '"output":false' in site.broker.read("shelly-lock/status/switch:0")[0][1])
    finally:
        site.end()
    check("the evidence holds", json.loads(told("verify", site.folder, "--json"))["good"])
    replay = json.loads(told("replay", "all", site.folder, "--json"))
    check("every decision runs again", replay["same"] > 10 and replay["different"] == 0, replay)


if __name__ == "__main__":
    if missing("mosquitto", "mosquitto_pub"):
        print("skipped: a building: no mosquitto")
    else:
        world(live, House)
    sys.exit(summary())
