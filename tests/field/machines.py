# SPDX-License-Identifier: Apache-2.0
"""Machines of the field's tests: one made for a link, and those that `dam init` makes."""
import json
import os
import signal
import subprocess
import sys

from peers import connects, wait

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from harness import DAM, ENV, check, dam, wishful


class Machine:
    """One channel or more, (name, key, decimals) of link `field` or (name, key, decimals, link); an actuator of each
    text, `out`, `out1` and so on, which does what the first channels say; a turn every 100 ms unless told."""

    def __init__(self, tmp, name, link, channels, *actuators, stale="600ms", period="100ms", before=None, up=()):
        self.folder = os.path.join(tmp, name)
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "echo.hex"), "w", encoding="utf-8") as f:
            f.write(wishful(len(actuators or [""])))
        text = f'[machine]\nname = "{name}"\nperiod = "{period}"\nwrite_timeout = "3s"\n[evidence]\nsync = false\n[link.field]\n{link}\n'
        for channel, key, decimals, *of in channels:
            text += (f'[[channel]]\nname = "{channel}"\ndecimals = {decimals}\nmin = -1000000\nmax = 1000000\nstale = "{stale}"\n'
                     f'source = "{(of or ["field"])[0]}"\nkey = "{key}"\n')
        for i, actuator in enumerate(actuators or [""]):
            text += f'[[actuator]]\nname = "out{i or ""}"\ndecimals = {channels[i][2]}\nmin = -1000000\nmax = 1000000\nsafe = 0\n{actuator}\n'
        text += '[mind]\ncode = "echo.hex"\n'
        with open(os.path.join(self.folder, "dam.toml"), "w", encoding="utf-8") as f:
            f.write(text)
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        if before:
            before(self)
        self.process = subprocess.Popen([DAM, "up", self.folder, *up], stderr=self.log, stdout=self.log, env=ENV)

    def said(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
            return f.read()

    def why(self, *args):
        return dam("why", *(args or ("last",)), self.folder, "--json").stdout

    def last(self):
        """The newest decision, {} if there is none yet."""
        try:
            return json.loads(self.why())
        except ValueError:
            return {}

    def channel(self, name):
        """(value, quality in words)"""
        for c in self.last().get("leaf", {}).get("observation", []):
            if c["name"] == name:
                return c["value"], c["quality"]
        return None, None

    def sees(self, name, value, quality="good", seconds=10):
        return wait(lambda: self.channel(name) == (value, quality), seconds)

    def turns(self, quality, name, seconds=10):
        return wait(lambda: self.channel(name)[1] == quality, seconds)

    def receipts(self):
        """Statuses of the newest receipts."""
        found = []
        seq = int(self.last().get("leaf", {}).get("seq", 0))
        for at in range(seq, max(seq - 4, 0), -1):
            leaf = json.loads(self.why(str(at)) or "{}").get("leaf", {})
            found += [leaf["status"]] if leaf.get("kind") == "receipt" else []
        return found

    def receipt(self, status, seconds=10):
        return wait(lambda: status in self.receipts(), seconds)

    def stop(self, how=signal.SIGTERM):
        if self.log.closed:
            return self.process.returncode
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        return self.process.returncode


class Profile(Machine):
    """A machine as `dam init` makes it, with ports of its own; beside it its plant."""

    def __init__(self, tmp, name, ports, plant, speed, env=None):  # pylint: disable=super-init-not-called
        self.folder = os.path.join(tmp, name)
        run = dam("init", name, self.folder)
        check(f"{name}: dam init", run.returncode == 0, run.stderr)
        path = os.path.join(self.folder, "dam.toml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for old, new in ports.items():
            assert old in text, old
            text = text.replace(old, new)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.env = dict(ENV, PATH=os.path.dirname(DAM) + ":" + ENV["PATH"], DAM_EVIDENCE_SYNC="false", **(env or {}))
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        # the plant's input stays open: its end would end it
        self.plant = subprocess.Popen([DAM, "plant", name, *plant, "--speed", str(speed)], stdin=subprocess.PIPE, stdout=self.log, stderr=self.log) if plant else None
        if self.plant:
            wait(lambda: all(connects(int(p)) for o, p in zip(plant, plant[1:]) if o.endswith("-port")))
        self.process = subprocess.Popen([DAM, "up", self.folder, "--speed", str(speed)], stderr=self.log, stdout=self.log, env=self.env)

    def stop(self, how=signal.SIGTERM):
        code = super().stop(how)
        if self.plant:
            self.plant.kill()
            self.plant.wait()
            self.plant.stdin.close()
        return code

    def replays(self):
        out = dam("replay", "all", self.folder, "--json").stdout
        replay = json.loads(out)
        return replay["same"] > 5 and replay["different"] == 0
