#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo as a visitor uses it: pause, step, buy data, look at the accounts, Ctrl-C. Nothing may be left behind. Ends with "N passed, N failed"."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from harness import ROOT, check, summary


class Visitor:
    def __init__(self, port):
        self.port = port

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def get(self, path):
        status, text = self.ask("GET", path)
        return json.loads(text) if status == 200 else {}

    def clock(self, **what):
        return self.ask("POST", "/api/skills/demo/clock", what)[0]

    def until(self, good, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if good(self.get("/api/state")):
                return True
            time.sleep(0.2)
        return False


def descendants(pid):
    found = [pid]
    for p in found:
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children", encoding="ascii") as f:
                    found += [int(w) for w in f.read().split()]
        except OSError:
            pass  # it has ended meanwhile
    return found[1:]


def steer(visitor, story):
    check("it decides", visitor.until(lambda s: s["evidence"]["size"] > 8))
    check("pause is taken", visitor.clock(paused=True) == 200 and visitor.until(lambda s: s["demo"]["paused"]))
    time.sleep(3)
    before = visitor.get("/api/state")["machine"]["time"]
    time.sleep(2)
    check("time stands", visitor.get("/api/state")["machine"]["time"] == before)
    check("a step is taken", visitor.clock(step=1) == 200 and visitor.until(lambda s: s["machine"]["time"] >= before + 899))
    time.sleep(3)
    check("and only one", visitor.get("/api/state")["machine"]["time"] <= before + 901, (before, visitor.get("/api/state")["machine"]["time"]))
    status, text = visitor.ask("GET", "/api/skills/data/pv")
    offer = json.loads(text)
    check("data have a price", status == 402 and offer["accepts"][0]["scheme"] == "exact" and offer["x402Version"] == 2, text)
    told = visitor.get("/api/skills/demo/accounts")
    check("accounts are told, by the month", len(told["intervals"]) >= 3 and told["months"] == ["2026-02", "2026-03"] and told["month"] == "2026-03", told["months"])
    founding = visitor.get("/api/skills/demo/accounts?month=2026-02")
    check("a month begins with what the last one ended with", founding["statement"]["closing"] == told["statement"]["opening"] == "200000000", founding["statement"])
    check("and as CSV", visitor.ask("GET", "/api/skills/demo/accounts.csv?month=2026-03")[1].startswith(b"time,what,who,leaf,decisions"))
    check("a month that was not is refused", visitor.ask("GET", "/api/skills/demo/accounts?month=1999-01")[0] == 404)
    check("a vote on nothing is refused", visitor.ask("POST", "/api/skills/demo/vote", {"proposal": "1", "voter": "Ada", "support": 1})[0] == 422)
    check("a bad body is refused", visitor.ask("POST", "/api/skills/demo/vote", [1])[0] == 422)
    check("speed is taken", visitor.clock(speed=0) == 200 and visitor.clock(paused=False) == 200)
    check("it goes on", visitor.until(lambda s: s["machine"]["time"] > before + 1800))
    children = descendants(story.pid)
    check("broker, plant, site, signer and ledger run", len(children) >= 5, children)
    story.send_signal(signal.SIGINT)
    check("Ctrl-C ends it", story.wait(60) == 130, story.returncode)
    time.sleep(0.5)
    left = [p for p in children if os.path.exists(f"/proc/{p}") and "Z" not in open(f"/proc/{p}/stat", encoding="ascii").read().split()[2]]
    check("nothing is left behind", not left, left)


def main():
    place = tempfile.mkdtemp(prefix="dam-steer-")
    log = os.path.join(place, "log")
    with open(log, "w", encoding="utf-8") as out:
        story = subprocess.Popen([sys.executable, os.path.join(ROOT, "demo", "story.py"), "--headless", "--days", "3", "--speed", "7200"],
                                 stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, env=dict(os.environ, TMPDIR=place))
    try:
        port = None
        for _ in range(1200):
            with open(log, encoding="utf-8") as f:
                found = re.search(r"the dashboard: http://127\.0\.0\.1:(\d+)/", f.read())
            if found or story.poll() is not None:
                port = int(found[1]) if found else None
                break
            time.sleep(0.1)
        check("it names its dashboard", port is not None, open(log, encoding="utf-8").read())
        if port:
            steer(Visitor(port), story)
        check("its folder is gone", not [n for n in os.listdir(place) if n.startswith("dam-demo")], os.listdir(place))
    finally:
        if story.poll() is None:
            story.kill()
            story.wait()
    return summary()


if __name__ == "__main__":
    sys.exit(main())
