# SPDX-License-Identifier: Apache-2.0
"""What the tests of the program as a process share: where things are, `dam` itself, and the count they end with."""
import csv
import os
import shutil
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DAM = os.environ.get("DAM", os.path.join(ROOT, "build", "dam"))
CONTRACTS = os.environ.get("DAM_CONTRACTS", os.path.join(ROOT, "build", "contracts"))
ENV = dict(os.environ, DAM_CONTRACTS=CONTRACTS)
sys.path.insert(0, os.path.join(ROOT, "demo"))  # its village, ledger and keys are those of the tests
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background has it ignored by all they start
results = {"passed": 0, "failed": 0}


def check(name, ok, detail=""):
    results["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAILED: {name} {detail}")


def dam(*args, env=None, **kwargs):
    """How `dam ARGS` ended, and what it said."""
    return subprocess.run([DAM, *args], capture_output=True, text=True, env=dict(ENV, **(env or {})), check=False, timeout=300, **kwargs)


def told(*args):
    """What a `dam ARGS` that must succeed says."""
    done = dam(*args)
    assert done.returncode == 0, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout


def recorded_site(folder):
    """A machine folder with the recorded year of the solar site; prices in EUR."""
    os.makedirs(folder)
    shutil.copy(os.path.join(ROOT, "tests", "machine", "village", "dam.toml"), folder)
    with open(os.path.join(ROOT, "profiles", "solar-site", "data", "village.csv"), encoding="utf-8") as f, \
            open(os.path.join(folder, "village.csv"), "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for number, row in enumerate(csv.reader(f)):
            writer.writerow(row if number == 0 else row[:-1] + [f"{int(row[-1]) / 100000:.5f}"])
    return folder


def wishful(count):
    """A mind whose proposal is its first sensor channels: what a file wishes, the machine does."""
    code = "60405f52" "6060602052" f"60{8 * count:02x}606052" "602435602401"
    for i in range(count):
        code += f"60088160{16 * (i + 1):02x}0160{0x80 + 8 * i:02x}37"
    return code + f"60{0x80 + (8 * count + 31) // 32 * 32:02x}5ff3"


def summary():
    """Prints the last line of a test; the exit code."""
    print(f"{results['passed']} passed, {results['failed']} failed")
    return 1 if results["failed"] else 0
