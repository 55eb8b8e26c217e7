#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One day, two compilers, a restart at every turn: what must be equal is equal to the last bit.

  tests/machine/compilers.py DAM OTHER_DAM        two builds of the same source; build/contracts

The day is recorded: the solar site's sunniest, in quarters of an hour. Leaves are compared by their hashes in the log's own chain.
Only what a log says of the program itself (its hash, in boot leaves) is taken out first, and the chain hashed anew.
Ends with "N passed, N failed".
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
import harness
from harness import check, recorded_site, summary

BEGIN, END = "2023-02-03T00:00:00Z", "2023-02-04T00:00:00Z"  # the sunniest
TURNS = 96
ENV = dict(harness.ENV, DAM_MACHINE_PERIOD="15min", DAM_EVIDENCE_SYNC="false")
RECORD_HEAD, LEAF_HEAD, PREV, KIND = 56, 96, 64, 5
DECISION, BOOT = 1, 3


def up(dam, folder, *args):
    done = subprocess.run([dam, "up", folder, "--quiet", "--speed", "max", "--until", END, *args], env=ENV, capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def up_and_die(dam, folder, turns):
    """So many turns, then SIGKILL."""
    with subprocess.Popen([dam, "up", folder, "--quiet", "--step", "--epoch", BEGIN], env=ENV, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(turns):
            process.stdin.write("step 15min\n")
            process.stdin.flush()
            assert process.stdout.readline(), process.stderr.read()
        process.kill()


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def leaves(folder):
    """The log's leaves, checked against their chain."""
    with open(os.path.join(folder, "evidence", "log"), "rb") as f:
        log = f.read()
    found, at, prev = [], 0, bytes(32)
    while at < len(log):
        size = int.from_bytes(log[at + 4:at + 8], "big")
        leaf = log[at + RECORD_HEAD:at + RECORD_HEAD + size]
        assert leaf[PREV:LEAF_HEAD] == prev
        prev = leaf_hash(leaf)
        found.append(leaf)
        at += RECORD_HEAD + size
    return found


def hashes(folder):
    found, prev = [], bytes(32)
    for leaf in leaves(folder):
        leaf = bytearray(leaf)
        if leaf[KIND] == BOOT:
            leaf[LEAF_HEAD + 16:LEAF_HEAD + 48] = bytes(32)
        leaf[PREV:LEAF_HEAD] = prev
        prev = leaf_hash(leaf)
        found.append(prev)
    return found


def decisions(folder):
    """What was decided, by time: the leaf less its head, that is memory, observation, proposal, action, reasons, gas."""
    return {int.from_bytes(leaf[16:24], "big"): leaf[LEAF_HEAD:] for leaf in leaves(folder) if leaf[KIND] == DECISION}


def replayed(dam, folder):
    out = subprocess.run([dam, "replay", "all", folder, "--json"], env=ENV, capture_output=True, text=True, check=True).stdout
    return {key: value for key, value in json.loads(out).items() if key != "seconds"}


def day(tmp, dam, other):
    """Without a restart. Returns its hashes, and its decisions."""
    mine, theirs = (recorded_site(os.path.join(tmp, name)) for name in ("day", "day-other"))
    up(dam, mine, "--epoch", BEGIN)
    up(other, theirs, "--epoch", BEGIN)
    kinds = [leaf[KIND] for leaf in leaves(mine)]
    check("a day is 96 quarters of an hour, both ends, and the turn that stops", kinds.count(DECISION) == TURNS + 2, kinds)
    check("both compilers' day has the same leaf hashes", hashes(mine) == hashes(theirs))
    check("each replays the other's day", replayed(dam, theirs) == replayed(other, mine) and replayed(dam, theirs)["different"] == 0)
    return hashes(mine), decisions(mine)


def restart(tmp, dam, other, turn, whole):
    """Both die after a turn and go on; and one goes on where the other died. Nothing is decided otherwise for it."""
    whole_hashes, whole_decisions = whole
    mine, theirs, mixed = (os.path.join(tmp, f"{turn}-{name}") for name in ("mine", "theirs", "mixed"))
    up_and_die(dam, recorded_site(mine), turn)
    up_and_die(other, recorded_site(theirs), turn)
    shutil.copytree(mine, mixed)
    before = hashes(mine)
    check(f"turn {turn}: what was before the restart", before == whole_hashes[:len(before)] and len(before) == len(hashes(theirs)))
    up(dam, mine)
    up(other, theirs)
    up(other, mixed)
    after = hashes(mine)
    check(f"turn {turn}: the rest of the day", len(after) > len(before) and after == hashes(theirs))
    check(f"turn {turn}: one goes on where the other died", after == hashes(mixed))
    check(f"turn {turn}: decided as without a restart", decisions(mine) == whole_decisions)
    again = replayed(other, mine)
    check(f"turn {turn}: the other compiler's replay", again["different"] == 0 and again["foreign"] == 0
          and again == replayed(dam, theirs), again)
    for folder in (mine, theirs, mixed):
        shutil.rmtree(folder)


def main():
    dam, other = sys.argv[1:]
    with open(dam, "rb") as mine, open(other, "rb") as theirs:
        check("they are two programs", mine.read() != theirs.read())
    with tempfile.TemporaryDirectory() as tmp:
        whole = day(tmp, dam, other)
        for turn in range(1, TURNS):
            restart(tmp, dam, other, turn, whole)
    return summary()


if __name__ == "__main__":
    sys.exit(main())
