#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One process that is machine, ledger and dashboard: `dam up` with [ledger]. It is deployed to, sells, anchors, and is killed at its
work with nothing lost; who starts it in a wrong way is told what is wrong.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "trade"))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import DAM, ENV, check, dam, summary, told
from machine_site import START, world
from energy import OFFER_WH, SLOTS, Slots, events, make_site as make_seller, seller
from on_chain import law
from upkeep import LAMP
from village import INTERVAL
from world import free_port

KILLS = 4
SENDERS = 4


def call(port, method, *params):
    """What the ledger at a port answers; None if nobody does."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", body, timeout=30) as answer:
            return json.load(answer)["result"]
    except (OSError, ValueError, urllib.error.URLError):
        return None


# ---- a lamp with a ledger, killed at its work -------------------------------------------------------------------------------------

def lamp(folder, port, more="dev = true\n"):
    os.makedirs(folder)
    with open(os.path.join(folder, "lamp.hex"), "w", encoding="ascii") as f:
        f.write(LAMP)
    with open(os.path.join(folder, "dam.toml"), "w", encoding="ascii") as f:
        f.write('[machine]\nname = "lamp"\nperiod = "100ms"\n[[actuator]]\nname = "lamp"\nmin = 0\nmax = 1\nsafe = 0\n'
                f'[mind]\ncode = "lamp.hex"\n[chain]\nurl = "embedded"\n[ledger]\nrpc = "127.0.0.1:{port}"\n{more}')
    return folder


def up(folder, port):
    process = subprocess.Popen([DAM, "up", folder, "--quiet"], env=ENV)
    end = time.monotonic() + 30
    while call(port, "eth_chainId") is None and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    return process


def send(port, account, hashes):
    """One transaction after another, until nobody answers; what was acknowledged."""
    while sent := call(port, "eth_sendTransaction", {"from": account, "to": account, "gas": "0x5208"}):
        hashes.append(sent)


def killed(tmp):
    port = free_port()
    folder = lamp(os.path.join(tmp, "lamp"), port)
    acknowledged = []
    process = up(folder, port)
    first = call(port, "eth_getBlockByNumber", "0x0", False)["hash"]
    made = told("deploy", "demo", "--dev", "--rpc", f"http://127.0.0.1:{port}", "--out", os.path.join(tmp, "deployments"))
    check("it is deployed to", " made" in made, made)
    for _ in range(KILLS):
        accounts = call(port, "eth_accounts")
        threads = [threading.Thread(target=send, args=(port, account, acknowledged)) for account in accounts[:SENDERS]]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        process = up(folder, port)
    check("every kill met it at work", len(acknowledged) > 10 * KILLS * SENDERS, len(acknowledged))
    lost = [tx for tx in acknowledged if call(port, "eth_getTransactionReceipt", tx) is None]
    check("nothing acknowledged is lost", not lost, lost[:3])
    check("it is the same chain", call(port, "eth_getBlockByNumber", "0x0", False)["hash"] == first)
    again = told("deploy", "demo", "--dev", "--rpc", f"http://127.0.0.1:{port}", "--out", os.path.join(tmp, "deployments"))
    check("what was deployed is there", " made" not in again and "was there" in again, again)
    strangers(tmp, folder, port)
    process.terminate()
    check("it ends well", process.wait(30) == 0, process.returncode)
    check("the ledger is whole", dam("ledger", "check", "--data", os.path.join(folder, "ledger")).returncode == 0)
    log = json.loads(told("verify", folder, "--json"))
    boots = log["kinds"].get("boot")
    check("and so is the log", log["good"] and boots == KILLS + 1 and log["kinds"]["decision"] > KILLS, log)


# ---- a ledger that hangs ----------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def held(process, name):
    """One thread of a process stands still, as a tracer can make it; the others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    seize, interrupt, detach, wall = 0x4206, 0x4207, 17, 0x40000000
    tasks = f"/proc/{process.pid}/task"
    thread = next(int(task) for task in os.listdir(tasks) if open(f"{tasks}/{task}/comm", encoding="ascii").read().strip() == name)
    for request in (seize, interrupt):
        if libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, wall)
    try:
        yield
    finally:
        libc.ptrace(detach, thread, None, None)


def hung(tmp):
    """The manager's watchdog is fed for a machine whose ledger turns, and only then; the machine itself goes on."""
    port, api = free_port(), free_port()
    folder, path = lamp(os.path.join(tmp, "hung"), port), os.path.join(tmp, "notify")

    def get(name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{api}/{name}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def value(name):
        return float(next(line.split()[1] for line in get("metrics")[1].splitlines() if line.startswith(name)))

    def heard(manager, want):
        """Waits for a word of the machine's; what it said on the way."""
        words = [manager.recv(200).decode()]
        while want not in words[-1] and len(words) < 200:
            words.append(manager.recv(200).decode())
        return words

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        env = dict(ENV, NOTIFY_SOCKET=path, WATCHDOG_USEC="400000")
        with subprocess.Popen([DAM, "up", folder, "--quiet", "--api", f"127.0.0.1:{api}"], env=env) as process:
            check("it is ready, and alive", heard(manager, "WATCHDOG=1")[0].startswith("READY=1"))
            call(port, "evm_mine")
            time.sleep(1.5)  # its ledger measures itself once in a second
            check("its metrics are its ledger's, too", value('dam_ledger_head_number{machine="0"}') == 1, get("metrics"))
            check("with a pulse", value("dam_ledger_pulse_age_seconds") < 5 and get("readyz")[0] == 200, get("metrics"))
            with held(process, "dam-ledger"):
                turns = value('dam_turns_total{machine="0",outcome="0"}')
                said = heard(manager, "STATUS=lamp: its ledger hangs")
                check("a ledger that hangs is told of", "hangs" in said[-1], said)
                said = [manager.recv(200).decode() for _ in range(5)]
                check("the watchdog is not fed", not any("WATCHDOG" in word for word in said), said)
                check("it is not ready", get("readyz")[0] == 503 and value("dam_ledger_pulse_age_seconds") > 5, get("metrics"))
                check("but decides", value('dam_turns_total{machine="0",outcome="0"}') >= turns + 40, (turns, get("metrics")))
            check("when it goes on, all is well", "WATCHDOG=1" in heard(manager, "WATCHDOG=1")[-1] and get("readyz")[0] == 200)
            process.terminate()
            check("and it ends well", process.wait(30) == 0, process.returncode)


# ---- started in a wrong way -------------------------------------------------------------------------------------------------------

def wrong(name, folder, code, *texts, args=()):
    done = dam("up", folder, *args)
    check(f"{name}: exit code {code}", done.returncode == code, (done.returncode, done.stderr))
    check(f"{name}: it says what is wrong", all(text in done.stderr for text in texts), done.stderr)


def strangers(tmp, folder, port):
    """While a machine runs in `folder` with its ledger at `port`."""
    wrong("two on one folder", folder, 1, "the ledger", os.path.join(folder, "ledger"), "another ledger is running")
    wrong("a port that is taken", lamp(os.path.join(tmp, "taken"), port), 1, "the ledger", f"127.0.0.1:{port}", "another program listens")
    wrong("an API's port that is taken", lamp(os.path.join(tmp, "api"), free_port()), 1, f"cannot listen on 127.0.0.1:{port}: another program listens there",
          args=("--api", f"127.0.0.1:{port}"))
    os.makedirs(os.path.join(tmp, "empty"))
    wrong("an empty folder", os.path.join(tmp, "empty"), 4, "dam.toml", "dam init")
    cases = (("an unknown key", "dvv = true\n", "[ledger] has no key 'dvv'", "did you mean 'dev'?"),
             ("a bad value", 'block_time = "2m"\n', "dam.toml:15:", "[ledger] has a bad 'block_time': 2m; it takes seconds"),
             ("a size too small", "max_size = 5\n", "[ledger] has a bad 'max_size': 5; it takes a size of at least 1M"),
             ("a list", "cors = []\n", "[ledger] has a bad 'cors'; it takes", "dam help ledger"),
             ("a bad account", 'fund = ["0x12"]\n', "[ledger] has a bad 'fund': 0x12; it takes an address", "dam help ledger"))
    for name, more, *texts in cases:
        wrong(name, lamp(os.path.join(tmp, name), free_port(), more), 8, *texts)
    wrong("port 0", lamp(os.path.join(tmp, "zero"), 0), 8, "dam.toml:14:", "a port that others can know")
    path = os.path.join(lamp(os.path.join(tmp, "both"), free_port()), "dam.toml")
    with open(path, encoding="ascii") as f:
        text = f.read()
    with open(path, "w", encoding="ascii") as f:
        f.write(text.replace('"embedded"', '"http://127.0.0.1:1"'))
    wrong("a ledger beside another chain", os.path.dirname(path), 8, "dam.toml:13:", "for a chain that is in this process")
    with open(path, "w", encoding="ascii") as f:
        f.write(text.split("[ledger]")[0])
    wrong("no ledger", os.path.dirname(path), 8, "dam.toml:12:", "add a table [ledger]")
    other = lamp(os.path.join(tmp, "other"), free_port(), "chain_id = 5\n")
    with subprocess.Popen([DAM, "up", other, "--quiet", "--turns", "2"], env=ENV) as process:
        check("a chain of another name begins", process.wait(30) == 0)
    with open(os.path.join(other, "dam.toml"), encoding="ascii") as f:
        text = f.read()
    with open(os.path.join(other, "dam.toml"), "w", encoding="ascii") as f:
        f.write(text.replace("chain_id = 5", "chain_id = 6"))
    wrong("another chain's folder", other, 1, "the ledger", "holds chain 5, not 6")
    with open(os.path.join(other, "ledger", "ledger.mdb"), "r+b") as f:
        f.seek(20)  # LMDB's version, behind its page's header and magic
        f.write((99).to_bytes(4, "little"))
        f.seek(4096 + 20)
        f.write((99).to_bytes(4, "little"))
    wrong("a folder of another version", other, 1, "the ledger", os.path.join(other, "ledger"))


# ---- a solar site that sells ------------------------------------------------------------------------------------------------------

def make_site(folder, v, url):
    """The seller of tests/trade/energy.py under its constitution, with the village's ledger in its own process."""
    text = seller(v, url).split("[mind]")[0]
    for line in (f'url = "{url}"\n', 'signer = "signer"\n', 'password_file = "password"\n'):
        assert line in text, line
        text = text.replace(line, "")
    text += law(v, "embedded") + f"""
[ledger]
data = "../ledger"
genesis = "../genesis.json"
rpc = "{url.removeprefix("http://")}"
dev = true
block_time = 900000  # blocks are made by the village's clock
"""
    return make_seller(folder, v, url, text, may="spend,checkpoint")


def sell(site, v, ledger):
    ledger.stop(signal.SIGTERM)  # it has founded the village; from here on its folder is the machine's
    slots, port = Slots(v), free_port()

    def start():
        site.up(START + slots.k * INTERVAL, "--api", f"127.0.0.1:{port}")
        site.step("1s")

    start()
    slots.turn()
    first = events(v, "Placed")
    check("it sells on its own ledger", [e["quantity"] for e in first] == [OFFER_WH], site.said())
    for _ in range(2):
        site.step("15m")
        slots.turn()
    head = v.chain.rpc.call("eth_getBlockByNumber", "latest", False)
    earned = v.token.read("balanceOf", v.account.address)
    site.down(signal.SIGKILL)
    start()
    kept = v.chain.rpc.call("eth_getBlockByNumber", head["number"], False)
    check("killed: the chain is as it was", kept["hash"] == head["hash"], (head["number"], site.said()))
    check("killed: so is its money", v.token.read("balanceOf", v.account.address) == earned)
    slots.turn()
    for _ in range(SLOTS - 5):
        site.step("15m")
        slots.turn()
    placed = [e["interval"] for e in events(v, "Placed")]
    check("an order a turn, none twice", placed == list(range(placed[0], placed[0] + slots.k)), (placed, site.said()))
    check("it collects", events(v, "Collected"), site.said())
    anchored = v.evidence.read("headOf", v.id)["size"]
    check("it anchors its log", anchored >= 8, (anchored, site.said()))
    found = json.loads(told("verify", f"http://127.0.0.1:{port}", "--rpc", ledger.url, "--json"))
    check("an outsider verifies it with one process", found["good"] and found["anchors"] >= 1, found)
    metrics = [urllib.request.urlopen(f"http://127.0.0.1:{at}/metrics", timeout=30).read() for at in (port, ledger.port)]
    check("both have metrics", b"dam_turns_total" in metrics[0] and b"dam_ledger_head_number" in metrics[1], metrics)
    site.down(signal.SIGTERM)
    check("it ends well", site.process.returncode == 0, site.process.returncode)
    check("its ledger is whole", dam("ledger", "check", "--data", ledger.data).returncode == 0)
    ledger.open()  # alone again, on the same folder
    check("the folder is any ledger's", v.evidence.read("headOf", v.id)["size"] >= anchored)
    check("every anchor stands", dam("verify", site.folder, "--rpc", ledger.url).returncode == 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="dam-embedded-") as home:
        killed(home)
        hung(home)
    world(sell, make_site, keep="--keep" in sys.argv)
    sys.exit(summary())
