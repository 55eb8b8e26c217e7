#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machine as a process: runs, proofs, refusals, and death at every syscall that writes.

Needs build/dam (or $DAM) and build/contracts. Ends with "N passed, N failed".
"""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
import compilers
from harness import DAM, ENV, ROOT, check, dam, recorded_site, summary, wishful

LIFE_CALLS = 39  # what a life of nine turns makes of the calls below
POINTS = int(os.environ.get("DAM_CRASH_POINTS", "120"))


def flip(folder, at):
    """One bit of a byte of the log."""
    with open(os.path.join(folder, "evidence", "log"), "r+b") as log:
        log.seek(at)
        byte = log.read(1)[0]
        log.seek(at)
        log.write(bytes([byte ^ 1]))


def test_runs(tmp):
    folder = recorded_site(os.path.join(tmp, "runs"))
    check("config check", dam("config", "check", folder).returncode == 0)
    up = dam("up", folder, "--speed", "max", "--turns", "300")
    check("up", up.returncode == 0, up.stderr)
    verify = json.loads(dam("verify", folder, "--json").stdout)
    check("verify", verify["good"] and verify["kinds"]["decision"] == 301, verify)
    replay = json.loads(dam("replay", "all", folder, "--json").stdout)
    check("replay", replay["same"] == 301 and replay["different"] == 0 and replay["foreign"] == 0, replay)
    none = dam("replay", "0", folder)
    check("replay of what is no decision", none.returncode == 4 and "leaf 0 is no decision" in none.stderr, none.stderr)
    why = json.loads(dam("why", "20", folder, "--json").stdout)
    check("why", why["leaf"]["kind"] == "decision" and why["leaf"]["seq"] == 20)
    check("proof", len(why["proof"]) >= 8 and why["root"] == verify["root"])
    whatif = json.loads(dam("whatif", "--mind", "SpendthriftMind", folder, "--json").stdout)
    check("whatif another mind", whatif["different"] > 0 and whatif["decisions"] == 301, whatif)
    # The factor that the units say, and that of a set-point in power, which costs by the hour as this one of an hour's energy does.
    toml = os.path.join(folder, "dam.toml")
    with open(toml, encoding="utf-8") as f:
        text = f.read()
    offer = whatif["actuators"][1]
    check("whatif in money", offer["money"] not in (0, None), offer)
    for unit, factor in (("Wh", 1), ("W", 1), ("kWh", 1000), ("MW", 1_000_000)):
        with open(toml, "w", encoding="utf-8") as f:
            f.write(text.replace("worth_factor = 0.001\n", "").replace('unit = "Wh"\nmin = 0\nmax = 50000', f'unit = "{unit}"\nmin = 0\nmax = 50000'))
        by_units = json.loads(dam("whatif", "--mind", "SpendthriftMind", folder, "--json").stdout)["actuators"][1]
        check(f"whatif: {unit} at EUR/kWh", by_units["unit"] == unit and abs(by_units["money"] - factor * offer["money"]) < 1e-5 * factor,
              (by_units, offer))
    with open(toml, "w", encoding="utf-8") as f:
        f.write(text)
    same = json.loads(dam("whatif", "--mind", "SurplusMind", folder, "--json").stdout)
    check("whatif the same mind", same["different"] == 0, same)
    old = f"{verify['size']}:{verify['root']}"
    # A restart goes on where the evidence ends; the old log is the beginning of the new one.
    check("up again", dam("up", folder, "--speed", "max", "--turns", "50").returncode == 0)
    grown = dam("verify", folder, "--contains", old)
    check("the old root is contained", grown.returncode == 0, grown.stderr)
    lie = f"{verify['size']}:{verify['root'][:-1]}{'0' if verify['root'][-1] != '0' else '1'}"
    check("a wrong root is not", dam("verify", folder, "--contains", lie).returncode == 1)
    flip(folder, os.path.getsize(os.path.join(folder, "evidence", "log")) // 2)
    check("one flipped bit is found", dam("verify", folder).returncode == 1)


def test_restart(tmp):
    """What two compilers are held to at every turn of a day (tools/check-long.d/48-two-compilers); here one, at one turn."""
    compilers.restart(tmp, DAM, DAM, 40, compilers.day(tmp, DAM, DAM))


def test_stop(tmp):
    folder = recorded_site(os.path.join(tmp, "stop"))
    check("stop", dam("stop", folder).returncode == 0)
    check("up while stopped", dam("up", folder, "--speed", "max", "--turns", "5").returncode == 0)
    last = json.loads(dam("why", "4", folder, "--json").stdout)["leaf"]
    check("stopped: outcome 7, safe", last["outcome"] == 7 and last["actuators"][2]["permitted"] == 1, last)
    check("lift", dam("stop", "--lift", folder).returncode == 0)
    check("up after", dam("up", folder, "--speed", "max", "--turns", "5").returncode == 0)
    check("and again", dam("up", folder, "--speed", "max", "--turns", "1").returncode == 0)
    verify = json.loads(dam("verify", folder, "--json").stdout)
    leaves = [json.loads(dam("why", str(seq), folder, "--json").stdout)["leaf"] for seq in range(verify["size"])]
    stops = [(leaf["on"], leaf["who"]) for leaf in leaves if leaf["kind"] == "stop"]
    check("the stop and its end are recorded once, a shutdown ends with its run", verify["outcomes"][0] > 0 and stops == [
        (True, "operator"), (True, "shutdown"), (False, "operator"), (True, "shutdown"), (True, "shutdown")], (stops, verify))


def test_commands(tmp):
    """Time that others move, whatever standard input is: each command waits for the one before, and is answered. Wrong words touch nothing."""
    folder = recorded_site(os.path.join(tmp, "commands"))
    for wrong in (("--api", "1"), ("--speed", "inf"), ("--speed", "0"), ("--epoch", "yesterday"), ("--turns", "-1"), ("--turns", "0"), ("--safe", "--step")):
        check(f"refused: {wrong}", dam("up", folder, *wrong).returncode == 2)
    check("and nothing has begun", not os.path.exists(os.path.join(folder, "evidence")))
    path = os.path.join(tmp, "commands.txt")
    with open(path, "w", encoding="ascii") as f:
        f.write("step 1h\nstep 1h\njump\nstep 2h\nquit\nstep 1h\n")
    with open(path, encoding="ascii") as f:
        by_file = dam("up", folder, "--step", "--quiet", stdin=f)
    with open(path, encoding="ascii") as f:
        by_pipe = dam("up", folder, "--step", "--quiet", input=f.read())
    for name, run in (("a file", by_file), ("a pipe", by_pipe)):
        told = [json.loads(line) for line in run.stdout.splitlines()]
        times = [t["time_ms"] for t in told if "time_ms" in t]
        check(f"commands from {name}", run.returncode == 0 and [b - a for a, b in zip(times, times[1:])] == [3_600_000, 7_200_000] and
              "commands are" in told[2]["error"], (run.stdout, run.stderr))
    told = dam("up", folder, "--until", "2000-01-01").stderr
    check("how long the next turn is away is told", "village: decides every 3600 s\n" in told, told)
    check("no commands", dam("up", folder, "--step", stdin=subprocess.DEVNULL).returncode == 0)
    check("a plant without commands", dam("plant", "rover", "--gpsd-port", "0", stdin=subprocess.DEVNULL).returncode == 0)


def test_refusals(tmp):
    folder = recorded_site(os.path.join(tmp, "refusals"))
    path = os.path.join(folder, "dam.toml")
    with open(path, encoding="utf-8") as f:
        good = f.read()
    cases = [
        ('period = "1h"', 'peroid = "1h"', "did you mean 'period'"),
        ('period = "1h"', 'period = "1 hour"', "no length of time"),
        ("decimals = 2", "decimals = 99", "from 0 to 12"),
        ("step = 40", "step = 40.125", "more than 2 decimals"),
        ('source = "year"', 'source = "yaer"', "did you mean 'year'"),
        ('when = "tariff > 0.3"', 'when = "tariff > 0.3000004"', "'when' has more than 5 decimals"),
        ('when = "tariff > 0.3"', 'when = "tariff > much"', "'when' is no number: much"),
        ('when = "tariff > 0.3"', 'when = "tarif > 0.3"', "no channel named 'tarif'"),
        ('then = "all safe"', 'then = "all save"', "not understood"),
        ("safe = 0", "safe = 5000", "needs 'safe' from 'min' to 'max'"),
        ('kind = "csv"', 'kind = "cvs"', "did you mean 'csv'"),
        ('kind = "csv"', 'kind = "telepathy"', "known: "),
        ('name = "pv"', 'name = "time"', "is taken"),
        ("[machine]", "[machine", "expected"),
        ("[machine]", "[api]\nport = 8080\n[machine]", "has no key 'api'"),
        ("[machine]", '[chain]\nurl = "ipc://node"\n[machine]', "http://, https://, ws:// or wss://"),
        ('code = "SurplusMind"', 'code = "NoSuchMind"', "no compiled contract"),
        ('code = "SurplusMind"', 'code = "dam.toml"', "is no compiled code: .json, .hex or .bin"),
        ('key = "pv_wh"', 'kee = "pv_wh"', "did you mean 'key'"),
        ("[machine]", '[identity]\nregistry = "0x12"\n[machine]', "'0x12' is no address"),
        ("[machine]", '[identity]\ntoken = "18446744073709551616"\n[machine]', "below 2^64"),
        ("[machine]", '[identity]\ntoken = "7th"\n[machine]', "below 2^64"),
        ('code = "SurplusMind"', 'model = "planner.dam"\n[evidence]\nexplain = true', "planners and forecasters are not explained"),
        ('code = "SurplusMind"', 'model = "none.dam"', "cannot be read"),
    ]
    made = dam("model", "make", os.path.join(ROOT, "tests/model/fixtures/planner.toml"), "--out", os.path.join(folder, "planner.dam"))
    check("a planner is made", made.returncode == 0, made.stderr)
    for old, new, want in cases:
        with open(path, "w", encoding="utf-8") as f:
            f.write(good.replace(old, new, 1))
        run = dam("config", "check", folder)
        check(f"refused: {new}", run.returncode in (4, 8) and want in run.stderr, run.stderr)
        up = dam("up", folder, "--turns", "1", "--speed", "max")
        check(f"`dam up` says the same: {new}", (up.returncode, up.stderr) == (run.returncode, run.stderr), (up.stderr, run.stderr))
    with open(path, "w", encoding="utf-8") as f:
        f.write(good)
    lost = dam("init", "solar-site", os.path.join(tmp, "no", "such"))
    check("a folder that is to hold the machine's is missing", lost.returncode == 4 and f"mkdir -p {tmp}/no" in lost.stderr, lost.stderr)
    check("and is not made", not os.path.exists(os.path.join(tmp, "no")))
    shown = dam("config", "show", "--origin", folder, env={"DAM_MACHINE_PERIOD": "2h"}).stdout
    check("the environment stands above the file", 'machine.period = "2h"    # DAM_MACHINE_PERIOD' in shown, shown)


def test_chain_away(tmp):
    """A first start under a constitution that cannot be asked: its manifest's mind counts for nothing, and nobody says that it loads."""
    folder = recorded_site(os.path.join(tmp, "away"))
    with open(os.path.join(folder, "dam.toml"), "a", encoding="utf-8") as f:
        f.write('\n[identity]\nchain_id = 7\nregistry = "0x' + "11" * 20 + '"\ntoken = "1"\n'
                '[chain]\nurl = "http://127.0.0.1:1"\nconstitution = "0x' + "22" * 20 + '"\n')
    up = dam("up", folder, "--speed", "max", "--turns", "1")
    check("the chain is away: exit code 7", up.returncode == 7 and "nobody listens there" in up.stderr and "the first start needs the chain" in up.stderr, (up.returncode, up.stderr))
    law = [c for c in json.loads(dam("doctor", folder, "--json", "--wait", "1").stdout)["checks"] if c["check"] == "mind and charter"]
    check("doctor: its constitution has them", law[0]["level"] == "note" and "takes them from the chain" in law[0]["text"], law)
    good = json.loads(dam("config", "check", "--json", folder).stdout)
    check("config check --json: the law is not checked", good["good"] and not good["law"] and good["channels"] > 3, good)


def test_environment(tmp):
    """DAM_<SECTION>_<KEY> stands above the file for every section but those of the law, and is checked as the file is."""
    folder = recorded_site(os.path.join(tmp, "environment"))
    with open(os.path.join(folder, "dam.toml"), "a", encoding="utf-8") as f:
        f.write('\n[chain]\nurl = "http://127.0.0.1:1"\nagree = 1\n[link.heat-pump]\nkind = "csv"\nfile = "none.csv"\ntime = "hour"\ntime_unit = "h"\nstart = "2023-01-01"\n')
    good = {"DAM_MACHINE_WRITE_TIMEOUT": "7s", "DAM_EVIDENCE_SYNC": "false", "DAM_EVIDENCE_FOLDER": "log", "DAM_CHAIN_DEPTH": "3", "DAM_CHAIN_URL": "ws://[::1]:2",
            "DAM_LINK_HEAT_PUMP_FILE": "village.csv", "DAM_IDENTITY_TOKEN": "7", "DAM_UPGRADE_SHADOW": "false", "DAM_MONEY_UNIT": "EUR"}
    shown = {s["name"]: s for s in json.loads(dam("config", "show", "--origin", "--json", folder, env=good).stdout)}
    for variable, name in (("DAM_MACHINE_WRITE_TIMEOUT", "machine.write_timeout"), ("DAM_EVIDENCE_SYNC", "evidence.sync"), ("DAM_CHAIN_DEPTH", "chain.depth"),
                           ("DAM_CHAIN_URL", "chain.url"), ("DAM_LINK_HEAT_PUMP_FILE", "link.heat-pump.file"), ("DAM_IDENTITY_TOKEN", "identity.token"),
                           ("DAM_UPGRADE_SHADOW", "upgrade.shadow"), ("DAM_MONEY_UNIT", "money.unit")):
        check(f"{variable} is {name}", shown[name]["origin"] == variable and shown[name]["value"].strip('"') == good[variable], shown.get(name))
    check("none of them is a stray", "nothing reads it" not in dam("config", "check", folder, env=good).stderr)
    up = dam("up", folder, "--speed", "max", "--turns", "3", env=good)
    check("they are what runs", up.returncode == 0 and os.path.exists(os.path.join(folder, "log")) and not os.path.exists(os.path.join(folder, "evidence")), up.stderr)
    for name, value, want in (("DAM_MACHINE_PEROID", "1s", "did you mean 'period'"), ("DAM_CHAIN_DEPTH", "-1", "DAM_CHAIN_DEPTH: 'depth' is -1"),
                              ("DAM_CHAIN_DEPTH", "many", "must be a whole number"), ("DAM_EVIDENCE_SYNC", "no", "must be true or false"),
                              ("DAM_MACHINE_PERIOD", "soon", "DAM_MACHINE_PERIOD: 'period' is no length of time"), ("DAM_LINK_HEAT_PUMP_FIEL", "x", "did you mean 'file'"),
                              ("DAM_MIND_MODEL", "x.dam", "in the file alone"), ("DAM_LIMITS_BATTERY_MAX", "9", "in the file alone"),
                              ("DAM_MACHINE_RULES", "x.toml", "in the file alone")):
        run = dam("config", "check", folder, env={name: value})
        check(f"refused: {name}={value}", run.returncode == 8 and want in run.stderr, run.stderr)
    for stray in ("DAM_LINK_COLD_PUMP_FILE", "DAM_LEDGER_DATA", "DAM_NOTHING"):
        for verb in (("config", "check", folder), ("up", folder, "--speed", "max", "--turns", "1")):
            run = dam(*verb, env={stray: "x", "DAM_LINK_HEAT_PUMP_FILE": "village.csv"})
            check(f"{verb[0]} tells that nothing reads {stray}", run.returncode == 0 and f"{stray} is set, and nothing reads it" in run.stderr, run.stderr)


def test_completion():
    """fish ends a text in single quotes at the next one: none of its lines may have an odd number of them."""
    lines = dam("completion", "fish").stdout.splitlines()
    wrong = [line for line in lines if re.sub('"[^"]*"', "", line).count("'") % 2]
    check("fish's quotes are closed", len(lines) > 20 and not wrong, wrong)


def test_misspelt():
    check("help tells of help", dam("help", "help").stdout == dam("help").stdout != "")
    for words, meant in ((("replya",), "replay"), (("halp",), "help"), (("help", "statsu"), "status"), (("up", "--sped", "1"), "--speed"), (("model", "mkae"), "make"),
                         (("ledger", "--dve"), "--dev"), (("ledger", "--block-tiem", "1"), "--block-time"), (("plant", "rovr"), "rover"), (("signer", "kye", "x"), "key"),
                         (("ledger", "--block", "1"), "--block-time"), (("zzz",), None)):
        run = dam(*words)
        hint = run.stderr.splitlines()[-1]
        check(f"misspelt: {' '.join(words)}", run.returncode == 2 and (f"did you mean '{meant}'?" in hint if meant else "did you mean" not in hint), run.stderr)


def test_json(tmp):
    """What a script reads says what a person reads."""
    folder = recorded_site(os.path.join(tmp, "json-site"))
    rules = json.loads(dam("rules", "show", folder, "--json").stdout)
    text = dam("rules", "show", folder).stdout
    check("rules show --json: the blob", rules["blob"] == dam("rules", "compile", folder).stdout.strip() and rules["hash"] in text, rules)
    check("its limits", [a["name"] for a in rules["actuators"]] == re.findall(r"^(\S+) .*-?[0-9]", text.split("\n\n")[1], re.M) and
          all(a["min"] <= a["safe"] <= a["max"] for a in rules["actuators"]) and "step" in rules["actuators"][0], rules["actuators"])
    check("its interlocks", rules["interlocks"] and all(f"{i['reason']:6}  {i['text']}" in text for i in rules["interlocks"]), rules["interlocks"])
    for words in (("rules", "compile", "--json"), ("rules", "shwo")):
        run = dam(*words, folder)
        check(f"refused: {' '.join(words)}", run.returncode == 2 and "json" in run.stderr or "did you mean 'show'?" in run.stderr, run.stderr)
    fixture = lambda name: os.path.join(ROOT, "tests/model/fixtures", name)
    blob = os.path.join(tmp, "json.dam")
    made = dam("model", "import", fixture("xgb_linear.json"), "--data", fixture("rows.csv"), "--out", blob)
    check("a model", made.returncode == 0, made.stderr)
    both = {form: {verb: dam("model", verb, blob, "--data", fixture("rows.csv"), "--row", "1", *form).stdout for verb in ("eval", "explain")} for form in ((), ("--json",))}
    values = json.loads(both[("--json",)]["eval"])
    told = json.loads(both[("--json",)]["explain"])
    check("model eval --json", both[()]["eval"] == ",".join(map(str, values)) + "\n", both)
    check("model explain --json", told["row"] == 1 and told["value"] == values[told["output"]] and told["parts"] and
          all(f"record {p['record']} {p['part']:+.2f}" in both[()]["explain"] for p in told["parts"]), both)


def test_not_there(tmp):
    folder = recorded_site(os.path.join(tmp, "short-site"))
    dam("up", folder, "--speed", "max", "--turns", "3")
    none = os.path.join(tmp, "no-ledger")
    for code, words in ((4, ("replay", "99999", folder)), (4, ("replay", "99999..", folder)), (4, ("replay", "0..99999", folder)), (0, ("replay", "0..", folder)),
                        (2, ("replay", "x", folder)), (2, ("replay", "3..1", folder)), (4, ("verify", "--leaf", "99999", folder)), (2, ("verify", "--leaf", "x", folder)),
                        (4, ("why", "99999", folder)), (4, ("ledger", "stats", "--data", none)), (4, ("ledger", "rollback", "--data", none, "--to", "1")),
                        (4, ("ledger", "check", "--data", none))):
        run = dam(*words)
        check(f"exit code {code}: {' '.join(words[:2])}", run.returncode == code, (words, run.returncode, run.stderr))
    check("a rollback of nothing makes no ledger", not os.path.exists(os.path.join(none, "ledger.mdb")))


def test_skill_answers(tmp):
    """What a skill says over its socket, as the API passes it on: headers that it knows, and nothing that is no HTTP."""
    folder = recorded_site(os.path.join(tmp, "skills-site"))
    os.makedirs(os.path.join(folder, "skills"))
    long = b"Content-Type: " + b"a" * 4000 + b"\r\n"
    for host, is_open in (("127.0.0.1", False), ("[::1]", False), ("0.0.0.0", True)):
        run = dam("up", folder, "--step", "--quiet", "--api", f"{host}:0", input="quit\n")
        check(f"it warns of an open door: {host}", run.returncode == 0 and ("no password" in run.stderr) == is_open, run.stderr)
    run = dam("up", folder, "--speed", "max", "--turns", "1", "--api", "127.0.0.1:0")
    check("one that has ended before there is a dashboard ends well", run.returncode == 0, (run.returncode, run.stderr))
    run = dam("up", folder, "--speed", "max", "--turns", "900", "--quiet", "--api", "127.0.0.1:0")
    check("and so does one with a dashboard", run.returncode == 0, (run.returncode, run.stderr))
    cases = (("plain", b"HTTP/1.0 201 OK\r\nContent-Type: text/x\r\nSet-Cookie: a=b\r\n\r\nbody", 201, b"body"), ("no headers", b"HTTP/1.0 200 OK\r\n\r\n", 200, b""),
             ("two long headers", b"HTTP/1.0 200 OK\r\n" + long * 2 + b"\r\nx", 200, b"x"), ("three of them", b"HTTP/1.0 200 OK\r\n" + long * 3 + b"\r\nx", 502, None),
             ("just too long", b"HTTP/1.0 200 OK\r\n" + long + b"Accept: " + b"a" * 4110 + b"\r\n\r\nx", 502, None),
             ("a line within a line", b"HTTP/1.0 200 OK\r\nAccept: a\nSet-Cookie: b\r\n\r\n", 502, None),
             ("a NUL", b"HTTP/1.0 200 OK\r\nAccept: a\0b\r\n\r\n", 502, None), ("no colon", b"HTTP/1.0 200 OK\r\nAccept\r\n\r\n", 502, None),
             ("no end", b"HTTP/1.0 200 OK\r\nAccept: a\r\n", 502, None), ("no status", b"HTTP/1.0 abc OK\r\n\r\n", 502, None), ("nothing", b"", 502, None))
    up = subprocess.Popen([DAM, "up", folder, "--step", "--quiet", "--api", "127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, env=ENV)
    with up, socket.socket(socket.AF_UNIX) as skill:
        skill.bind(os.path.join(folder, "skills", "odd.sock"))
        skill.listen()
        place = urllib.parse.urlsplit(up.stderr.readline().split()[1])
        for name, says, status, body in cases:
            ask = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
            ask.request("GET", "/api/skills/odd/x")
            client, _ = skill.accept()
            with client:
                client.recv(4096)
                client.sendall(says)
            answer = ask.getresponse()
            got = answer.read()
            check(f"a skill's answer: {name}", answer.status == status and body in (None, got), (answer.status, got))
            check(f"no more than is known passes: {name}", answer.headers["Set-Cookie"] is None and
                  (status == 502 or answer.headers["X-Content-Type-Options"] == "nosniff"), answer.headers)
            ask.close()
        up.stdin.write("quit\n")
        up.stdin.close()
        check("it ends well", up.wait(30) == 0)


PART_LEAVES = 64  # of the log that are read for one part of an answer


def answered(place, line, body=""):
    """What a request's answer is, to the connection's end: its head and its chunks, or all of it as one where it has none. line: with what
    headers there are."""
    with socket.create_connection((place.hostname, place.port), 30) as client:
        client.sendall(f"{line}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        told = b"".join(iter(lambda: client.recv(1 << 16), b""))
    head, _, rest = told.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" not in head:
        return head, [rest]
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        chunks.append(rest[:int(size, 16)])
        rest = rest[int(size, 16) + 2:]
    return head, chunks


def test_long_answers(tmp):
    """What goes through the log is told in parts, whatever its client does meanwhile; a damaged leaf is told."""
    folder = recorded_site(os.path.join(tmp, "long-site"))
    run = dam("up", folder, "--speed", "max", "--turns", "2000", "--quiet")
    check("a long log", run.returncode == 0, run.stderr)
    up = subprocess.Popen([DAM, "up", folder, "--step", "--quiet", "--api", "127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, env=ENV)
    with up:
        place = urllib.parse.urlsplit(up.stderr.readline().split()[1])

        def told(path):
            head, chunks = answered(place, f"GET {path} HTTP/1.1")
            check(f"{path}: whole, in parts", b"200 OK" in head and chunks[-1] == b"", head)
            return chunks
        rows = told("/api/export.csv")
        check("a row a decision", b"".join(rows).count(b"\r\n") > 1000, len(rows))
        check("of few leaves a part", all(part.count(b"\r\n") <= PART_LEAVES + (number == 0) for number, part in enumerate(rows)),
              [part.count(b"\r\n") for part in rows])
        check("the newest readings, too", len(told("/api/series")) > 1000 // PART_LEAVES)
        days = json.loads(b"".join(told("/api/days")))
        check("each decision is counted, none is damaged", sum(day["decisions"] for day in days["days"]) == b"".join(rows).count(b"\r\n") - 1 and days["damaged"] == 0,
              days["damaged"])
        head, old = answered(place, "GET /api/export.csv HTTP/1.0")
        check("HTTP/1.0: the same without chunks", b"".join(old) == b"".join(rows) and b"Transfer-Encoding" not in head, head)
        silent = socket.create_connection((place.hostname, place.port), 30)
        silent.sendall(b"GET /api/export.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(20):
            with socket.create_connection((place.hostname, place.port), 30) as gone:
                gone.sendall(b"GET /api/days HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check("others are answered", answered(place, "GET /healthz HTTP/1.1")[1] == [b"ok\n"])
        flip(folder, os.path.getsize(os.path.join(folder, "evidence", "log")) // 2)
        days = json.loads(b"".join(told("/api/days")))
        lost = days.get("first_damaged")
        check("a damaged leaf is told", days["damaged"] == 1 and 0 < lost < 1000, (days["damaged"], lost))
        broken = [row for row in b"".join(told("/api/export.csv")).split(b"\r\n") if row.endswith(b",,,")]
        check("as a row of its number", broken == [str(lost).encode() + b"," * rows[0].split(b"\r\n")[0].count(b",")], broken)
        head, said = answered(place, f"GET /api/decisions/{lost} HTTP/1.1")
        check("by itself it is no 404", b" 503 " in head.split(b"\r\n")[0] and b"cannot be read" in said[0], (head, said))
        up.stdin.write("quit\n")
        up.stdin.close()
        check("it ends well in the midst of an answer", up.wait(30) == 0)
        silent.close()
    for verb in (("verify",), ("replay", "all"), ("whatif", "--mind", "SpendthriftMind"), ("whatif", "--mind", "SpendthriftMind", "--since", "30000d")):
        run = dam(*verb, folder)
        check(f"{verb[0]} names the damaged leaf", run.returncode == 1 and f"leaf {lost}: " in run.stderr, (run.stdout[-300:], run.stderr))


def test_api_token(tmp):
    """Where there is a token, nobody reads or changes anything without it."""
    folder = recorded_site(os.path.join(tmp, "token-site"))
    token, path = "0123456789abcdef" * 2, os.path.join(tmp, "token")

    def put(text, mode):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        return path
    for name, options, code, want in (("no --api", ("--api-token", put(token, 0o600)), 2, "is for --api"),
                                      ("no file", ("--api", "127.0.0.1:0", "--api-token", path + ".none"), 4, "not found")):
        run = dam("up", folder, "--turns", "1", *options)
        check(f"refused: {name}", run.returncode == code and want in run.stderr, run.stderr)
    for name, text, mode, code, want in (("others may read it", token, 0o640, 5, "chmod 600"), ("too short", token[1:], 0o600, 8, "32 to 128"),
                                         ("no token", token + " x", 0o600, 8, "openssl rand")):
        run = dam("up", folder, "--turns", "1", "--api", "127.0.0.1:0", "--api-token", put(text, mode))
        check(f"refused: {name}", run.returncode == code and want in run.stderr, (run.returncode, run.stderr))
    put(token + "\n", 0o600)
    run = dam("up", folder, "--step", "--quiet", "--api", "0.0.0.0:0", "--api-token", path, input="quit\n")
    check("an open door with a token warns of the network", "reads its token" in run.stderr and "no password" not in run.stderr, run.stderr)
    up = subprocess.Popen([DAM, "up", folder, "--step", "--quiet", "--api", "127.0.0.1:0", "--api-token", path], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    with up:
        place = urllib.parse.urlsplit(up.stderr.readline().split()[1])

        def status(line, *headers, body=""):
            return int(answered(place, "\r\n".join((line + " HTTP/1.1", *headers)), body)[0].split()[1])
        basic = "Authorization: Basic " + base64.b64encode(f"dam:{token}".encode()).decode()
        bearer = f"Authorization: Bearer {token}"
        stop = ("POST /api/stop", "Content-Type: application/json")
        for name in ("/", "/accounts", "/api/state", "/api/events", "/api/export.csv", "/api/skills/x/y", "/metrics", "/checkpoint", "/openapi.json", "/nothing"):
            head, told = answered(place, f"GET {name} HTTP/1.1")
            check(f"{name}: 401, and how to show it", b" 401 " in head and b"WWW-Authenticate: Basic realm" in head and b"WWW-Authenticate: Bearer" in head and
                  b"the token" in told[0] and token.encode() not in told[0], (head, told))
        for name, header in (("a wrong one", bearer[:-1] + "0"), ("half of it", bearer[:-16]), ("another user", "Authorization: Basic " +
                             base64.b64encode(f"root:{token}".encode()).decode()), ("no scheme", f"Authorization: {token}"), ("a cookie", f"Cookie: {token}")):
            check(f"not shown: {name}", status("GET /api/state", header) == 401)
            check(f"cannot stop it: {name}", status(*stop, header, body='{"on":true}') == 401)
        check("nobody has stopped it", status(*stop, body='{"on":true}') == 401 and not os.path.exists(os.path.join(folder, "stop")))
        check("a probe needs none", status("GET /healthz") == 200 and status("GET /readyz") == 200)
        for header in (basic, bearer):
            check(f"shown: {header[:22]}", [status(f"GET {name}", header) for name in ("/", "/api/state", "/api/export.csv", "/metrics", "/nothing")] == [200, 200, 200, 200, 404])
        check("a page of another origin has its token in vain", status(*stop, basic, "Origin: http://elsewhere.example", body='{"on":true}') == 403)
        check("its owner stops it", status(*stop, bearer, body='{"on":true}') == 200 and os.path.exists(os.path.join(folder, "stop")))
        own = f"http://dam:{token}@{place.netloc}"
        watch = dam("watch", "--api", own, "--looks", "1")
        check("watch shows it", watch.returncode == 0 and "OUTAGE" in watch.stdout + watch.stderr, (watch.stdout, watch.stderr))
        for verb, code in (("watch", 3), ("verify", 5)):
            run = dam(*{"watch": ("watch", "--looks", "1", "--api"), "verify": ("verify",)}[verb], f"http://{place.netloc}")
            check(f"{verb} tells what is wanted", run.returncode == code and "asks for its token" in run.stderr, (run.returncode, run.stderr))
        run = dam("verify", own)
        check("verify reads it, and keeps it to itself", "no signed checkpoint" in run.stderr and token not in run.stderr, run.stderr)
        up.stdin.write("quit\n")
        up.stdin.close()
        check("it ends well", up.wait(30) == 0)


def test_service(tmp):
    """As a service manager sees it: ready, alive, silent when it hangs; and the safe state after it was killed."""
    folder = recorded_site(os.path.join(tmp, "service"))
    path = os.path.join(tmp, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        env = dict(ENV, NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        process = subprocess.Popen([DAM, "up", folder, "--quiet"], env=env)
        words = [manager.recv(200).decode() for _ in range(4)]
        check("ready, and alive", words[0].startswith("READY=1") and sum(word.startswith("WATCHDOG=1") for word in words) >= 2, words)
        process.send_signal(signal.SIGSTOP)
        manager.settimeout(0.5)
        try:
            while manager.recv(200):
                pass
        except socket.timeout:
            check("a process that hangs is silent", True)
        process.kill()
        process.wait()
        manager.settimeout(10)
        safe = dam("up", "--safe", folder)
        check("the safe state", safe.returncode == 0, safe.stderr)
        last = json.loads(dam("why", "last", folder, "--json").stdout)["leaf"]
        check("it is recorded", last["outcome"] == 7 and last["actuators"][2]["permitted"] == 1, last)
        process = subprocess.Popen([DAM, "up", folder, "--quiet"], env=env)
        while not manager.recv(200).startswith(b"READY"):
            pass
        process.terminate()
        words = b""
        while words != b"STOPPING=1":
            words = manager.recv(200)
        check("it says that it stops, and ends well", process.wait(20) == 0)


WORLD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static int world(long *off_s) /* what the file says: the clock's error and whether the disk is full */
{
    int full = 0;
    FILE *f = fopen(getenv("WORLD"), "r");
    if (f == NULL || fscanf(f, "%ld %d", off_s, &full) != 2) { abort(); }
    fclose(f);
    return full;
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    long off_s = 0;
    int done = real(id, t);
    if (id == CLOCK_REALTIME) { world(&off_s); t->tv_sec += off_s; }
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    long off_s = 0;
    if (world(&off_s)) { errno = ENOSPC; return -1; }
    return real(fd, data, len, at);
}
ssize_t pwrite(int fd, const void *data, size_t len, off_t at) { return pwrite64(fd, data, len, at); }
"""


def test_gaps(tmp):
    """What `dam why` tells of a clock that jumps by twenty years and back, and of a disk that was full."""
    folder, world, shim = (os.path.join(tmp, name) for name in ("gaps", "world", "world.so"))
    os.makedirs(folder)
    texts = {"wish.hex": wishful(1),
             "dam.toml": '[machine]\nname = "gaps"\nperiod = "50ms"\n[[channel]]\nname = "x"\nmin = 0\nmax = 1\n'
                         '[[actuator]]\nname = "out"\nmin = 0\nmax = 1\nsafe = 0\n[mind]\ncode = "wish.hex"\n'}
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    built = subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", shim, "-ldl"], input=WORLD, text=True, capture_output=True, check=False)
    check("gaps: a world to live in", built.returncode == 0, built.stderr)
    env = dict(ENV, LD_PRELOAD=shim, WORLD=world)

    def be(off_s, full=0):
        with open(world + ".new", "w", encoding="ascii") as f:
            f.write(f"{off_s} {full}")
        os.rename(world + ".new", world)

    def size():
        return json.loads(dam("status", folder, "--json").stdout or '{"size": 0}')["size"]

    def gaps():
        leaves = [json.loads(dam("why", str(seq), folder, "--json").stdout)["leaf"] for seq in range(size())]
        return [dam("why", str(leaf["seq"]), folder).stdout for leaf in leaves if leaf["kind"] == "gap"]

    def up():
        return subprocess.Popen([DAM, "up", folder], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def until(what):
        end = time.monotonic() + 20
        while not what() and time.monotonic() < end:
            time.sleep(0.05)
        return what()
    be(0)
    process = up()
    check("gaps: it runs", until(lambda: size() > 5))
    again = dam("up", folder)
    check("gaps: a second process is refused, and told why", again.returncode == 1 and "another process runs this machine" in again.stderr, again.stderr)
    told = dam("status", folder).stdout
    check("status: what it could not see", "not good: x missing\n" in told and "has not decided" not in told, told)
    years = 20 * 365 * 86400
    for off_s in (years, -years, 0):
        before = size()
        be(off_s)
        until(lambda: size() > before + 3)
    be(0, full=1)
    late = threading.Timer(20, process.kill)
    late.start()
    check("gaps: a full disk is told", any("FAILED in the evidence log" in line for line in process.stderr))
    late.cancel()
    long_ago = time.time() - 100
    os.utime(os.path.join(folder, "evidence", "log"), (long_ago, long_ago))
    told = dam("status", folder).stdout
    check("gaps: that it decides no more is told", "gaps is running\nit has not decided for 10" in told, told)
    process.kill()
    process.wait()
    time.sleep(0.5)
    be(0)
    before = size()
    process = up()
    check("gaps: it runs again", until(lambda: size() > before + 5))
    process.terminate()
    process.wait(20)
    found = gaps()
    size_then = size()
    for want in (f"the clock went forward by {years} s: no turn is missing", f"the clock went back by {2 * years} s: no turn is missing", "no turns from"):
        check(f"gaps: {want}", any(want in text for text in found), found)
    verify, replay = (json.loads(dam(*words, folder, "--json").stdout) for words in (("verify",), ("replay", "all")))
    check("gaps: the log is whole, every decision runs again", verify["good"] and replay["different"] == 0 and replay["same"] > 10, (verify, replay))
    flip(folder, os.path.getsize(os.path.join(folder, "evidence", "log")) - 3)
    told = dam("status", folder)
    check("a last leaf that is damaged is named", told.returncode == 1 and f"leaf {size_then - 1}: " in told.stderr, (told.stdout, told.stderr))
    told = dam("doctor", folder, "--wait", "1").stdout
    check("and the doctor finds it", "FAILED   evidence" in told, told)


def test_crash_points(tmp):
    """SIGKILL at the Nth write, sync, truncate or rename, life after life on one log; then the log must verify, replay, and go on."""
    if shutil.which("strace") is None:
        print("skipped: crash points need strace")
        return
    folder = recorded_site(os.path.join(tmp, "crash"))
    calls = "pwrite64,fdatasync,fsync,ftruncate,rename"
    env = dict(ENV, ASAN_OPTIONS="detect_leaks=0")
    size = 0
    died = 0
    for point in range(1, POINTS + 1):
        run = subprocess.run(
            ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e",
             f"inject={calls}:signal=KILL:when={1 + (point - 1) % LIFE_CALLS}", DAM, "up", folder, "--speed", "max", "--turns", "9",
             "--quiet"], env=env, capture_output=True, check=False, timeout=120)
        died += run.returncode != 0
        if not os.path.exists(os.path.join(folder, "evidence", "tree7")):
            continue  # died before there was a log
        verify = dam("verify", folder, "--json")
        if verify.returncode != 0:
            check(f"crash point {point}", False, verify.stdout + verify.stderr)
            return
        now = json.loads(verify.stdout)["size"]
        check(f"crash point {point}: nothing lost", now >= size, f"{size} then, {now} now")
        size = now
    check("crash points killed", died >= POINTS // 2, died)
    replay = json.loads(dam("replay", "all", folder, "--json").stdout)
    check("all decisions of all lives replay", replay["different"] == 0 and replay["same"] > 0, replay)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        test_misspelt()
        test_not_there(tmp)
        test_json(tmp)
        test_completion()
        for test in (test_runs, test_restart, test_stop, test_commands, test_refusals, test_chain_away, test_environment, test_skill_answers, test_long_answers, test_api_token, test_service, test_gaps, test_crash_points):
            test(tmp)
    return summary()


if __name__ == "__main__":
    sys.exit(main())
