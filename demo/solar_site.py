# SPDX-License-Identifier: Apache-2.0
"""The site: `dam up` in its own folder, on the plant's Modbus and the village's MQTT, its time moved in lock-step with theirs."""
import http.client
import json
import os
import re
import shutil
import subprocess
import time

from market import GAS, SELL, tick_of
from village import ACTUATORS, DEPOSIT, INTERVAL, batch
from world import Process, free_port

FRESH_MS = 1000  # a reading of this turn is at most this old


class Site(Process):
    """Starts from profiles/solar-site; what the demo changes in its manifest: identity, mind, charter's address."""

    def __init__(self, dam, profile, folder, village, key, plant, broker, epoch):
        super().__init__("site", folder)
        self.dam, self.v, self.key, self.plant = dam, village, key, plant
        self.home = os.path.join(folder, "site")
        self.port = free_port()
        shutil.copytree(profile, self.home)
        self.path = os.path.join(self.home, "dam.toml")
        text = open(self.path, encoding="utf-8").read()
        text = text.replace('title = "Village solar site"', 'title = "Village solar site"\nwrite_timeout = "5s"', 1)
        text += f'\n[identity]\nchain_id = {village.chain.id}\nregistry = "{village.registry.address}"\ntoken = "{village.id}"\n'
        text = text.replace("[charter]\n", f'[charter]\ncode = "BoundsCharter"\naddress = "{village.charter}"\n')
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)
        self.now = epoch - INTERVAL
        # Ports differ from run to run; the manifest, whose hash is part of the evidence, does not.
        self.environment = os.environ | {
            "DAM_CONTRACTS": village.chain.artifacts, "DAM_LINK_INVERTER_URL": f"tcp://127.0.0.1:{plant.port}",
            "DAM_LINK_INVERTER_EVERY_MS": "10", "DAM_LINK_VILLAGE_URL": f"mqtt://127.0.0.1:{broker.port}"}
        self.think(village, "SurplusMind")
        self.open()

    # ---- the process --------------------------------------------------------------------------------------------------

    def think(self, village, mind):
        """Name the mind that the constitution names, and its epoch. It counts when the process starts again."""
        text = open(self.path, encoding="utf-8").read()
        text = re.sub(r"\nepoch = .*", "", text).rstrip() + f"\nepoch = {village.constitution.read('epochOf', village.id)}\n"
        text = re.sub(r'\[mind\]\n(address = .*\n)?code = ".*"', f'[mind]\naddress = "{village.minds[mind]}"\ncode = "{mind}"', text)
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)

    def open(self):
        self.start(self.dam, "up", self.home, "--step", "--quiet", "--epoch", str(self.now), "--api", f"127.0.0.1:{self.port}",
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment)
        self.step("1ms")
        self.connection = None
        self.await_links()

    def restart(self):
        # The last leaf shows how old each reading is: let the device be read once more, so that it is the same every time.
        self.await_state(lambda c: c["pv"]["age_ms"] == 0 and c["soc"]["age_ms"] == 0, "a last reading")
        self.stop()
        self.plant.tell("publish")
        self.open()

    def run(self, *words):
        """Another verb of dam on the site's folder. Returns (exit code, standard output)."""
        done = subprocess.run([self.dam, *words], capture_output=True, text=True, env=self.environment, check=False)
        return done.returncode, done.stdout + done.stderr

    def step(self, length):
        self.child.stdin.write(f"step {length}\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the site has ended, see {self.folder}/site.log")
        return json.loads(line)

    def get(self, path):
        for _ in range(200):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request("GET", path)
                answer = self.connection.getresponse()
                return json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                self.connection = None
                time.sleep(0.02)
        raise TimeoutError(f"the site does not answer on port {self.port}, see {self.folder}/site.log")

    # ---- lock-step ----------------------------------------------------------------------------------------------------

    def await_links(self):
        self.await_state(lambda channels: all(c["quality"] == 0 for c in channels.values()), "its first readings")

    def await_state(self, good, what, seconds=20):
        """Wait, in real time, until the channels are as they should be; the machine's own time stands still."""
        end = time.monotonic() + seconds
        while True:
            channels = {c["name"]: c for c in self.get("/api/state")["channels"]}
            if good(channels):
                return channels
            if time.monotonic() > end:
                raise TimeoutError(f"the site waits for {what}: {channels}")
            time.sleep(0.004)

    def await_houses(self):
        self.await_state(lambda c: all(c[f"house{i}"]["age_ms"] < FRESH_MS for i in (1, 2, 3, 4)), "the houses' meters", 40)

    def turn(self, now, truth, blind=False):
        """Bring the site's clock to the turn at `now`, wait until it has read the plant as it is, let it decide and act.
        In: blind: the broker is down, so the houses and the tariff are not waited for.
        Returns: the permitted action: battery rate, offer, price."""
        self.step(f"{(now - self.now) * 1000 - FRESH_MS}ms")
        self.plant.tell("publish")  # the houses' meters speak again, now
        want = {"pv": truth["pv_w"] // 10 * 10, "soc": truth["soc_centipct"]}
        if not blind:
            want |= {"tariff": truth["price_millicent_kwh"]} | {f"house{i + 1}": w for i, w in enumerate(truth["house_w"])}
        self.await_state(lambda c: all(int(c[n]["value"]) == x and c[n]["age_ms"] < FRESH_MS for n, x in want.items()), f"{want}")
        self.step(f"{FRESH_MS}ms")
        self.now = now
        state = {a["name"]: int(a["value"]) for a in self.get("/api/state")["actuators"]}
        return tuple(state[name] for name, *_ in ACTUATORS)

    def actuate(self, plant, rate):
        """The site has written the set-point itself, over Modbus."""

    # ---- what its key signs -------------------------------------------------------------------------------------------

    def offer(self, interval, wh, price):
        calls = [(self.v.token, "approve", self.v.market.address, wh * DEPOSIT), (self.v.market, "place", interval, SELL, tick_of(price), wh)]
        return self.v.account.post(self.key, "execute", *batch(calls), gas=2 * GAS)

    def collect(self, interval):
        return self.v.account.post(self.key, "execute", *batch([(self.v.market, "collect", interval)]), gas=GAS)

    def anchor(self):
        """Sign the log's size and root and have them anchored. Returns the size."""
        evidence = self.get("/api/state")["evidence"]
        checkpoint = dict(machine=self.v.machine, size=evidence["size"], root=evidence["root"], time=self.v.chain.now)
        domain = dict(name="DAM Evidence", version="1", chainId=self.v.chain.id, verifyingContract=self.v.evidence.address)
        signature = self.key.sign_typed(domain, "Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time)", checkpoint)
        self.v.evidence.send(self.v.key(0), "anchor", self.v.id, evidence["size"], evidence["root"], checkpoint["time"], signature)
        return evidence["size"]
