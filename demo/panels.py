# SPDX-License-Identifier: Apache-2.0
"""What the village shows on the site's dashboard beside the site's own data: one JSON file a panel, in the site's folder sections/."""
import json
import os

from chain import decode
from market import BUY
from village import BUCKETS, FIRM, INTERVAL, MEMBERS, METERS, NAMES, STEP

SYMBOL = dict(symbol="tDAM", decimals=6)
STATES = ["pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed"]
JOBS = ["open", "funded", "submitted", "completed", "rejected", "expired"]
WORDS = {0: "against", 1: "for", 2: "abstains"}
NEWS_MAX = 3
POINTS_MAX = 7 * 96


class Panels:
    def __init__(self, folder, village, accounts):
        self.folder, self.v, self.accounts = os.path.join(folder, "sections"), village, accounts
        self.series = dict(times=[], lines={})
        self.news, self.lies, self.ballots = [], {}, {}
        os.makedirs(self.folder, exist_ok=True)

    def write(self, name, value):
        path = os.path.join(self.folder, name + ".json")
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(value, f)
        os.replace(path + ".new", path)

    def once(self, url):
        v = self.v
        record = v.registry.read("legalRecordAt", v.id, v.chain.now)
        self.record = dict(jurisdiction=record["jurisdiction"], entity=record["entityId"], agent=record["registeredAgent"],
                           liable=record["liableParty"], documents=len(record["documents"]))
        self.write("chain", dict(id=v.chain.id, name="Village ledger", rpc=url, governor=v.governor.address))

    def law(self):
        v = self.v
        names = {address: name for name, address in v.minds.items()} | {v.charter: "BoundsCharter"}
        self.write("law", self.record | dict(names=names, epoch=v.constitution.read("epochOf", v.id), bond=f"{v.court.read('bondOf', v.id) / 10**18:g} ETH in the Court"))

    def demo(self, pace, day, days, voters):
        self.write("demo", dict(skill="demo", paused=pace.paused, speed=pace.speed, day=day, days=days, voters=voters, news=self.news[:NEWS_MAX]))

    def energy(self, truth, price, now):
        houses, surplus = sum(truth["house_w"]), truth["pv_w"] + truth["battery_w"] - sum(truth["house_w"])
        self.write("flow", [
            dict(role="source", label="Panels", power_w=truth["pv_w"]),
            dict(role="store", label="Battery", power_w=truth["battery_w"], note=f"{truth['soc_centipct'] / 100:.0f} % full"),
            dict(role="load", label="Houses", power_w=-houses),
            dict(role="grid", label="Grid", power_w=-surplus, note="export" if surplus > 0 else "import")])
        lines = [dict(label="Panels", unit="kW", value=truth["pv_w"] / 1000), dict(label="Houses", unit="kW", value=houses / 1000, dash=[5, 3]),
                 dict(label="Battery", unit="%", value=truth["soc_centipct"] / 100, ink=3),
                 dict(label="Clearing price", unit="tDAM/kWh", value=price / 1000, ink=4)]
        self.write("series", lines)
        self.series["times"] = [*self.series["times"], now][-POINTS_MAX:]
        for line in lines:
            values = self.series["lines"].setdefault(line["label"], dict(line, values=[]))["values"]
            values.append(line["value"])
            del values[:-POINTS_MAX]

    def market(self, market, interval, orders):
        """interval: whose book is shown; orders: its Placed events."""
        v, past = self.v, sorted(k for k in market.price if market.sold.get(k))
        names = {v.key(i).address: NAMES[i] for i in NAMES} | {v.account.address: "this machine"}
        book = [dict(side="buy" if o["side"] == BUY else "sell", price=str((o["tick"] + 1) * STEP * 1000), wh=str(o["quantity"]),
                     who=names.get(o["owner"], o["owner"])) for o in sorted(orders, key=lambda o: (-o["side"], -o["tick"], -o["quantity"]))]
        self.write("market", dict(SYMBOL, last_price=str(market.price[past[-1]] * 1000) if past else None, interval_start=interval * INTERVAL,
                                  closes_at=interval * INTERVAL - 300, cleared=interval in market.sold, volume_wh=str(market.sold.get(interval, 0)),
                                  sold_wh=str(sum(market.sold.values())), delivered_wh=str(sum(market.delivered.values())), book=book))

    def money(self):
        v, now = self.v, self.v.chain.now
        self.accounts.refresh()
        limits = []
        for index, (name, payee) in enumerate((("Market deposits", None), ("Maintenance", v.jobs.address))):
            _, window, capacity, _ = BUCKETS[index]
            key = index if payee is None else int(payee, 16) << 8 | index | 1 << 255
            bucket = v.account.read("bucketOf", v.policy, key.to_bytes(32, "big"))
            used = max(0, bucket["used"] - (now - bucket["last"]) * capacity // window) if isinstance(bucket, dict) else max(
                0, bucket[0] - (now - bucket[1]) * capacity // window)
            limits.append(dict(name=name, left=str(capacity - used), limit=str(capacity), period="a day" if window == 86_400 else "a week"))
        self.write("treasury", dict(SYMBOL, balance=str(v.token.read("balanceOf", v.account.address)), earned=str(self.accounts.earned()),
                                    spent=str(self.accounts.spent()), account=v.account.address, limits=limits))

    def jobs(self, job):
        if job is not None:
            row = self.v.jobs.read("getJob", job)
            self.write("jobs", [dict(title="Clean the panels", state=JOBS[row["status"]], amount=str(row["budget"]), worker=NAMES[FIRM])])

    def oracles(self, readings, median, now):
        agrees = {i: abs(readings[i] - median) <= max(5, median // 50) for i in METERS}
        for i in METERS:
            self.lies[i] = self.lies.get(i, 0) + (not agrees[i])
        self.write("oracles", [dict(name=NAMES[i], value=f"{readings[i]:,} Wh", time=now, lies=self.lies[i],
                                    state="agrees" if agrees[i] else "outlier") for i in METERS])

    def anchors(self):
        v = self.v
        logs = v.chain.rpc.call("eth_getLogs", {"address": v.evidence.address, "fromBlock": "0x0", "toBlock": "latest"})
        rows = [e for e in v.evidence.events({"logs": logs}, "Anchored") if e["id"] == v.id]
        self.write("anchors", [dict(size=e["size"], root=e["root"], time=e["time"]) for e in rows][-64:])

    # ---- governance ---------------------------------------------------------------------------------------------------

    def decoded(self, target, data):
        """A call of a proposal in words: the contract, the function, its arguments; of new terms what they change."""
        v = self.v
        names = {c.address: (n, c) for n, c in vars(v).items() if hasattr(c, "abi")}
        name, contract = names.get(target, (target, None))
        for item in contract.abi if contract else []:
            if item["type"] == "function" and contract.data_selector(item) == data[:10]:
                values = decode(item["inputs"], bytes.fromhex(data[10:]))
                short = ", ".join(f"{i['name']} {x}" for i, x in zip(item["inputs"], values) if not isinstance(x, (dict, list)))
                terms = next((x for x in values if isinstance(x, dict) and "mindGas" in x), None)
                return dict(call=f"{name.capitalize()}.{item['name']}({short})", changes=self.changes(terms) if terms else [])
        return dict(call=f"{name}: {data[:10]}...", changes=[])

    def changes(self, terms):
        v, now = self.v, self.v.constitution.read("current", self.v.id)
        code = {address: name for name, address in v.minds.items()} | {v.charter: "BoundsCharter"}
        show = lambda x: f"{code[x]} {x[:8]}…{x[-4:]}" if x in code else str(x)
        return [dict(name=key, **{"from": show(now[key])}, to=show(value)) for key, value in terms.items() if key != "since" and now[key] != value]

    def votes(self, ballots):
        v, rows = self.v, []
        supply = v.shares.read("totalSupply")
        for ballot in ballots[-4:]:
            against, in_favour, abstain = v.governor.read("proposalVotes", ballot.id)
            deadline = v.governor.read("proposalDeadline", ballot.id)
            rows.append({"id": str(ballot.id), "title": ballot.title, "state": STATES[v.governor.read("state", ballot.id)], "actions": ballot.actions,
                         "supply": str(supply), "for": str(in_favour), "against": str(against), "abstain": str(abstain), "quorum": str(supply * 4 // 10),
                         "starts_at": v.governor.read("proposalSnapshot", ballot.id), "ends_at": deadline, "eta": v.governor.read("proposalEta", ballot.id),
                         "rehearsal": ballot.rehearsal, "votes": [dict(who=NAMES[m], word=WORDS[s]) for m, s in ballot.cast.items()]})
        self.write("proposals", rows)
        return [NAMES[m] for m in MEMBERS if any(row["state"] == "active" and m not in b.cast for row, b in zip(rows, ballots[-4:]))]
