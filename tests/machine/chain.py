#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine that lives by its constitution: `dam up`, its signer process and our ledger, by a WebSocket. It takes mind, charter and epoch from the
chain, tries proposed terms, changes without a restart, takes bad terms back by rule, signs and anchors its log, and needs no chain to
start again.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import base64
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import signal
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, dam, summary, told
from machine_site import world
from on_chain import catch_up, enact, make_site
from village import INTERVAL, vote


class Liar(threading.Thread):
    """The machine's API as a man in the middle shows it: one bit of one answer is another."""

    def __init__(self, url, path):
        outer, self.url, self.path = self, url, path

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with urllib.request.urlopen(outer.url + self.path, timeout=30) as answer:
                    body = bytearray(answer.read())
                if self.path.startswith(outer.path):
                    body[len(body) // 2] ^= 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(target=self.server.serve_forever, daemon=True)

    def look(self, *args):
        return dam("verify", f"http://127.0.0.1:{self.server.server_port}", *args).returncode


def forged(v, note, root):
    """The same size signed again with another root, by the machine's own key: what its signer never does."""
    origin, size = note.split("\n")[:2]
    time, key = v.chain.now, v.key(14)
    domain = dict(name="DAM Evidence", version="1", chainId=v.chain.id, verifyingContract=v.evidence.address)
    fields = dict(machine=v.machine, size=int(size), root="0x" + root.hex(), time=time)
    signature = key.sign_typed(domain, "Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time)", fields)
    label = b"dam evidence checkpoint v1" + bytes.fromhex(key.address[2:])
    key_id = hashlib.sha256(origin.encode() + b"\n\xff" + label).digest()[:4]
    blob = base64.b64encode(key_id + time.to_bytes(8, "big") + bytes.fromhex(signature[2:])).decode()
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n\n\u2014 {origin} {blob}\n"


def audit(site, v, ledger):
    """What an outsider finds, with a URL and the chain."""
    found = json.loads(told("verify", site.url, "--rpc", ledger.url, "--json"))
    check("an outsider verifies the log", found["good"] and found["anchors"] >= 1 and found["kinds"]["decision"] >= 8, found)
    check("who signed is told", found["signed_by"] == v.key(14).address.lower(), found)
    quick = json.loads(told("verify", site.url, "--rpc", ledger.url.replace("http", "ws"), "--quick", "--leaf", "5", "--json"))
    check("proofs alone do", quick["good"] and quick["root"] == found["root"], quick)
    judged = json.loads(told("verify", site.url, "--rpc", ledger.url, "--court", v.court.address, "--json"))
    check("the Court finds no fault in any leaf", judged["good"] and judged["judged"] == judged["size"] >= found["size"], judged)
    check("a court of other logs is none", "there is no Court" in dam("verify", site.url, "--rpc", ledger.url, "--court", v.evidence.address).stderr)
    mine = json.loads(told("verify", site.folder, "--rpc", ledger.url, "--json"))
    check("its own folder agrees", mine["good"] and mine["anchors"] == found["anchors"] and mine["size"] >= found["size"], mine)
    for path, args in (("/tile/entries/", ()), ("/tile/0/", ("--quick", "--leaf", "5")), ("/checkpoint", ())):
        liar = Liar(site.url, path)
        liar.start()
        check(f"a lie in {path} is found", liar.look(*args) == 1)
        liar.server.shutdown()
    note = site.get("/checkpoint").decode()
    for name, text, code in (("kept", note, 0), ("forged", forged(v, note, bytes(31) + b"\1"), 9)):
        site.write(name, text)
        done = dam("verify", site.url, "--against", os.path.join(site.folder, name))
        check(f"against a {name} checkpoint: {code}", done.returncode == code, done.stderr)
    copy = os.path.join(site.folder, "copy")
    shutil.copytree(os.path.join(site.folder, "evidence"), copy)
    check("a copied log verifies by itself", dam("verify", copy, "--rpc", ledger.url).returncode == 0)
    os.truncate(os.path.join(copy, "log"), os.path.getsize(os.path.join(copy, "log")) // 2)
    for name in os.listdir(copy):
        if name.startswith(("tree", "index", "state")):
            os.remove(os.path.join(copy, name))
    done = dam("verify", copy)
    check("leaves that were cut off are missed", done.returncode == 1 and "held back" in done.stderr, done.stderr)
    for rpc, said in (("ws://127.0.0.1:1", "nobody listens there"), ("http://127.0.0.1:1", "nobody listens there"), ("http://no-such-host.invalid", "no host of this name")):
        done = dam("verify", site.url, "--rpc", rpc)
        check("a chain that is away is no verdict, and why it is away is told", done.returncode == 7 and said in done.stderr, done.stderr)
    done = dam("verify", site.url, "--rpc", "127.0.0.1:8545")
    check("what is no endpoint is told", done.returncode == 2 and "ws:// or wss://" in done.stderr, done.stderr)


def doctor(site):
    """What the doctor finds of a signer, whole and broken."""
    def found():
        done = dam("doctor", site.folder, "--json", "--wait", "1")
        return next((c["level"], c["text"]) for c in json.loads(done.stdout)["checks"] if c["check"] == "signer")

    @contextlib.contextmanager
    def broken(name, want):
        path = os.path.join(site.folder, name)
        os.rename(path, path + ".kept")
        yield path
        level, text = found()
        check(f"doctor: {name} broken: {want}", level == "failed" and want in text, (level, text))
        if os.path.exists(path):
            os.remove(path)
        os.rename(path + ".kept", path)
    os.chmod(os.path.join(site.folder, "password"), 0o600)
    check("doctor: a good signer", found()[0] == "ok", found())
    with broken("password", "the password does not open the keystore") as path:
        with open(path, "w", encoding="utf-8") as f:
            f.write("another\n")
    with broken("signer/state", "signer: not found"):
        pass
    with broken("signer/keystore", "signer: not found"):
        pass
    with broken("signer/state", "does not match its checksum") as path:
        with open(path + ".kept", "rb") as kept, open(path, "wb") as out:
            data = bytearray(kept.read())
            data[60] ^= 1
            out.write(data)
    check("doctor: whole again", found()[0] == "ok", found())


def make_ws_site(folder, v, url):
    return make_site(folder, v, url.replace("http", "ws"))


def begin(site, v):
    """Its manifest, then its law from the constitution."""
    checked = lambda: dam("config", "check", site.folder)
    first = checked()
    check("its manifest is good before its law is there", first.returncode == 0 and "are not checked" in first.stderr, first)
    site.up()
    check("and then with its law", checked().returncode == 0 and "mind and charter load" in checked().stderr, checked())
    decision = site.last()
    check("epoch and mind are the constitution's", (decision["epoch"], decision["mind"]) == (1, v.minds["SurplusMind"]), decision)
    check("its law is kept", os.listdir(os.path.join(site.folder, "law")).count("epoch-1") == 1)


def anchors(site, v, ledger):
    """Signed checkpoints and anchors."""
    site.turn(12)
    head = v.evidence.read("headOf", v.id)
    check("it anchors its log", head["size"] >= 8, (head, site.said()))
    note = site.get("/checkpoint").decode()
    check("the checkpoint is signed", note.startswith(f"dam/{v.chain.id}/{v.evidence.address.lower()}/") and "\n\n\u2014 dam/" in note, note)
    audit(site, v, ledger)


def new_terms(site, v):
    """Proposed terms are tried, then rule without a restart."""
    enact(v, "PeakMind")
    catch_up(site, v)
    trial = [leaf for leaf in site.leaves() if leaf["kind"] == "trial"]
    check("proposed terms are tried", [t["phase"] for t in trial] == [0], (trial, site.said()))
    site.turn(3)
    check("but do not act", site.last()["epoch"] == 1)
    v.chain.mine(max(v.chain.now, v.constitution.read("proposed", v.id)[1]) + 1)
    v.constitution.send(v.key(0), "enact", v.id)
    catch_up(site, v)
    site.turn()
    decision = site.last()
    check("enacted terms rule", (decision["epoch"], decision["mind"]) == (2, v.minds["PeakMind"]), (decision, site.said()))
    trial = [leaf for leaf in site.leaves() if leaf["kind"] == "trial"]
    check("the trial is reported", [t["phase"] for t in trial] == [0, 1] and trial[1]["turns"] >= 3, trial)


def without_chain(site, v, ledger):
    """Killed, and started again without a chain."""
    site.down(signal.SIGKILL)
    ledger.stop(signal.SIGKILL)
    site.up()
    site.pass_time(INTERVAL)
    check("a restart needs no chain", site.last()["epoch"] == 2, site.said())
    check("it says that the chain is away", "the chain" in site.said() or "connecting" in site.said(), site.said())
    away = site.last()["seq"]
    for _ in range(6):
        site.pass_time(INTERVAL)
    ledger.open()
    v.chain.manual_time()  # it forgets that at a start
    v.chain.mine(max(site.now, v.chain.now) + 1)
    site.turn(3)  # the first round asks how far the chain has it
    check("anchors catch up", v.evidence.read("headOf", v.id)["size"] > away, (v.evidence.read("headOf", v.id), away, site.said()))


def bad_terms(site, v):
    """Terms that break the rule are taken back."""
    enact(v, "SpendthriftMind")
    v.chain.mine(max(v.chain.now, v.constitution.read("proposed", v.id)[1]) + 1)
    v.constitution.send(v.key(0), "enact", v.id)
    catch_up(site, v)
    site.turn(8)
    leaves = site.leaves()
    phases = [(leaf["phase"], leaf["epoch"]) for leaf in leaves if leaf["kind"] == "trial"]
    check("bad terms are taken back by rule", (3, 3) in phases, (phases, site.said()))
    ruled = [leaf for leaf in leaves if leaf["kind"] == "decision" and leaf["epoch"] == 3]
    check("after three corrections", sum(leaf["outcome"] == 1 for leaf in ruled) == 3, [leaf["outcome"] for leaf in ruled])
    check("the chain hears of it", v.constitution.read("epochOf", v.id) == 4, (v.constitution.read("epochOf", v.id), site.said()))
    check("and the machine follows", (site.last()["epoch"], site.last()["mind"]) == (4, v.minds["PeakMind"]), site.last())


def stopped(site, v):
    """The owner stops it."""
    vote(v, "Stop the site", [(v.constitution, "stop", v.id)])
    catch_up(site, v)
    site.turn()
    check("a stop on the chain holds", site.last()["outcome"] == 7, site.last())
    before = int(site.get("/checkpoint").decode().split("\n")[1])
    site.turn(4)
    check("its account may not spend, but its log is still signed", int(site.get("/checkpoint").decode().split("\n")[1]) > before)
    site.down(signal.SIGTERM)
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    replay = json.loads(told("replay", "all", site.folder, "--json"))
    check("every decision of every epoch runs again", replay["different"] == 0 and replay["foreign"] == 0, replay)
    site.up()
    check("a stop survives the start", site.last()["outcome"] == 7)
    site.down()
    doctor(site)


def live(site, v, ledger):
    begin(site, v)
    anchors(site, v, ledger)
    new_terms(site, v)
    without_chain(site, v, ledger)
    bad_terms(site, v)
    stopped(site, v)


if __name__ == "__main__":
    world(live, make_ws_site, keep="--keep" in sys.argv)
    sys.exit(summary())
