#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a machine's key must not be: `dam up` signs and anchors on our ledger, with every byte that it and its signer read, write, send and
receive recorded. The key, what decrypts it and the password are looked for in these bytes, in the machine's folder, in the memory of the main
process and in its core. Each search must find what is known to be there.

Needs build/dam (or $DAM), build/contracts (or $DAM_CONTRACTS) and strace. Ends with "N passed, N failed".
"""
import base64
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import ENV, check, summary
from machine_site import world
from on_chain import make_site

PASSWORD = "secret of a test"  # tests/machine_site.py writes it
PLANTED = hashlib.sha256(b"a needle").digest()
READS = ("read", "readv", "pread64", "preadv", "preadv2")
CALLS = (*READS, "write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg")
SOCKETS = tuple(name for name in CALLS if name.startswith(("send", "recv")))


def forms(secret):
    """A secret of 32 bytes as somebody might hold it: whole halves are enough to give it away."""
    number, text = int.from_bytes(secret, "big"), secret.hex()
    swapped = secret[::-1]
    return [secret[:16], secret[16:], swapped[:16], swapped[16:], *(t.encode() for h in (text, swapped.hex()) for t in (h[:32], h[32:])),
            *(t.upper().encode() for t in (text[:32], text[32:])), base64.b64encode(secret)[:40], str(number).encode()]


def secrets(site):
    """Name and forms of all that would open the machine's account."""
    with open(os.path.join(site.folder, "signer", "keystore"), encoding="utf-8") as f:
        kdf = json.load(f)["crypto"]["kdfparams"]
    opens = hashlib.scrypt(PASSWORD.encode(), salt=bytes.fromhex(kdf["salt"]), n=kdf["n"], r=kdf["r"], p=kdf["p"], dklen=32)
    return {"key": forms(site.v.key(14).secret.to_bytes(32, "big")), "key of the keystore": forms(opens),
            "password": [PASSWORD.encode(), PASSWORD.encode().hex().encode(), base64.b64encode(PASSWORD.encode())[:20]]}


def found(needles, data):
    return [name for name, wanted in needles.items() if any(form in data for form in wanted)]


def memory(pid):
    """Everything that a process can read of itself, mapping by mapping."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            (start, end), mode = (int(x, 16) for x in line.split()[0].split("-")), line.split()[1]
            if mode.startswith("r") and "[v" not in line:  # the kernel's own vdso, vvar and vsyscall
                try:
                    mem.seek(start)
                    yield mem.read(end - start)
                except OSError:
                    pass  # a mapped file beyond its end


def recorded(folder, calls):
    """{pid: bytes} of what each process gave to and got from these system calls, in order."""
    whole = {}
    wanted = re.compile(r"(?:%s)\(" % "|".join(calls))
    for path in glob.glob(os.path.join(folder, "trace.*")):
        with open(path, encoding="ascii") as f:
            text = "".join(part for line in f if wanted.match(line) for part in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', line))
        whole[int(path.rsplit(".", 1)[1])] = bytes.fromhex(text.replace("\\x", ""))
    return whole


def traced(folder):
    """The prefix that records a process and its children, and stays out of its parent's way."""
    return ["strace", "-D", "-ff", "-qq", "-xx", "-s", str(1 << 24), "-e", f"trace=execve,{','.join(CALLS)}", "-e", "signal=none", "-o", os.path.join(folder, "trace")]


def can_trace():
    return shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


def signers(folder):
    return [pid for pid, data in recorded(folder, ["execve"]).items() if b"signer-process" in data]


def search_memory(site, needles, signer):
    planted = {"needle": forms(PLANTED)}
    main = list(memory(site.process.pid))
    check("memory: the search finds the needle", any(found(planted, part) for part in main))
    check("memory: no secret in the main process", not any(found(needles, part) for part in main), [found(needles, part) for part in main])
    try:
        known = [name for part in memory(signer) for name in found(needles, part)]
    except PermissionError:
        print("skipped: the signer's memory: only root may read it")
        return
    check("memory: the signer has the key, and no longer what opened it", set(known) == {"key"}, known)


def search_core(site, needles, cores, signer):
    """The main process dies with a core; the signer, with the same limits, must leave none."""
    os.kill(signer, signal.SIGABRT)
    site.turn(2)  # the machine lives on without it
    check("core: the signer leaves none", os.listdir(cores) == [], os.listdir(cores))
    site.down(signal.SIGABRT)
    left = os.listdir(cores)
    if not left:
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as f:
            print(f"skipped: the core of the main process: none is left beside it (core_pattern is {f.read().strip()!r})")
        return
    with open(os.path.join(cores, left[0]), "rb") as f:
        core = f.read()
    check("core: the search finds the needle", found({"needle": forms(PLANTED)}, core))
    check("core: no secret in it", not found(needles, core), found(needles, core))


def search_calls(site, needles, traces):
    """Before a signer is shut in it reads its keystore and password; nothing of them may leave it, or reach any other process."""
    address = bytes.fromhex(site.v.key(14).address[2:])
    everything, left, sockets = (recorded(traces, calls) for calls in (CALLS, [c for c in CALLS if c not in READS], SOCKETS))
    for pid in signers(traces):
        check("calls: the search finds what the signer reads", found(needles, everything[pid]) == ["password"], found(needles, everything[pid]))
        check("calls: nothing of it leaves the signer", not found(needles, left[pid]), found(needles, left[pid]))
        del everything[pid]
    others = {pid: found(needles, data) for pid, data in everything.items()}
    check("calls: no secret in what the main process reads, writes, sends or receives", others and not any(others.values()), others)
    heard = b"".join(sockets.values())
    check("calls: the sockets were heard", address in heard and b"eth_sendRawTransaction" in heard, len(heard))


def search_files(site, needles):
    """All files of the machine, its log among them."""
    places = {}
    for folder, _, names in os.walk(site.folder):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                places[os.path.relpath(os.path.join(folder, name), site.folder)] = f.read()
    known = {name: found(needles, data) for name, data in places.items() if found(needles, data)}
    check("files: the search finds the password's own file", known.pop("password", None) == ["password"])
    check("files: no secret in any other", not known and {"log", "evidence/log", "signer/state"} < set(places), (known, sorted(places)))


def play(site, v, ledger):
    del ledger
    beside = os.path.dirname(site.folder)
    traces, cores = (os.path.join(beside, name) for name in ("traces", "cores"))
    os.makedirs(traces)
    os.makedirs(cores)
    if not can_trace():
        print("skipped: where the key must not be: strace cannot record a process here")
        return
    resource.setrlimit(resource.RLIMIT_CORE, [resource.getrlimit(resource.RLIMIT_CORE)[1]] * 2)
    ENV["DAM_NEEDLE"] = PLANTED.hex()
    needles = secrets(site)
    site.under, site.cwd = traced(traces), cores
    site.up()
    site.turn(12)
    signer, = signers(traces)
    check("it signs and anchors", v.evidence.read("headOf", v.id)["size"] >= 8, site.said())
    search_memory(site, needles, signer)
    search_core(site, needles, cores, signer)
    search_calls(site, needles, traces)
    search_files(site, needles)


if __name__ == "__main__":
    world(play, make_site, keep="--keep" in sys.argv)
    sys.exit(summary())
