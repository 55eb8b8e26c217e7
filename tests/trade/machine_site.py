# SPDX-License-Identifier: Apache-2.0
"""What the tests of the skills share: a machine in a folder with its signer, run with stepped time on our ledger."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "demo"))
# pylint: disable=wrong-import-position
import village
from chain import Chain
from keys import derive, keystore
from village import DAY
from world import Ledger

DAM = os.environ.get("DAM", os.path.join(ROOT, "build", "dam"))
CONTRACTS = os.environ.get("DAM_CONTRACTS", os.path.join(ROOT, "build", "contracts"))
GENESIS = 1_772_150_400
START = GENESIS + 2 * DAY
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

    def __init__(self, folder, v, url, manifest, fields):
        """manifest: a file of this folder in which @name@ stands for fields[name]."""
        self.folder = os.path.join(folder, "site")
        os.makedirs(os.path.join(self.folder, "signer"))
        self.write("password", "secret of a test\n")
        self.write("signer/keystore", keystore(v.key(14), "secret of a test"))
        with open(os.path.join(folder, "policy"), "wb") as f:
            f.write(village.policy_blob(v))
        dam("signer", "reset", os.path.join(self.folder, "signer"), "--password-file", os.path.join(self.folder, "password"),
            "--chain-id", str(v.chain.id), "--machine", v.machine, "--account", v.account.address, "--evidence", v.evidence.address,
            "--policy", os.path.join(folder, "policy"), "--max-fee", str(10**11), "--fee-per-day", str(10**20), "--may", "spend", "--yes")
        with open(os.path.join(ROOT, "tests", "trade", manifest), encoding="utf-8") as f:
            text = f.read()
        for name, value in {"start": START, "url": url, "account": v.account.address, **fields}.items():
            text = text.replace(f"@{name}@", str(value))
        self.write("dam.toml", text)

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


def world(play, make_site):
    """A ledger with the demo's village and machine, the machine's folder, and what is played there. Prints the count and ends."""
    folder = tempfile.mkdtemp(prefix="dam-trade-")
    ledger = site = None
    try:
        ledger = Ledger(DAM, folder, GENESIS)
        v = village.found(Chain(ledger.url, CONTRACTS))
        key = derive(14)
        village.enrol(v, key.address, key.sign_typed)
        site = make_site(folder, v, ledger.url)
        play(site, v, ledger)
    finally:
        if site and getattr(site, "process", None) and site.process.poll() is None:
            site.process.kill()
            site.process.wait()
        if ledger:
            ledger.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{results['passed']} passed, {results['failed']} failed")
    sys.exit(results["failed"] != 0)
