# SPDX-License-Identifier: Apache-2.0
"""The site: `dam up` in its own folder, on the plant's Modbus, the village's MQTT and the ledger, its time moved in lock-step with theirs.
It decides, sells, signs, anchors and follows the votes by itself; what this file does is to start it and to wait for it."""
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from keys import keystore
from village import FIRM, INTERVAL, MEMBERS, policy_blob, rules
from world import Process, free_port

FRESH_MS = 1000  # a reading of this turn is at most this old
NOBODY = "0x" + "00" * 20


def write_manifest(folder, profile, chain_id=1, registry=NOBODY, token=0, addresses=None):
    """The profile's dam.toml with its commented lines, on a chain. In: addresses: {key: whose address}; none: they are not known yet."""
    with open(os.path.join(profile, "dam.toml"), encoding="utf-8") as f:
        text = re.sub(r"(?m)^#(?=\[|\w+ = |$)", "", f.read())
    for name, contract in (addresses or {}).items():
        text = text.replace(f'{name} = "0x..."', f'{name} = "{contract.address}"')
    text = text.replace("[chain]\n", '[chain]\ntimeout = "30s"\n').replace('"0x..."', f'"{NOBODY}"')
    with open(os.path.join(folder, "dam.toml"), "w", encoding="utf-8") as f:
        f.write(text + f'\n[identity]\nchain_id = {chain_id}\nregistry = "{registry}"\ntoken = "{token}"\n')


def site_rules(dam, profile):
    """The rules of a site on a chain, before there is one: no address is part of them."""
    with tempfile.TemporaryDirectory(prefix="dam-rules-") as folder:
        write_manifest(folder, profile)
        return rules(dam, folder)


class Site(Process):
    """Starts from profiles/solar-site; what the demo changes in its manifest: identity and addresses."""

    def __init__(self, dam, profile, folder, village, key, plant, broker, ledger, epoch, low_days):
        super().__init__("site", folder)
        self.dam, self.v, self.plant = dam, village, plant
        self.home = os.path.join(folder, "site")
        self.port = free_port()
        # Ports differ from run to run; the manifest, whose hash is part of the evidence, does not.
        self.environment = os.environ | {
            "DAM_CONTRACTS": village.chain.artifacts, "DAM_LINK_INVERTER_URL": f"tcp://127.0.0.1:{plant.port}",
            "DAM_LINK_INVERTER_EVERY_MS": "10", "DAM_LINK_VILLAGE_URL": f"mqtt://127.0.0.1:{broker.port}",
            "DAM_LINK_SKILLS_EVERY_MS": "20", "DAM_CHAIN_URL": ledger.url, "DAM_LINK_UPKEEP_DAYS": str(low_days),
            "DAM_MACHINE_WRITE_TIMEOUT": "60s"}  # a box with too much to do changes the story's length, not its end
        shutil.copytree(profile, self.home)
        os.makedirs(os.path.join(self.home, "errands"))
        v = self.v
        write_manifest(self.home, profile, v.chain.id, v.registry.address, v.id, dict(
            account=v.account, market=v.market, constitution=v.constitution, board=v.jobs, passes=v.access, token=v.token, shares=v.shares,
            provider=v.key(FIRM), evaluator=v.key(MEMBERS[0])))
        self.give_key(key)
        self.now = epoch - INTERVAL
        self.open()

    def give_key(self, key):
        """The key becomes a keystore that the site's signer process alone opens; its frame is the policy that the account obeys, too."""
        at = lambda name: os.path.join(self.home, name)
        os.makedirs(at("signer"), mode=0o700)
        for name, data in {"password": b"of the demo\n", "policy": policy_blob(self.v), "signer/keystore": keystore(key, "of the demo").encode()}.items():
            with open(at(name), "wb") as f:
                f.write(data)
        code, said = self.run("signer", "reset", at("signer"), "--password-file", at("password"), "--chain-id", str(self.v.chain.id), "--machine",
                              self.v.machine, "--account", self.v.account.address, "--evidence", self.v.evidence.address, "--policy",
                              at("policy"), "--max-fee", str(10**11), "--fee-per-day", str(10**20), "--may", "spend,checkpoint", "--yes")
        if code != 0:
            raise RuntimeError(f"dam signer reset: {said}")

    # ---- the process --------------------------------------------------------------------------------------------------

    def open(self):
        self.start(self.dam, "up", self.home, "--step", "--epoch", str(self.now), "--api", f"127.0.0.1:{self.port}",
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment)
        self.connection = None
        self.await_state(lambda channels: all(c["quality"] == 0 for c in channels.values()), "its first readings")
        self.step("1ms")  # and with it its first turn

    def run(self, *words):
        """Another verb of dam on the site's folder. Returns (exit code, standard output)."""
        done = subprocess.run([self.dam, *words], capture_output=True, text=True, env=self.environment, check=False)
        return done.returncode, done.stdout + done.stderr

    def step(self, length):
        self.child.stdin.write(f"step {length}\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the site has ended: {self.last_words()}")
        return json.loads(line)

    def ask(self, path):
        """An answer of its HTTP interface, as bytes."""
        for _ in range(200):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request("GET", path)
                return self.connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                self.connection = None
                time.sleep(0.02)
        raise TimeoutError(f"the site does not answer on port {self.port}: {self.last_words()}")

    def get(self, path):
        return json.loads(self.ask(path))

    # ---- lock-step ----------------------------------------------------------------------------------------------------

    def await_state(self, good, what, seconds=60):
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
        self.await_state(lambda c: all(c[f"house{i}"]["age_ms"] < FRESH_MS for i in (1, 2, 3, 4)), "the houses' meters", 90)

    def links_up(self):
        return int(re.search(rb"(?m)^dam_links_up\{.*\} (\d+)", self.ask("/metrics"))[1])

    def await_loss(self, links, seconds=30):
        """Wait until fewer links are up: a turn that comes before the loss is seen is another than one after it."""
        end = time.monotonic() + seconds
        while self.links_up() >= links:
            if time.monotonic() > end:
                raise TimeoutError("the site does not see that the broker is gone")
            time.sleep(0.004)

    def turn(self, now, truth, blind=False):
        """Bring the site's clock to the turn at `now`, wait until it has read the plant as it is, let it decide and act: it writes the
        battery's set-point over Modbus and places its order on the market itself.
        In: blind: the broker is down, so the houses and the tariff are not waited for."""
        self.step(f"{(now - self.now) * 1000 - FRESH_MS}ms")
        self.plant.tell("publish")  # the houses' meters speak again, now
        want = {"pv": truth["pv_w"] // 10 * 10, "soc": truth["soc_centipct"]}
        if not blind:
            want |= {"tariff": truth["price_millicent_kwh"]} | {f"house{i + 1}": w for i, w in enumerate(truth["house_w"])}
        self.await_state(lambda c: all(int(c[n]["value"]) == x and c[n]["age_ms"] < FRESH_MS for n, x in want.items()), f"{want}")
        self.step(f"{FRESH_MS}ms")
        self.now = now

    def said(self, word):
        """The last line of its log in which it says a word."""
        with open(os.path.join(self.folder, self.name + ".log"), encoding="utf-8", errors="replace") as f:
            return next((line.strip() for line in reversed(f.readlines()) if word in line), "")

    # ---- errands ------------------------------------------------------------------------------------------------------

    def refuses(self, name, calls):
        """Ask the site's account, as any program may, for calls that its policy does not name: [(contract, function, args...)]
        (docs/errands.md). Returns why it refuses."""
        path = os.path.join(self.home, "errands", name)
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump({"calls": [{"to": c.address, "data": c.data(function, *args)} for c, function, *args in calls]}, f)
        os.replace(path + ".new", path + ".json")
        end = time.monotonic() + 60
        while not os.path.exists(path + ".answer"):
            if time.monotonic() > end:
                raise TimeoutError(f"errand {name} is not answered: {self.last_words()}")
            time.sleep(0.005)
        with open(path + ".answer", encoding="utf-8") as f:
            said = json.load(f)
        os.unlink(path + ".json")
        os.unlink(path + ".answer")
        assert said["state"] == "refused", said
        return said["why"]
