#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every signature that a C source names ("anchor(uint256,uint64,bytes32,uint64,bytes)") is one of our contracts', so that none
goes stale when a contract changes.

    tests/contracts/signatures.py CONTRACTS.json
"""
import glob
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TYPE = r"(?:u?int\d+|address|bytes\d*|bool|string)(?:\[\d*\])*"
NAMED = re.compile(rf'"([A-Za-z]\w*\((?:{TYPE}(?:,{TYPE})*)?\))"')


def canonical(parameter):
    if not parameter["type"].startswith("tuple"):
        return parameter["type"]
    return f"({','.join(map(canonical, parameter['components']))}){parameter['type'][len('tuple'):]}"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        contracts = json.load(f)["contracts"].values()
    known = {f"{entry['name']}({','.join(map(canonical, entry['inputs']))})"
             for contract in contracts for entry in contract["abi"] if "name" in entry}
    passed, failed = 0, 0
    for path in sorted(glob.glob(os.path.join(ROOT, "src/**/*.c"), recursive=True)):
        if path.endswith(("_test.c", "_fuzz.c")):
            continue
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                for signature in NAMED.findall(line):
                    if signature in known:
                        passed += 1
                    else:
                        failed += 1
                        print(f"FAILED {os.path.relpath(path, ROOT)}:{number}: no contract has {signature}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
