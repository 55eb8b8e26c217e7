#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""AquaCrop (the PyPI package of bench/decisions/requirements.txt) as a peer of `dam bench decisions`: a field of maize, day by day.

  DAM_AQUACROP="PYTHON bench/decisions/aquacrop_peer.py" dam bench decisions --only irrigation
  bench/decisions/aquacrop_peer.py WEATHER.csv rain weekly net      (AquaCrop's own rules, for people)

Lines of JSON on standard input and output. It is asked
  {"weather": "FILE.csv"}             and answers {"seasons": [years that the file holds from 1 May to 31 December]},
  {"season": 1983, "rule": "net"}     (rain, weekly, net) and answers {"profit": $/ha, "harvest": t/ha, "water": mm},
  {"season": 1983}                    and answers each morning {"soil": %, "capacity": mm, "rain": mm, "et0": mm, "low": degrees C, "high": ...}
                                      of the day before, is told {"water": mm} for the day, and says at last what it says for a rule.
The weather of the day that begins, and of all later ones, stays here.
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")

import pandas
from aquacrop import AquaCropModel, Crop, InitialWaterContent, IrrigationManagement, Soil
from aquacrop.solution.root_zone_water import root_zone_water

RULES = {
    "rain": lambda: IrrigationManagement(irrigation_method=0),
    "weekly": lambda: IrrigationManagement(irrigation_method=2, IrrInterval=7),
    "net": lambda: IrrigationManagement(irrigation_method=4, NetIrrSMT=70),
}


def weather_read(path):
    table = pandas.read_csv(path)
    return pandas.DataFrame({
        "MinTemp": table.tmin_c, "MaxTemp": table.tmax_c, "Precipitation": table.prcp_mm,
        "ReferenceET": table.et0_mm.clip(lower=0.1),  # as the package's own reader does
        "Date": pandas.to_datetime(table[["year", "month", "day"]]),
    })


def seasons_of(weather):
    inside = weather[weather.Date.dt.month >= 5]
    days = inside.groupby(inside.Date.dt.year).size()
    return [int(year) for year in days[days == 245].index]


def model_of(weather, year, management):
    return AquaCropModel(f"{year}/05/01", f"{year}/12/31", weather, Soil("SandyLoam"), Crop("Maize", planting_date="05/01"),
                         InitialWaterContent(value=["FC"]), irrigation_management=management)


def result_of(model):
    season = model.get_simulation_results().iloc[0]
    harvest, water = float(season["Dry yield (tonne/ha)"]), float(season["Seasonal irrigation (mm)"])
    return {"profit": 180 * harvest - water - 1728, "harvest": harvest, "water": water}


def morning(model, yesterday):
    """What a soil probe and yesterday's weather station show."""
    state, parameters = model._init_cond, model._param_struct
    crop = parameters.Seasonal_Crop_List[0]
    _, _, depletion, _, capacity, *_ = root_zone_water(parameters.Soil.Profile, float(state.z_root), state.th, parameters.Soil.z_top,
                                                       float(crop.Zmin), crop.Aer)
    low, high, rain, et0 = (float(x) for x in yesterday[:4])
    return {"soil": 100 * (1 - depletion / capacity), "capacity": float(capacity), "rain": rain, "et0": et0, "low": low, "high": high}


def season_run(weather, year, told, ask):
    model = model_of(weather, year, IrrigationManagement(irrigation_method=5, depth=0))
    model._initialize()
    before = weather[weather.Date < f"{year}-05-01"].values
    yesterday = before[-1] if len(before) else (10.0, 10.0, 0.0, 0.0)
    while not model._clock_struct.model_is_finished:
        told(morning(model, yesterday))
        yesterday = model._weather[model._clock_struct.time_step_counter]
        model._param_struct.IrrMngt.depth = ask()["water"]
        model.run_model(initialize_model=False)
    return result_of(model)


def serve():
    def told(value):
        print(json.dumps(value), flush=True)

    def ask():
        return json.loads(sys.stdin.readline())

    weather = None
    for line in sys.stdin:
        order = json.loads(line)
        if "weather" in order:
            weather = weather_read(order["weather"])
            told({"seasons": seasons_of(weather)})
        elif "rule" in order:
            told(rule_run(weather, order["season"], order["rule"]))
        else:
            told(season_run(weather, order["season"], told, ask))


def rule_run(weather, year, rule):
    model = model_of(weather, year, RULES[rule]())
    model.run_model(till_termination=True)
    return result_of(model)


def show(path, rules):
    weather = weather_read(path)
    years = seasons_of(weather)
    for rule in rules:
        mean = pandas.DataFrame([rule_run(weather, year, rule) for year in years]).mean()
        print(f"{rule:8} {len(years)} seasons: {mean.profit:.1f} $/ha, {mean.harvest:.2f} t/ha, {mean.water:.0f} mm")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        show(sys.argv[1], sys.argv[2:])
    else:
        serve()
