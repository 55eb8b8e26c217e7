#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other shapes of the official suites than those of the release that is unpacked here: older fills, transitions, folders
with other things in them. Each is made from an official test by a change with a known effect.

    tests/evm/shapes.py PATH-OF-DAM FOLDER-OF-VECTORS
"""
import copy
import json
import os
import subprocess
import sys
import tempfile

DAM, VECTORS = sys.argv[1:3]
passed = 0
failed = 0


def run(verb, test, *options):
    """(passed, failed, skipped, exit code, all lines) of `dam evm VERB` on one file, or on a folder that is there."""
    if isinstance(test, str):
        return outcome(subprocess.run([DAM, "evm", verb, test, *options], capture_output=True, text=True, check=False))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "test.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(test, file)
        return run(verb, path, *options)


def outcome(done):
    lines = done.stdout.splitlines()
    if len(lines) < 2:
        return 0, 0, 0, done.returncode, done.stdout + done.stderr
    counts = [int(word) for word in lines[-1].replace(",", "").split() if word.isdigit()]
    return counts[0], counts[1], int(lines[-2].split()[2]), done.returncode, done.stdout


def check(what, got, want):
    """In: want: (passed, failed, skipped, exit code)."""
    global passed, failed
    if got[:4] == want:
        passed += 1
    else:
        failed += 1
        print(f"FAIL {what}: expected {want}, got {got[:4]}\n{str(got[4:])[:600]}")


def files(folder):
    for root, _, names in sorted(os.walk(os.path.join(VECTORS, folder))):
        for name in sorted(names):
            if name.endswith(".json"):
                yield os.path.join(root, name)


def find(folder, wanted):
    """The first test of the folder that is wanted, with its name."""
    for path in files(folder):
        with open(path, encoding="utf-8") as file:
            tests = json.load(file)
        for name, test in tests.items():
            if wanted(test):
                return name, test
    raise SystemExit(f"no test for {wanted.__doc__} in {folder}")


def state_shapes():
    def old_valid(test):
        return "ConstantinopleFix" in test["post"] and "secretKey" in test["transaction"]

    def rejected(test):
        return len(test["post"]) == 1 and all("expectException" in p for posts in test["post"].values() for p in posts)

    eest = "state_tests/eest-v5.4.0"
    name, test = find(eest, old_valid)
    cases = sum(len(posts) for posts in test["post"].values())
    changed = copy.deepcopy(test)
    del changed["transaction"]["sender"]
    check("the sender by its key", run("statetest", {name: changed}), (cases, 0, 0, 0))
    changed["transaction"]["secretKey"] = "0x" + "11" * 32
    check("another key", run("statetest", {name: changed}), (0, cases, 0, 1))
    changed = copy.deepcopy(test)
    changed["post"]["Amsterdam"] = changed["post"]["ConstantinopleFix"]
    check("a fork to come", run("statetest", {name: changed}), (cases, 0, 1, 0))
    check("a filler", run("statetest", {name: {"env": {}, "expect": [], "transaction": {}}}), (0, 0, 1, 1))
    check("no object", run("statetest", [1, 2]), (0, 0, 1, 1))

    name, test = find(eest, rejected)
    cases = sum(len(posts) for posts in test["post"].values())
    for posts in test["post"].values():
        for post in posts:
            for member in ("expectException", "txbytes", "state"):
                post.pop(member, None)
    check("an unnamed rejection", run("statetest", {name: test}), (cases, 0, 0, 0))
    for posts in test["post"].values():
        for post in posts:
            post["hash"] = "0x" + "22" * 32
    check("an unnamed rejection with another state", run("statetest", {name: test}), (0, cases, 0, 1))


def block_shapes():
    def good(network):
        return lambda test: test["network"] == network and all("blockHeader" in block for block in test["blocks"])

    eest = "blockchain_tests/eest-v5.4.0"
    for first, second in (("Frontier", "Homestead"), ("Byzantium", "ConstantinopleFix"), ("Istanbul", "Berlin"),
                          ("ArrowGlacier", "Paris")):
        name, test = find(eest, good(second))
        test["network"] = f"{first}To{second}At1"
        check(test["network"], run("blocktest", {name: test}), (1, 0, 0, 0))
    name, dao = find(eest, good("Homestead"))
    for at, want in ((99, (1, 0, 0, 0)), (1, (0, 1, 0, 1))):
        got = run("blocktest", {name: dict(dao, network=f"HomesteadToDaoAt{at}")})
        check(f"the DAO fork at {at}: its first blocks have to name it", got, want)
    name, test = find(eest, good("Paris"))
    test["network"] = "ArrowGlacierToParisAtDiff0"
    check("the Merge at once", run("blocktest", {name: test}), (1, 0, 0, 0))
    test["network"] = "ArrowGlacierToParisAtDiffC0000"
    check("a merged block before the Merge", run("blocktest", {name: test}), (0, 1, 0, 1))
    test["network"] = "ParisToVerkleAtTime15k"
    check("a transition to what is not known", run("blocktest", {name: test}), (0, 0, 1, 1))
    name, test = find(eest, good("London"))
    test["network"] = "BerlinToLondonAt1"
    check("the first London block has 1 gwei, not what follows from its parent", run("blocktest", {name: test}), (0, 1, 0, 1))

    def one_refused(test):
        return test["network"] == "Prague" and len(test["blocks"]) == 1 and "expectException" in test["blocks"][0]

    name, test = find(eest, one_refused)
    changed = copy.deepcopy(test)
    changed["_info"] = {}
    changed["blocks"] = [{"rlp": test["blocks"][0]["rlp"]}]
    check("a bad block that nothing names", run("blocktest", {name: changed}), (1, 0, 0, 0))
    changed["blocks"] = [{"rlp": "0xzz", "expectExceptionALL": "any"}]
    check("a bad block that is no hex", run("blocktest", {name: changed}), (1, 0, 0, 0))
    changed["blocks"] = [{"rlp": test["blocks"][0]["rlp"], "blockHeader": {}}]
    check("a bad block called good", run("blocktest", {name: changed}), (0, 1, 0, 1))
    changed = dict(test, engineNewPayloads=[])
    del changed["blocks"]
    check("payloads of the engine", run("blocktest", {name: changed}), (0, 0, 1, 1))


def choices():
    """--fork goes by the name in the file, --filter by the test's; what cannot be read is named."""
    name, test = find("state_tests/eest-v5.4.0", lambda test: list(test["post"]) == ["Osaka"] and len(test["post"]["Osaka"]) == 1
                      and "expectException" not in str(test))
    renamed = copy.deepcopy(test)
    renamed["post"] = {"BPO1": test["post"]["Osaka"], "Osaka": test["post"]["Osaka"]}
    check("all forks", run("statetest", {name: renamed}), (2, 0, 0, 0))
    check("one fork", run("statetest", {name: renamed}, "--fork", "osaka"), (1, 0, 0, 0))
    check("one of blobs", run("statetest", {name: renamed}, "--fork", "BPO1"), (1, 0, 0, 0))
    check("another", run("statetest", {name: renamed}, "--fork", "Prague"), (0, 0, 0, 1))
    check("no fork", run("statetest", {name: renamed}, "--fork", "Lon")[3:4] + (0, 0, 0), (2, 0, 0, 0))
    check("none of that name", run("statetest", {name: test}, "--filter", "no such name"), (0, 0, 0, 1))
    for part, value in (("env", {}), ("pre", {"0x1": {}}), ("config", {"chainid": "0xzz"})):
        got = run("statetest", {name: dict(test, **{part: value})})
        check(f"a broken {part}", got, (0, 1, 0, 1))
        check(f"it is named: {part}", (0, 0, 0, 0) if f"got {part}: " in got[4] else got, (0, 0, 0, 0))
    changed = copy.deepcopy(test)
    del changed["post"]["Osaka"][0]["hash"]
    got = run("statetest", {name: changed})
    check("no state root", (*got[:4], "state root (the file has none)" in got[4]), (0, 1, 0, 1))
    changed = copy.deepcopy(test)
    changed["transaction"]["data"] = ["0x1"]
    check("half a byte", run("statetest", {name: changed}), (0, 1, 0, 1))
    del changed["_info"], changed["config"]
    changed["transaction"]["data"] = test["transaction"]["data"]
    check("neither _info nor config", run("statetest", {name: changed}), (1, 0, 0, 0))
    paths = [list(files(folder))[0] for folder in ("blockchain_tests/eest-v5.4.0/osaka", "state_tests/eest-v5.4.0/osaka")]
    done = json.loads(subprocess.run([DAM, "evm", "statetest", "--json", *paths], capture_output=True, text=True, check=False).stdout)
    check("--json", (done["files"], done["failed"], done["skipped"] == len(done["skips"]) > 0, done["failures"] == []), (2, 0, True, True))

    name, test = find("blockchain_tests/eest-v5.4.0", lambda test: test["network"] == "PragueToOsakaAtTime15k")
    check("a transition", run("blocktest", {name: test}, "--fork", "PragueToOsakaAtTime15k"), (1, 0, 0, 0))
    check("not one of its forks", run("blocktest", {name: test}, "--fork", "Osaka"), (0, 0, 0, 1))
    got = run("blocktest", {name: dict(test, pre={})})
    check("another pre", (*got[:4], "whose root is not the genesis" in got[4]), (0, 1, 0, 1))
    path = list(files("transaction_tests"))[0]
    with open(path, encoding="utf-8") as file:
        name, test = next(iter(json.load(file).items()))
    forks = len(test["result"])
    check("all transactions", run("txtest", path, "--filter", name)[:2], (forks, 0))
    check("none of them", run("txtest", path, "--filter", "no such name"), (0, 0, 0, 1))


def transaction_shapes():
    count = 0
    for path in list(files("transaction_tests"))[:20]:
        with open(path, encoding="utf-8") as file:
            tests = json.load(file)
        for name, test in tests.items():
            old = {"_info": {}, "rlp": test["txbytes"]}
            for fork, result in test["result"].items():
                old[fork] = {} if "exception" in result else {"hash": result["hash"], "sender": result["sender"]}
            count = len(old) - 2
            check(f"old shape of {name}", run("txtest", {name: old}), (count, 0, 0, 0))
    wrong = copy.deepcopy(old)
    for fork in wrong:
        if fork not in ("_info", "rlp"):
            wrong[fork] = {} if wrong[fork] else {"hash": "0x" + "00" * 32, "sender": "0x" + "00" * 20}
    check("old shape, wrong", run("txtest", {name: wrong}), (0, count, 0, 1))


def folders():
    with tempfile.TemporaryDirectory() as folder:
        inner = os.path.join(folder, "a", "b")
        os.makedirs(inner)
        os.makedirs(os.path.join(folder, ".meta"))
        for name, text in (("README.md", "no test"), (".meta/index.json", "{"), ("a/list.json", "[]")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        check("a folder without tests", run("statetest", folder), (0, 0, 1, 1))
        with open(os.path.join(inner, "broken.json"), "w", encoding="utf-8") as file:
            file.write('{"a":\n  {"b" 1}}')
        got = run("statetest", folder)
        check("a broken file", got, (0, 1, 1, 1))
        check("its place", (0, 0, 0, 0) if "line 2, column 8" in got[4] else got, (0, 0, 0, 0))


def traces():
    """EIP-3155, as go-ethereum's `evm --json` writes it."""
    def one_case(test):
        return list(test["post"]) == ["Osaka"] and len(test["post"]["Osaka"]) == 1 and "expectException" not in str(test)

    name, test = find("state_tests/eest-v5.4.0", one_case)
    lines = [json.loads(line) for line in run("statetest", {name: test}, "--trace")[4].splitlines() if line.startswith("{")]
    check("a trace has steps", (len(lines) > 1, 0, 0, 0), (True, 0, 0, 0))
    hexes, numbers = ("gas", "gasCost"), ("pc", "op", "memSize", "depth", "refund")
    wrong = [step for step in lines[:-1] if not all(isinstance(step[k], int) for k in numbers)
             or not all(word.startswith("0x") for word in (*[step[k] for k in hexes], *step["stack"])) or "opName" not in step]
    check("the members of a step", (len(wrong), 0, 0, 0, str(wrong[:1])), (0, 0, 0, 0))
    end = lines[-1]
    check("the last line", ((end["stateRoot"], end["pass"], end["fork"], end["gasUsed"][:2]), 0, 0, 0, str(end)),
          ((test["post"]["Osaka"][0]["hash"], True, "Osaka", "0x"), 0, 0, 0))
    done = subprocess.run([DAM, "evm", "run", "--code", "6001600201600055602a5f5260205ff3", "--trace"], capture_output=True,
                          text=True, check=True).stdout.splitlines()
    steps = [json.loads(line) for line in done]
    check("opcodes", ([step["opName"] for step in steps[:-1]], 0, 0, 0),
          (["PUSH1", "PUSH1", "ADD", "PUSH1", "SSTORE", "PUSH1", "PUSH0", "MSTORE", "PUSH1", "PUSH0", "RETURN"], 0, 0, 0))
    check("costs", ([int(step["gasCost"], 16) for step in steps[:-1]], 0, 0, 0),
          ([3, 3, 3, 3, 22100, 3, 2, 6, 3, 2, 0], 0, 0, 0))
    check("stack before SSTORE", (steps[4]["stack"], 0, 0, 0), (["0x3", "0x0"], 0, 0, 0))
    check("the end of a run", (steps[-1], 0, 0, 0), ({"output": "00" * 31 + "2a", "gasUsed": hex(22100 + 28)}, 0, 0, 0))
    done = subprocess.run([DAM, "evm", "run", "--code", "6001600a56", "--trace"], capture_output=True, text=True, check=False)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    check("an error", ([step.get("error") for step in steps], 0, 0, 0),
          ([None, None, "invalid jump destination", "invalid jump destination"], 0, 0, 0))


state_shapes()
traces()
block_shapes()
choices()
transaction_shapes()
folders()
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
