# SPDX-License-Identifier: Apache-2.0
"""A machine in a folder with its signer, run with stepped time on our ledger, in the demo's village."""
import json
import os
import re
import shutil
import subprocess
import tempfile

from harness import CONTRACTS, DAM, ENV, ROOT, told
import village
from chain import Chain
from keys import derive, keystore
from village import DAY
from world import Ledger

GENESIS = 1_772_150_400
START = GENESIS + 2 * DAY


def profile(name, addresses, texts):
    """A profile's manifest with its zero addresses, by key, and other texts replaced."""
    with open(os.path.join(ROOT, "profiles", name, "dam.toml"), encoding="utf-8") as f:
        text = f.read()
    for key, contract in addresses.items():
        text, count = re.subn(rf'^{key} = "0x0+"', f'{key} = "{contract.address}"', text, flags=re.M)
        assert count > 0, key
    for old, new in texts.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def manifest(name, **fields):
    """tests/trade/NAME, in which @field@ stands for a field's value."""
    with open(os.path.join(ROOT, "tests", "trade", name), encoding="utf-8") as f:
        text = f.read()
    for field, value in {"start": START, **fields}.items():
        text = text.replace(f"@{field}@", str(value))
    return text


class Site:
    """The machine's folder and its process, with stepped time."""

    under, cwd = (), None  # a program that runs the process, and where

    def __init__(self, folder, v, text, may="spend"):
        """text: its dam.toml; may: what its signer may."""
        self.folder, self.v, self.process = os.path.join(folder, "site"), v, None
        os.makedirs(os.path.join(self.folder, "signer"))
        self.write("password", "secret of a test\n")
        self.write("signer/keystore", keystore(v.key(14), "secret of a test"))
        with open(os.path.join(folder, "policy"), "wb") as f:
            f.write(village.policy_blob(v))
        told("signer", "reset", os.path.join(self.folder, "signer"), "--password-file", os.path.join(self.folder, "password"),
             "--chain-id", str(v.chain.id), "--machine", v.machine, "--account", v.account.address, "--evidence", v.evidence.address,
             "--policy", os.path.join(folder, "policy"), "--max-fee", str(10**11), "--fee-per-day", str(10**20), "--may", may, "--yes")
        self.write("dam.toml", text)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def up(self, epoch, *options, stepped=True):
        self.log = open(os.path.join(self.folder, "log"), "a+", encoding="utf-8")
        time = ["--step", "--epoch", str(epoch)] if stepped else ["--epoch", str(epoch)]
        self.process = subprocess.Popen([*self.under, DAM, "up", self.folder, *time, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, env=ENV, cwd=self.cwd)

    def step(self, text):
        self.process.stdin.write(f"step {text}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.said()
        return json.loads(line)

    def down(self, how=None):
        if how:
            self.process.send_signal(how)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)
        self.log.close()

    def leaves(self):
        """The leaves of its evidence; the machine is down."""
        size = json.loads(told("verify", self.folder, "--json"))["size"]
        return [json.loads(told("why", str(seq), self.folder, "--json"))["leaf"] for seq in range(size)]

    def said(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
            return f.read()


def world(play, make_site, keep=False):
    """A ledger with the demo's village and machine, the machine's folder, and what is played there."""
    folder = tempfile.mkdtemp(prefix="dam-site-")
    ledger = site = None
    try:
        ledger = Ledger(DAM, folder, GENESIS)
        v = village.found(Chain(ledger.url, CONTRACTS), village.rules(DAM, os.path.join(ROOT, "profiles", "solar-site")))
        key = derive(14)
        village.enrol(v, key.address, key.sign_typed)
        site = make_site(folder, v, ledger.url)
        play(site, v, ledger)
    finally:
        if site and site.process and site.process.poll() is None:
            site.process.kill()
            site.process.wait()
        if ledger:
            ledger.stop()
        if keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
