#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a demo has kept, before an outsider: the ledger alone is opened again and demo/books.py run on it, as docs/tour.md says; then with accounts
that lie. usage: tests/demo/audit.py KEPT-FOLDER. Ends with "N passed, N failed"."""
import csv
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from harness import DAM, ROOT, check, summary

LIES = {  # what books.py says of it: how a line of the accounts is changed
    "every token that came or went is a line": ("energy sold", "tdam", lambda text: text[:-1] + str(9 - int(text[-1]))),
    "every transaction of the site's key is a line": ("network fee", "fee_eth", lambda text: text[:-1] + str(9 - int(text[-1]))),
    "energy sold and metered is that": ("energy delivered", "metered_kwh", lambda text: text[:-1] + str(9 - int(text[-1]))),
    "every payment names the leaf": ("market, deposit placed", "leaf", lambda text: ""),
}


def audit(url, kept, accounts):
    done = subprocess.run([sys.executable, os.path.join(ROOT, "demo", "books.py"), url, os.path.join(kept, "deployment.json"), *accounts],
                          capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def falsify(path, to):
    with open(path, encoding="utf-8", newline="") as f:
        table = csv.DictReader(f)
        rows = list(table)
    for what, column, lie in LIES.values():
        row = next(r for r in rows if r["what"] == what)
        row[column] = lie(row[column])
    with open(to, "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, table.fieldnames)
        out.writeheader()
        out.writerows(rows)
    return to


def main():
    kept = sys.argv[1]
    ledger = subprocess.Popen([DAM, "ledger", "--data", f"{kept}/ledger", "--block-time", "86400", "--rpc", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = next((found[0] for line in ledger.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line))), None)
        check("the kept ledger opens", url is not None)
        accounts = sorted(glob.glob(f"{kept}/accounts-*.csv"))
        check("there are two months", len(accounts) == 2, accounts)
        code, said = audit(url, kept, accounts)
        check("the books balance", code == 0 and said.count("ok  ") >= 17 and "FAIL" not in said, said)
        with tempfile.TemporaryDirectory() as place:
            code, said = audit(url, kept, [accounts[0], falsify(accounts[1], os.path.join(place, "lies.csv"))])
        for what in (*LIES, "each month ends with what the account then held"):
            check(f"a lie is found: {what}", code == 1 and re.search(f"FAIL .*{what}", said), said)
        code, said = audit(url, kept, accounts[1:])
        check("a month that is missing is found", code == 1 and "FAIL  accounts: each month ends" in said, said)
        check("no ledger", audit("http://127.0.0.1:1", kept, [])[0] == 1)
    finally:
        ledger.terminate()
        ledger.wait()
    return summary()


if __name__ == "__main__":
    sys.exit(main())
