# SPDX-License-Identifier: Apache-2.0
"""The site of tests/machine_site.py under a constitution: its manifest, its time beside the chain's, and the votes about it."""
import json
import urllib.request

from harness import told
from machine_site import Site, manifest
import village
from village import INTERVAL, vote
from world import free_port


def terms_of_life(v, url, start):
    """tests/trade/site.toml without its market, under a constitution."""
    head, rest = manifest("site.toml", start=start).split("[link.market]", 1)
    text = head + rest[rest.index("[[channel]]"):]
    text = text.split("[mind]")[0].replace('sink = "market"\nkey = "offer"\n', "").replace('sink = "market"\nkey = "price"\n', "")
    return text + law(v, url)


def law(v, url):
    """The tables of a manifest by which it lives under its constitution."""
    return f"""
[identity]
chain_id = {v.chain.id}
registry = "{v.registry.address}"
token = "{v.id}"

[chain]
url = "{url}"
constitution = "{v.constitution.address}"
timeout = "2s"

[signer]
folder = "signer"
password_file = "password"

[evidence]
checkpoint = "30m"
anchor = {{ leaves = 8 }}

[upgrade]
watch = "30d"
denials_count = 3
"""


def make_site(folder, v, url):
    start = (v.chain.now // INTERVAL + 1) * INTERVAL
    site = OnChain(folder, v, terms_of_life(v, url, start), may="spend,checkpoint")
    rows = [f"{k * INTERVAL},24000,96,1000,0.3" for k in range(4800)]
    site.write("weather.csv", "\n".join(["time,pv,soc,house,tariff", *rows]) + "\n")
    site.now = start
    return site


class OnChain(Site):
    def up(self):  # pylint: disable=arguments-differ
        self.port = free_port()
        super().up(self.now, "--api", f"127.0.0.1:{self.port}")
        self.pass_time(1)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pass_time(self, seconds):
        self.now += seconds
        return self.step(f"{seconds}s")

    def turn(self, count=1):
        """Some turns; the chain's time goes with the machine's."""
        for _ in range(count):
            if self.now > self.v.chain.now:
                self.v.chain.mine(self.now)
            self.pass_time(INTERVAL)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read()

    def leaves(self):
        size = json.loads(self.get("/api/state"))["evidence"]["durable"]
        return [json.loads(told("why", str(seq), self.folder, "--json"))["leaf"] for seq in range(size)]

    def last(self):
        """The newest decision."""
        return json.loads(told("why", "last", self.folder, "--json"))["leaf"]


def terms(v, mind):
    """The machine itself may take its terms back: it is its own guardian."""
    return dict(village_terms(v, mind), guardian=v.account.address)


village_terms = village.terms
village.terms = terms


def enact(v, mind):
    vote(v, f"{mind} at {v.chain.now}", [(v.constitution, "propose", v.id, terms(v, mind))])
    return v.constitution.read("proposed", v.id)


def catch_up(site, v):
    """Bring the machine's time behind the chain's, after votes that took their time."""
    while site.now < v.chain.now:
        site.pass_time(INTERVAL)
