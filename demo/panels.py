# SPDX-License-Identifier: Apache-2.0
"""What the village shows on the site's dashboard beside the site's own data: one JSON file a panel, in the site's folder sections/."""
import json
import os

from market import INTERVAL
from village import FIRM, MEMBERS, METERS, NAMES, UNIT

SYMBOL = dict(symbol="tDAM", decimals=6)
STATES = ["pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed"]
JOBS = ["open", "funded", "submitted", "completed", "rejected", "expired"]


class Panels:
    def __init__(self, folder, village):
        self.folder, self.v = os.path.join(folder, "sections"), village
        os.makedirs(self.folder, exist_ok=True)

    def write(self, name, value):
        path = os.path.join(self.folder, name + ".json")
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(value, f)
        os.replace(path + ".new", path)

    def energy(self, truth, price):
        houses, surplus = sum(truth["house_w"]), truth["pv_w"] + truth["battery_w"] - sum(truth["house_w"])
        self.write("flow", [
            dict(role="source", label="Panels", power_w=truth["pv_w"]),
            dict(role="store", label="Battery", power_w=truth["battery_w"], note=f"{truth['soc_centipct'] / 100:.0f} % full"),
            dict(role="load", label="Houses", power_w=-houses),
            dict(role="grid", label="Grid", power_w=-surplus, note="export" if surplus > 0 else "import")])
        self.write("series", [
            dict(label="Panels", unit="kW", value=truth["pv_w"] / 1000), dict(label="Houses", unit="kW", value=houses / 1000),
            dict(label="State of charge", unit="%", value=truth["soc_centipct"] / 100),
            dict(label="Clearing price", unit="ct/kWh", value=price / 10)])

    def money(self, earned, spent):
        v = self.v
        self.write("treasury", dict(SYMBOL, balance=str(v.token.read("balanceOf", v.account.address)), earned=str(earned), spent=str(spent),
                                    account=v.account.address, limits=[]))

    def market(self, market, interval):
        past = sorted(k for k in market.price if market.sold.get(k))
        self.write("market", dict(SYMBOL, last_price=str(market.price[past[-1]] * 1000) if past else None, interval_start=interval * INTERVAL,
                                  closes_at=interval * INTERVAL - 300, sold_wh=str(sum(market.sold.values())),
                                  delivered_wh=str(sum(market.delivered.values())), book=[]))

    def jobs(self, job):
        if job is not None:
            state = self.v.jobs.read("getJob", job)["status"]
            self.write("jobs", [dict(title="Clean the panels", state=JOBS[state],
                                     amount=str(80 * UNIT), worker=NAMES[FIRM])])

    def oracles(self, readings, median, now):
        self.write("oracles", [dict(name=NAMES[i], value=f"{readings[i]:,} Wh", time=now,
                                    state="agrees" if abs(readings[i] - median) <= max(5, median // 50) else "outlier") for i in METERS])

    def votes(self, proposals):
        v, rows = self.v, []
        for number, title in proposals[-3:]:
            against, in_favour, _ = v.governor.read("proposalVotes", number)
            rows.append(dict(id=str(number), title=title, state=STATES[v.governor.read("state", number)], actions=["Constitution.propose: " + title],
                             supply=str(v.shares.read("totalSupply")), against=str(against), quorum=str(v.shares.read("totalSupply") * 4 // 10),
                             ends_at=v.governor.read("proposalDeadline", number), eta=v.governor.read("proposalEta", number)) | {"for": str(in_favour)})
        self.write("proposals", rows)

    def once(self, url):
        v = self.v
        record = v.registry.read("legalRecordAt", v.id, v.chain.now)
        self.write("law", dict(jurisdiction=record["jurisdiction"], entity=record["entityId"], liable=record["liableParty"],
                               documents=len(record["documents"])))
        self.write("chain", dict(id=v.chain.id, name="Village ledger", rpc=url))
        self.write("members", [NAMES[i] for i in MEMBERS])
