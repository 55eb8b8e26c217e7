# SPDX-License-Identifier: Apache-2.0
"""A better mind out of the evidence: the recorded days are lived again on a model of the battery with each candidate's numbers, and the best
numbers become the mind that a member proposes. What is then shown before the vote does not come from here: it is the bytecode's own
decisions on a fresh simulated plant (story.rehearse)."""
import csv
import io

BATTERY_W, CAPACITY_WH, EFFICIENCY, FULL = 15_000, 40_000, 95, 10_000


def read(text):
    """The evidence's CSV -> [(time, pv W, load W, tariff)], a row a turn."""
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        load = sum(int(row[f"house{i}"]) for i in (1, 2, 3, 4))
        rows.append((int(row["time_ms"]) // 1000, int(row["pv"]), load, int(row["tariff"])))
    return rows


def clamp(x, low, high):
    return max(low, min(high, x))


def peak(dear, reserve, floor):
    """PeakMind's rule with its three numbers, as Minds.sol has it."""
    profile = {}

    def decide(time, pv, load, tariff, soc):
        hour = time // 3600 % 24
        before = profile.get(hour, 0)
        profile[hour] = before + int((load - before) / 4) if before else load
        need = sum(profile.get(h, 0) for h in range(max(hour, 16), 21))
        if tariff >= dear:
            return clamp((load - pv) * FULL // BATTERY_W, 0, FULL) if soc > floor else 0
        if pv > load:
            return clamp((load - pv) * FULL // BATTERY_W, -FULL, 0) if soc < 9_800 else 0
        if (soc - floor) * CAPACITY_WH // FULL > need * reserve // 100:
            return clamp((load - pv) * FULL // BATTERY_W, 0, FULL)
        return 0
    return decide


def surplus(time, pv, load, tariff, soc):
    rate = clamp((load - pv) * FULL // BATTERY_W, -FULL, FULL)
    return 0 if (rate < 0 and soc >= 9_500) or (rate > 0 and soc <= 1_000) else rate


def live(rows, decide, step=900):
    """What the village's use of the site was worth at the tariff, in 1/100000 of money; what is left in the battery counts at its mean."""
    stored, worth = CAPACITY_WH // 2, 0
    for time, pv, load, tariff in rows:
        rate = decide(time, pv, load, tariff, int(stored * FULL / CAPACITY_WH))
        wanted = BATTERY_W * rate / FULL * step / 3600
        if rate > 0 and stored <= 0.05 * CAPACITY_WH:  # the charter
            wanted = 0
        if wanted >= 0:
            moved = min(wanted, stored * EFFICIENCY / 100)
            stored -= moved * 100 / EFFICIENCY
        else:
            moved = max(wanted, -(CAPACITY_WH - stored) * 100 / EFFICIENCY)
            stored -= moved * EFFICIENCY / 100
        used = min(max(pv + moved * 3600 / step, 0), load)
        worth += used * step / 3600 * tariff / 1000
    mean = sum(r[3] for r in rows) / max(1, len(rows))
    return worth + (stored - CAPACITY_WH / 2) * EFFICIENCY / 100 * mean / 1000


def train(rows):
    """The numbers (dear tariff, reserve in percent of the dear hours' need, lowest charge) that would have earned most."""
    tariffs = sorted({r[3] for r in rows})
    candidates = [(dear, reserve, floor) for dear in tariffs for reserve in (0, 60, 80, 100, 110, 125, 150) for floor in (500, 1_000, 1_500)]
    return max(candidates, key=lambda c: (live(rows, peak(*c)), [-x for x in c]))
