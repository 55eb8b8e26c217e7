#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models as the minds of a real machine: a recorded market week, decided by a forest, a net and forecasters; what `dam why` and `dam status` tell.

Needs build/dam (or $DAM) and build/contracts. Ends with "N passed, N failed".
"""
import csv
import hashlib
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from harness import ROOT, check, dam, recorded_site, summary

FIXTURES = os.path.join(ROOT, "tests", "model", "fixtures")
DECIMALS = {"hour": 0, "day": 0}


def market(folder, step_at=None, explain=False):
    """A machine that asks one price an hour, on the rows that the fixtures were judged on."""
    os.makedirs(folder)
    with open(os.path.join(FIXTURES, "rows.csv"), encoding="utf-8") as f:
        rows = list(csv.reader(f))
    names = rows[0]
    with open(os.path.join(folder, "market.csv"), "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["t"] + names)
        for t, row in enumerate(rows[1:]):
            if step_at is not None:  # a quiet price that becomes a wild one
                row = row[:2] + [str(40 + t % 3 if t < step_at else 40 + 60 * (t * 7 % 5))] * 5
            writer.writerow([t] + row)
    lines = ['[machine]', 'name = "market"', 'period = "1h"', '[link.rows]', 'kind = "csv"', 'file = "market.csv"', 'time = "t"',
             'time_unit = "h"', 'start = "2024-01-01"']
    for name in names:
        lines += ['[[channel]]', f'name = "{name}"', f'decimals = {DECIMALS.get(name, 2)}', 'unit = "EUR/MWh"', 'min = -3000', 'max = 3000',
                  'source = "rows"', f'key = "{name}"', 'stale = "2h"']
    lines += ['[evidence]', 'explain = true'] if explain else []
    lines += ['[[actuator]]', 'name = "ask"', 'unit = "EUR/MWh"', 'decimals = 2', 'min = -3000', 'max = 3000', 'safe = 0', '[mind]',
              'model = "mind.dam"']
    with open(os.path.join(folder, "dam.toml"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return folder


def live(name, folder, turns="300"):
    up = dam("up", folder, "--speed", "max", "--turns", turns)
    check(f"{name}: up", up.returncode == 0, up.stderr[-400:])
    replay = dam("replay", "all", folder, "--json")
    check(f"{name}: replay", replay.returncode == 0 and json.loads(replay.stdout)["different"] == 0, replay.stdout + replay.stderr)
    size = json.loads(dam("status", folder, "--json").stdout)["size"]
    for seq in (size - 11, size - 10):  # the last ones are the stop's; of these two one may be an explanation
        why = json.loads(dam("why", str(seq), folder, "--json").stdout)
        if why["leaf"]["kind"] == "decision":
            break
    check(f"{name}: the mind decided", why["leaf"]["outcome"] == 0, str(why["leaf"])[:400])
    return why


def of_recorded(tmp, model, other, because):
    """The same again, with every explanation recorded beside its decision."""
    folder = market(os.path.join(tmp, "recorded-" + model), explain=True)
    blob = os.path.join(folder, "mind.dam")
    shutil.copy(os.path.join(tmp, model, "mind.dam"), blob)
    why = live(f"{model}, recorded", folder)
    seq = why["leaf"]["seq"]
    check(f"{model}: recorded beside the decision, and the model says it again", why["because_leaf"] == seq + 1 and why["because_same"] is True, why)
    told = why["because"][0]
    check(f"{model}: as without recording", told.keys() == because.keys() and told["method"] == because["method"] and told["parts"], told)
    leaf = json.loads(dam("why", str(seq + 1), folder, "--json").stdout)["leaf"]
    check(f"{model}: a leaf of its own", (leaf["kind"], leaf["decision"], leaf["method"]) == ("explanation", seq, told["method"]), leaf)
    with open(blob, "rb") as f:
        check(f"{model}: it names the model", leaf["model"] == "0x" + hashlib.sha256(f.read()).hexdigest(), leaf)
    verify = json.loads(dam("verify", folder, "--json").stdout)
    check(f"{model}: the log is whole", verify["good"] and verify["kinds"]["explanation"] >= 290, verify)
    text = dam("why", str(seq), folder).stdout
    check(f"{model}: told", f"recorded in leaf {seq + 1}; the model says the same again" in text, text)
    shutil.copy(other, blob)
    text, after = dam("why", str(seq), folder).stdout, json.loads(dam("why", str(seq), folder, "--json").stdout)
    check(f"{model}: another model changes nothing of it", "is another one now" in text and after["because"] == why["because"] and not after["because_same"], text)
    os.remove(blob)
    text = dam("why", str(seq), folder).stdout
    check(f"{model}: nor does none", "is not at hand" in text and "by forecast" in text, text)


def of_models(tmp):
    found = {}
    for model, method in (("xgb_reg.json", "shapley"), ("skl_linear.onnx", "weights"), ("skl_net.onnx", "occlusion")):
        folder = market(os.path.join(tmp, model))
        done = dam("model", "import", os.path.join(FIXTURES, model), "--data", os.path.join(FIXTURES, "rows.csv"), "--decimals", "2",
                   "--out", os.path.join(folder, "mind.dam"))
        check(f"{model}: import", done.returncode == 0, done.stderr)
        why = live(model, folder)
        because = why["because"][0]
        check(f"{model}: method", because["method"] == method and because["actuator"] == "ask")
        total = because["base"] + sum(p["part"] for p in because["parts"])
        proposal = 100 * why["leaf"]["actuators"][0]["proposed"]
        if method != "occlusion":
            check(f"{model}: parts add up", abs(total - proposal) <= 1.01, f"{total} {proposal}")
        text = dam("why", str(why["leaf"]["seq"]), folder).stdout
        check(f"{model}: why tells it", "because" in text and "by forecast" in text, text)
        found[model] = because
    for model, other in zip(found, [*list(found)[1:], *found]):
        of_recorded(tmp, model, os.path.join(tmp, other, "mind.dam"), found[model])
    # Another model in the manifest is not taken for the one that decided.
    shutil.copy(os.path.join(tmp, "xgb_reg.json", "mind.dam"), os.path.join(tmp, "skl_linear.onnx", "mind.dam"))
    text = dam("why", "20", os.path.join(tmp, "skl_linear.onnx")).stdout
    check("a model that did not decide explains nothing", "does not give this proposal" in text, text)


def of_forecasters(tmp):
    folder = market(os.path.join(tmp, "forecast"), step_at=250)
    spec = os.path.join(tmp, "spec.toml")
    with open(spec, "w", encoding="utf-8") as f:
        f.write('kind = "forecast"\nrecords = 9\nslot_s = 3600\n'
                '[[forecaster]]\nchannel = 7\nmethod = "squares"\nseason = 24\n'
                '[[forecaster]]\nchannel = 7\nmethod = "naive"\nseason = 24\n'
                '[[output]]\nforecast = [1, 0]\n')
    check("forecast: make", dam("model", "make", spec, "--out", os.path.join(folder, "mind.dam")).returncode == 0)
    unfit = market(os.path.join(tmp, "forecast-explained"), explain=True)
    shutil.copy(os.path.join(folder, "mind.dam"), unfit)
    up = dam("up", unfit)
    check("forecast: nothing to explain, said at the start", up.returncode == 8 and "explain: 'mind.dam' cannot be read as a model" in up.stderr, up.stderr)
    why = live("forecast", folder, "240")
    check("forecast: calm", [f["drifts"] for f in why["forecasts"]] == [0, 0], str(why["forecasts"]))
    check("forecast: no drift told", "drifted" not in dam("status", folder).stdout)
    why = live("forecast, wild", folder, "100")
    check("forecast: drift", all(f["drifts"] == 1 for f in why["forecasts"]), str(why["forecasts"]))
    check("forecast: told by status", "drifted 1 times" in dam("status", folder).stdout)
    check("forecast: told by why", "drifted 1 times" in dam("why", "last", folder).stdout)


def of_district(tmp):
    """Two batteries behind one connection, planned together: what the evening lives on."""
    folder = os.path.join(tmp, "district")
    os.makedirs(folder)
    sites = ("mill", "barn")
    names = ["price", "price_in_day", "carbon"] + [f"{site}_{what}" for site in sites for what in ("load", "sun", "drawn", "level")]
    with open(os.path.join(folder, "hours.csv"), "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["t"] + names)
        for t in range(240):
            price = "0.54" if 16 <= t % 24 < 21 else "0.22"
            writer.writerow([t, price, price, "0.15"] + ["800", "2500" if 8 <= t % 24 < 16 else "0", "0", "50.0"] * 2)
    decimals = {"price": 4, "price_in_day": 4, "carbon": 5}
    lines = ['[machine]', 'name = "district"', 'period = "1h"', '[link.hours]', 'kind = "csv"', 'file = "hours.csv"', 'time = "t"', 'time_unit = "h"',
             'start = "2024-01-01"']
    for name in names:
        lines += ['[[channel]]', f'name = "{name}"', f'decimals = {decimals.get(name, 1 if name.endswith("level") else 0)}', 'min = -10000', 'max = 10000',
                  'source = "hours"', f'key = "{name}"', 'stale = "2h"']
    for site in sites:
        lines += ['[[actuator]]', f'name = "{site}"', 'unit = "W"', 'min = -5000', 'max = 5000', 'safe = 0']
    with open(os.path.join(folder, "dam.toml"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines + ['[mind]', 'model = "mind.dam"']) + "\n")
    spec = os.path.join(FIXTURES, "district.toml")
    made = dam("model", "make", spec, "--out", os.path.join(folder, "mind.dam"))
    check("district: make", made.returncode == 0, made.stderr)
    check("district: config check", dam("config", "check", folder).returncode == 0)
    live("district", folder, "96")
    asked = {}
    for seq in range(int(json.loads(dam("status", folder, "--json").stdout)["size"])):
        leaf = json.loads(dam("why", str(seq), folder, "--json").stdout)["leaf"]
        if leaf["kind"] == "decision" and leaf["outcome"] == 0:
            asked[leaf["time"]] = [a["proposed"] for a in leaf["actuators"]]
    days = {}
    for time, draws in asked.items():  # a decision is for the hour that begins
        days.setdefault(time[:10], {})[int(time[11:13])] = draws
    check("district: the first day is watched", set(map(tuple, days["2024-01-01"].values())) == {(0, 0)}, days["2024-01-01"])
    dear = [sum(draws) for day in list(days)[2:4] for hour, draws in days[day].items() if 16 <= hour < 20]
    sunny = [sum(draws) for day in list(days)[2:4] for hour, draws in days[day].items() if 8 <= hour < 15]
    check("district: dear hours live on the stores", len(dear) == 8 and all(total < 0 for total in dear), dear)
    check("district: the sun fills them", sum(sunny) > 0, sunny)
    with open(spec, encoding="utf-8") as f:
        good = f.read()
    for old, new, want in (("sites = 2", "sites = 17", "from 1 to 16"), ("capacity_wh = 6400", "", "capacity_wh and power_w"),
                           ("[1, 0.2]]", "[0.9, 0.2]]", "from share 0 to share 1"), ("[0, 1000]", "[1000, 0]", "rising"),
                           ("[0, 0.83]", "[0, 0.83, 1]", "pairs"), ("power_w", "pover_w", "is no field"), ('"district"', '"distict"', "does not say what")):
        bad = os.path.join(folder, "bad.toml")
        with open(bad, "w", encoding="utf-8") as f:
            f.write(good.replace(old, new, 1))
        run = dam("model", "make", bad, "--out", os.path.join(folder, "none.dam"))
        check(f"district: refused: {new or old}", run.returncode == 8 and want in run.stderr, run.stderr)


def of_training(tmp):
    folder = recorded_site(os.path.join(tmp, "village"))
    train = ["model", "train", "--from", "evidence", "--target", "pv", "--actuator", "offer", "--out", os.path.join(folder, "new.dam")]
    check("training: no log yet", dam(*train, folder).returncode != 0)
    check("training: up", dam("up", folder, "--speed", "max", "--turns", "1000").returncode == 0)
    absent = dam(*train, "--library", os.path.join(folder, "libnone.so"), folder)
    check("training: no library", absent.returncode == 4 and "libxgboost0" in absent.stderr, absent.stderr)
    done = dam(*train, "--proposal", os.path.join(folder, "proposal.md"), "--json", folder)
    if done.returncode == 4:
        print("skipped: training: " + done.stderr.splitlines()[0])
        return
    check("training: gain", done.returncode == 0 and json.loads(done.stdout)["gain"] > 0.03, done.stdout + done.stderr)
    with open(os.path.join(folder, "proposal.md"), encoding="utf-8") as f:
        check("training: proposal", "Gain over the best of the others" in f.read())
    again = os.path.join(folder, "again.dam")
    dam(*(train[:-1] + [again]), folder)
    with open(train[-1], "rb") as a, open(again, "rb") as b:
        check("training: the same log gives the same blob", a.read() == b.read())
    whatif = dam("whatif", "--mind", train[-1], folder, "--json")
    check("training: whatif", whatif.returncode == 0 and json.loads(whatif.stdout)["different"] > 0, whatif.stderr)
    none = dam(*(train[:5] + ["nothing"] + train[6:]), folder)
    check("training: no such channel", none.returncode == 4 and "nothing" in none.stderr, none.stderr)


def runtime_library():
    """Where ONNX Runtime is: named, or among what tests/model/large installed."""
    path = os.environ.get("DAM_ONNXRUNTIME")
    env = os.path.join(ROOT, "build", "models-env")
    if path is None and os.path.exists(env):
        with open(env, encoding="utf-8") as f:
            path = next((line.strip().split("=", 1)[1] for line in f if "DAM_ONNXRUNTIME=" in line), None)
    return path


def perceptor(folder, library):
    os.makedirs(folder)
    shutil.copy(os.path.join(FIXTURES, "net_relu.onnx"), folder)
    with open(os.path.join(FIXTURES, "rows.csv"), encoding="utf-8") as f, open(os.path.join(folder, "seen.txt"), "w", encoding="utf-8") as out:
        out.write(f.readlines()[1])
    lines = ['[machine]', 'name = "eye"', 'period = "200ms"', '[link.eye]', 'kind = "onnx"', 'model = "net_relu.onnx"', 'file = "seen.txt"',
             'every_ms = 50', f'library = "{library}"']
    for name, key, decimals in (("a", "output.0", 4), ("b", "output.7", 4), ("which", "model", 0), ("runtime", "runtime", 0)):
        lines += ['[[channel]]', f'name = "{name}"', f'decimals = {decimals}', 'min = -100000', f'max = {2 ** 48 if name == "which" else 100000000}',
                  'source = "eye"', f'key = "{key}"', 'stale = "1h"']
    lines += ['[[actuator]]', 'name = "out"', 'min = 0', 'max = 1', 'safe = 0', '[mind]', 'model = "mind.dam"']
    with open(os.path.join(folder, "dam.toml"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, "spec.toml"), "w", encoding="utf-8") as f:
        f.write('kind = "forecast"\nrecords = 6\nslot_s = 1\n[[forecaster]]\nchannel = 1\nmethod = "naive"\n[[output]]\nmin = 0\nmax = 1\n')
    dam("model", "make", os.path.join(folder, "spec.toml"), "--out", os.path.join(folder, "mind.dam"))
    up = dam("up", folder, "--turns", "15")
    size = json.loads(dam("status", folder, "--json").stdout)["size"]
    why = json.loads(dam("why", str(size - 10), folder, "--json").stdout)
    return up, {o["name"]: o for o in why["leaf"].get("observation", [])}


def of_perceptors(tmp):
    up, seen = perceptor(os.path.join(tmp, "blind"), os.path.join(tmp, "libnone.so"))
    check("perceptor: absent library", up.returncode == 0 and "ONNX Runtime is not here" in up.stderr, up.stderr)
    check("perceptor: its channels are faults", seen.get("a", {}).get("quality") == "device fault" or "fault" in seen.get("a", {}).get("quality", ""), str(seen))
    library = runtime_library()
    if library is None:
        print("skipped: perceptor on a real ONNX Runtime: name it with DAM_ONNXRUNTIME")
        return
    up, seen = perceptor(os.path.join(tmp, "eye"), library)
    with open(os.path.join(FIXTURES, "net_relu.out.csv"), encoding="utf-8") as f:
        truth = [float(v) for v in f.readline().split(",")]
    check("perceptor: outputs", abs(seen["a"]["value"] - truth[0]) < 2e-4 and abs(seen["b"]["value"] - truth[7]) < 2e-4, f"{seen} {truth}")
    with open(os.path.join(FIXTURES, "net_relu.onnx"), "rb") as f:
        tag = int.from_bytes(hashlib.sha256(f.read()).digest()[:6], "big")
    check("perceptor: the model's hash", seen["which"]["value"] == tag, str(seen))
    check("perceptor: the runtime's version", seen["runtime"]["value"] >= 1012000, str(seen))


def main():
    with tempfile.TemporaryDirectory() as tmp:
        of_models(tmp)
        of_forecasters(tmp)
        of_district(tmp)
        of_training(tmp)
        of_perceptors(tmp)
    return summary()


raise SystemExit(main())
