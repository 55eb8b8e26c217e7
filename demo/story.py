#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: a week in the life of a village's solar site, told by those around it. Run it with `make demo`.

Everything that happens on the chain is a real transaction of the people named in village.py; the site is `dam up`, and its key is its signer
process's alone. This program is the villagers' hands and the clock: it moves the plant's and the site's time in lock-step, so that a seed
gives the same chain twice.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import books
import scoring
import training
import village
import x402
from accounts import Accounts
from ballot import Ballot
from chain import Chain, RpcError, encode, keccak
from keys import derive
from evidence import decision_leaf, leaf_hash, transactions
from market import Market
from pace import KEYS, Pace
from panels import JOBS, Panels
from rehearsal import Rehearsal
from skills import Skills, problem
from solar_site import Site, site_rules
from village import DAY, FIRM, INTERVAL, MEMBERS, METERS, NAMES, NEIGHBOUR, OPERATOR, OUTSIDER, SAFE, UNIT, terms
from world import Broker, Ledger, Plant

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROFILE = os.path.join(ROOT, "profiles/solar-site")
GENESIS = 1_772_150_400  # 2026-02-27 00:00 UTC; the story starts two days later
SLOTS = DAY // INTERVAL
RSS_MAX = 40 << 20
USER_WAITS = 12  # quarters that the last member leaves to whoever votes in the dashboard
POINTS = {
    1: "plans, sells in the auction, is settled on the oracles' median, pays its own bills",
    2: "notices that its output sags, hires maintenance, pays on the evaluator's word",
    3: "sells data and a charge by micropayment, and an access pass",
    4: "a better mind is voted in and takes over; a bad one is taken back by rule",
    5: "a lie about one decision is challenged, re-executed by the Court and slashed",
    6: "a lying oracle, a dead broker, a ledger killed with -9: nothing is lost",
    7: "revenue reaches the share holders, contributors their rewards; the accounts balance",
}


class Story:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.folder = os.path.abspath(args.keep) if args.keep else tempfile.mkdtemp(prefix="dam-demo-")
        os.makedirs(self.folder, exist_ok=True)
        self.days = args.days
        self.shown = {}  # point: what showed it
        self.ballots = []
        self.job = None  # the firm's
        self.broker_down = False
        self.peak_rss = self.peak_signer = self.cpu_before = 0
        self.begun = time.monotonic()

    # ---- telling ------------------------------------------------------------------------------------------------------

    def say(self, text, mark=" "):
        clock = time.strftime("%a %H:%M", time.gmtime(self.now)) if hasattr(self, "now") else "founding "
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        print(f"{clock:9} {mark} {text}", file=sys.stderr if self.args.json else sys.stdout, flush=True)
        if hasattr(self, "panels"):
            self.panels.news.insert(0, f"{clock}: {text}")

    def progress(self, slot, slots):
        if sys.stderr.isatty() and not self.args.json:
            done = 30 * slot // slots
            sys.stderr.write(f"\r{'█' * done}{'░' * (30 - done)} day {slot // SLOTS + 1} of {self.days} {'paused ' if self.pace.paused else ''}")
            sys.stderr.flush()

    def show(self, point, evidence):
        """A point of the story has been seen to hold."""
        self.shown.setdefault(point, []).append(evidence)
        self.say(evidence, mark=str(point))

    # ---- the world ----------------------------------------------------------------------------------------------------

    def begin(self):
        dam = self.args.dam
        for path, what in ((dam, "make"), (os.path.join(self.args.contracts, "EnergyMarket.json"), "node tools/contracts-build")):
            if not os.path.exists(path):
                raise RuntimeError(f"{path} is missing: `{what}` makes it")
        self.start = GENESIS + 2 * DAY
        self.broker = Broker(self.folder)
        self.plant = Plant(dam, self.folder, self.args.data, self.start, self.broker.port)  # before the rest: it may refuse the data
        self.ledger = Ledger(dam, self.folder, GENESIS)
        self.chain = Chain(self.ledger.url, self.args.contracts)
        self.v = village.found(self.chain, site_rules(dam, PROFILE), self.say)
        site_key = derive(14)
        village.enrol(self.v, site_key.address, site_key.sign_typed)
        self.accounts = Accounts(self.v, site_key)
        self.now = self.start
        self.site = Site(dam, PROFILE, self.folder, self.v, site_key, self.plant, self.broker, self.ledger, self.start,
                         low_days=1 if self.days < 5 else 2)
        self.market = Market(self.v, self.random)
        self.panels = Panels(self.site.home, self.v, self.accounts)
        self.panels.once(self.ledger.url)
        self.voters = []
        self.skills = Skills(self.site.home)
        self.skills.serve("demo", self.on_demo)
        speed = self.args.speed if self.args.speed is not None else 0 if self.args.headless else 3600
        self.pace = Pace(speed, self.idle, self.show_demo)
        self.place = {name: getattr(self.v, name).address for name in ("token", "market", "oracle", "account", "tab", "jobs", "shares", "access",
                                                                       "rewards", "evidence", "constitution", "governor", "court")}
        with open(os.path.join(self.folder, "deployment.json"), "w", encoding="utf-8") as f:
            json.dump(self.place, f)
        self.k = 0
        self.show_demo()
        self.say(f"the community has voted the site into being: machine {self.v.machine[:18]}...")
        self.say(f"the dashboard: {self.url}")
        if self.pace.keyboard is not None:
            self.say(KEYS)
        opener = shutil.which("xdg-open")
        if not self.args.headless and opener and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            subprocess.Popen([opener, self.url], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.site.port}/"

    def end(self):
        if hasattr(self, "pace"):
            self.pace.close()
        if hasattr(self, "skills"):
            self.skills.close()
        for process in ("site", "plant", "broker", "ledger"):
            if hasattr(self, process):
                getattr(self, process).stop()
        if not self.args.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what the dashboard and the neighbours ask ----------------------------------------------------------------------

    def idle(self, seconds):
        self.skills.turn(seconds)

    def show_demo(self):
        self.panels.demo(self.pace, self.k // SLOTS + 1, self.days, self.voters)

    def on_demo(self, request):
        """The skill `demo`: time, votes by the members' keys, the accounts."""
        if request.method == "POST" and request.path == "/clock":
            asked = request.json()
            self.pace.tell(asked.get("paused"), asked.get("step"), asked.get("speed"))
            request.answer(200, dict(paused=self.pace.paused, speed=self.pace.speed))
        elif request.method == "POST" and request.path == "/vote":
            self.on_vote(request, request.json())
        elif request.path == "/series":
            request.answer(200, self.panels.series)
        elif request.path in ("/accounts", "/accounts.csv"):
            self.on_accounts(request)
        else:
            problem(request, 404, "there are: clock, vote, series, accounts, accounts.csv")

    def on_accounts(self, request):
        self.accounts.refresh()
        months = self.accounts.months()
        month = request.query.get("month", months[-1:])[0]
        if month not in months:
            problem(request, 404, f"there are accounts of {', '.join(months)}")
        elif request.path == "/accounts":
            request.answer(200, self.accounts.document(month, self.leaves()))
        else:
            request.answer(200, self.month_csv(month).encode(), {"Content-Disposition": f'attachment; filename="accounts-{month}.csv"'}, "text/csv; charset=utf-8")

    def month_csv(self, month):
        return self.accounts.csv(month, self.site.get("/api/days")["days"], self.leaves())

    def leaves(self):
        return transactions(self.site.ask, self.site.get("/api/state")["evidence"]["durable"])

    def on_vote(self, request, asked):
        ballot = next((b for b in self.ballots if str(b.id) == asked.get("proposal")), None)
        member = next((m for m in MEMBERS if NAMES[m] == asked.get("voter")), None)
        if ballot is None or member is None or asked.get("support") not in (0, 1, 2):
            return problem(request, 422, "the body must be {proposal, voter, support: 0, 1 or 2}")
        if member in ballot.cast:
            return problem(request, 409, f"{NAMES[member]} has voted already")
        try:
            tx = ballot.vote(member, asked["support"])
        except RpcError as error:
            return problem(request, 409, str(error))
        self.say(f"{NAMES[member]} votes in the dashboard")
        self.show_votes()
        return request.answer(200, dict(tx=tx))

    # ---- a quarter of an hour -----------------------------------------------------------------------------------------

    def slot(self, k, lie_wh=None):
        truth = self.plant.truth
        self.now = self.start + k * INTERVAL
        interval = self.now // INTERVAL
        self.chain.now = max(self.chain.now, self.now)
        self.site.turn(self.now, truth, blind=self.broker_down)
        if k == 0:
            self.say(f"the first decision, {time.monotonic() - self.begun:.1f} s after the start{self.since_make()}")
        if k > 0:
            delivered_wh = (truth["export_mwh"] - self.exported_mwh) // 1000
            readings, metered = self.market.report(interval - 1, delivered_wh, lie_wh)
            self.panels.oracles(readings, metered, self.now)
            if lie_wh is not None:
                honest = sorted(r for index, r in readings.items() if index != METERS[2])
                assert honest[0] <= metered <= honest[-1], "a lying meter moved the median"
                self.show(6, f"meter C claims {lie_wh / 1000:.1f} kWh; the median stays at {metered / 1000:.2f} kWh")
        self.exported_mwh = truth["export_mwh"]
        posted = self.market.bid(interval + 1, truth["house_w"], truth["price_millicent_kwh"])
        self.chain.mine(self.now + 5)
        self.market.note([self.chain.receipt(tx) for tx in posted])
        orders = self.market.read_book(interval + 1)
        self.accounts.decided(interval + 1, self.site.get("/api/decisions?limit=1")["decisions"][0]["seq"])
        self.chain.mine(self.now + 601)
        self.market.clear(interval + 1)
        self.panels.market(self.market, interval + 1, orders)
        self.plant.tell(f"step {INTERVAL}")

    def since_make(self):
        begun = os.environ.get("DAM_DEMO_BEGUN")
        return f"; {time.time() - float(begun):.1f} s after `make demo`" if begun else ""

    def show_panels(self):
        interval = self.now // INTERVAL
        self.panels.energy(self.plant.truth, self.market.price.get(interval + 1, 0), self.now)
        self.panels.law()
        self.show_demo()
        if self.k % 4 == 0:
            self.panels.money()
            self.panels.jobs(self.job)
            self.panels.anchors()
            self.show_votes()
            self.weigh()

    def show_votes(self):
        self.voters = self.panels.votes(self.ballots)
        self.show_demo()

    def weigh(self):
        """The footprint: site with its dashboard, and ledger, together; the signer's process beside them."""
        site, ledger = self.site.usage(), self.ledger.usage()
        self.peak_rss = max(self.peak_rss, site[0] + ledger[0])
        self.peak_signer = max(self.peak_signer, site[2])
        self.cpu_seconds = site[1] + ledger[1] + self.cpu_before

    # ---- the plot: (slot, what happens) -------------------------------------------------------------------------------

    def plot(self):
        total = self.days * SLOTS
        at = lambda share: int(total * share) + self.random.randint(-2, 2)
        yield at(0.06), self.open_tab
        yield at(0.12), self.buy_data
        yield SLOTS + 8, self.soil
        yield at(0.28), self.lying_meter
        yield at(0.31), self.propose_false_rewards
        yield at(0.34), self.kill_broker
        yield at(0.38), self.kill_ledger
        yield at(0.42), self.propose_better
        yield at(0.60), self.settle_tab
        yield at(0.62), self.propose_worse
        yield at(0.64), self.propose_rewards
        yield at(0.80), self.tampered_build
        yield total - 2, self.claim_revenue

    def later(self, slots, what):
        self.agenda.append((self.k + slots, what))

    def run(self):
        self.begin()
        self.exported_mwh = 0
        total = self.days * SLOTS
        self.agenda = list(self.plot())
        self.lie_wh = None
        for k in range(total):
            self.pace.wait(INTERVAL)
            self.k = k
            for step in sorted((s for s in self.agenda if s[0] == k), key=lambda s: s[0]):
                step[1]()
            lie, self.lie_wh = self.lie_wh, None
            self.slot(k, lie)
            self.seek_work()
            self.show_panels()
            self.progress(k + 1, total)
        self.finish()

    # point 2

    def soil(self):
        self.plant.tell("soiling 40")
        self.say("dust settles on the panels (40 % of the output is lost; stated by this demo, not by the data)")

    def seek_work(self):
        """The firm looks at the board: is there a job for it, with its escrow?"""
        v = self.v
        number = v.jobs.read("jobCount")
        if number == (self.job or 0):
            return
        job = v.jobs.read("getJob", number)
        if (job["client"], job["provider"], JOBS[job["status"]]) != (v.account.address, v.key(FIRM).address, "funded"):
            return
        self.job = number
        self.say("the site notices: " + self.site.said("of the usual").split(" is up: ", 1)[-1])
        self.say(f"job {number}: it has hired {NAMES[FIRM]} itself, {job['budget'] / UNIT:.0f} tDAM lie in escrow")
        self.later(12, lambda: self.clean(number, job["budget"]))

    def clean(self, number, budget):
        v = self.v
        before = v.token.read("balanceOf", v.key(FIRM).address)
        self.plant.tell("soiling 0")
        v.jobs.send(v.key(FIRM), "submit", number, keccak(b"panels cleaned, photographs 1 to 6"))
        v.jobs.send(v.key(MEMBERS[0]), "complete", number, keccak(b"seen"))
        paid = v.token.read("balanceOf", v.key(FIRM).address) - before
        assert paid == budget
        self.show(2, f"the panels are clean, {NAMES[MEMBERS[0]]} confirms, {NAMES[FIRM]} has its {paid / UNIT:.0f} tDAM")

    # point 3

    def open_tab(self):
        v, neighbour = self.v, self.v.key(NEIGHBOUR)
        self.channel = dict(payer=neighbour.address, payerAuthorizer=neighbour.address, receiver=v.account.address,
                            receiverAuthorizer=v.key(OPERATOR).address, token=v.token.address, withdrawDelay=DAY, salt=keccak(b"tab 1"))
        v.token.send(neighbour, "approve", v.tab.address, 50 * UNIT)
        v.tab.send(neighbour, "deposit", self.channel, 20 * UNIT)
        self.owed, self.voucher = 0, None
        for _ in range(40):  # forty kilowatt-minutes of the charger at half a cent, paid one by one, nothing on the chain
            self.owed += 5000
            self.voucher = self.sign_voucher(self.owed)
        refused = self.site.refuses("stray", [(v.token, "transfer", neighbour.address, UNIT)])
        self.say(f"a stray program asks the site's account for money and is refused: {refused}")
        self.resource = "0x" + keccak(encode([{"type": "address"}, {"type": "string"}], [v.account.address, "charger bay 1"])).hex()
        price = v.access.read("resources", self.resource)[5]  # the site lets its bay itself, at the price of its mind
        v.token.send(neighbour, "approve", v.access.address, 10 * UNIT)
        slot = self.now // 900 + 4
        receipt = v.access.send(neighbour, "buy", self.resource, slot, 4, v.token.address, price)
        issued = v.access.events(receipt, "Issued")[0]
        assert v.access.read("valid", issued["passId"], self.resource, neighbour.address, slot * 900)
        assert not v.access.read("valid", issued["passId"], self.resource, neighbour.address, (slot + 4) * 900)
        self.say(f"the {NAMES[NEIGHBOUR]} opens a tab, pays 40 times on it, and buys pass {issued['passId']} for bay 1, one hour")

    def buy_data(self):
        """Over HTTP, against the site's own API, in a thread of the buyer's: this one makes the blocks meanwhile."""
        import threading
        v, got = self.v, {}

        def shop():
            try:
                key = v.key(NEIGHBOUR)
                got["first"] = x402.buy(v, key, self.site.port, "/api/skills/data/pv", keccak(b"reading 1"))
                got["second"] = x402.buy(v, key, self.site.port, "/api/skills/data/soc", keccak(b"reading 2"))
                got["replay"] = x402.get(self.site.port, "/api/skills/data/pv", {"PAYMENT-SIGNATURE": x402.pack(got["first"][2])})[0]
            except Exception as error:  # pylint: disable=broad-except
                got["error"] = error
        before = v.token.read("balanceOf", v.account.address)
        buyer = threading.Thread(target=shop, daemon=True)
        buyer.start()
        while buyer.is_alive():
            self.skills.turn(0.02)
            if int(self.chain.rpc.call("txpool_status")["pending"], 16):
                self.chain.mine()
        if "error" in got:
            raise got["error"]
        paid = v.token.read("balanceOf", v.account.address) - before
        assert paid == 40_000 and got["replay"] == 402, (paid, got["replay"])
        assert int(got["first"][0]["value"]) == self.plant.truth["pv_w"] // 10 * 10 or self.plant.truth["pv_w"] == 0, got["first"][0]
        readings = ", ".join(f"{bought[0]['channel']} {bought[0]['value']} {bought[0]['unit']}" for bought in (got["first"], got["second"]))
        self.show(3, f"402, paid, 200: the {NAMES[NEIGHBOUR]} buys two readings ({readings}) over HTTP for {paid / UNIT:.2f} tDAM; the same payment twice is refused")

    def sign_voucher(self, amount):
        v = self.v
        domain = dict(name="x402 Batch Settlement", version="1", chainId=self.chain.id, verifyingContract=v.tab.address)
        if not hasattr(self, "channel_id"):
            self.channel_id = v.tab.read("channelId", self.channel)
        return v.key(NEIGHBOUR).sign_typed(domain, "Voucher(bytes32 channelId,uint128 maxClaimableAmount)",
                                           dict(channelId=self.channel_id, maxClaimableAmount=amount))

    def settle_tab(self):
        v = self.v
        self.owed += 6_300_000  # and a charge of 30 kWh at 21 cent, metered by the kWh
        claim = dict(channel=self.channel, maxClaimableAmount=self.owed, totalClaimed=self.owed, signature=self.sign_voucher(self.owed))
        before = v.token.read("balanceOf", v.account.address)
        v.tab.send(v.key(OPERATOR), "claim", [claim])
        v.tab.send(v.key(OPERATOR), "settle", v.account.address, v.token.address)
        got = v.token.read("balanceOf", v.account.address) - before
        assert got == self.owed
        self.show(3, f"the tab is settled: one claim for 41 payments, {got / UNIT:.2f} tDAM; the pass was good for its hour only")

    # point 4

    def put_to_vote(self, title, calls, proposer=MEMBERS[1], rehearsal=None, then=None):
        """Propose; two members vote soon, the third when nobody has voted for it in the dashboard; queue; execute."""
        actions = [self.panels.decoded(c.address, c.data(name, *args)) for c, name, *args in calls]
        ballot = Ballot(self.v, title, calls, proposer, actions, rehearsal)
        self.ballots.append(ballot)
        self.say(f"{NAMES[proposer]} proposes: {title}")
        self.show_votes()

        def vote(members):
            for member in members:
                if member not in ballot.cast:
                    ballot.vote(member, 1)
            self.show_votes()

        def count():
            against, in_favour, _ = self.v.governor.read("proposalVotes", ballot.id)
            self.say(f"the vote: {in_favour // 10**18} shares for, {against // 10**18} against: {title}")
            if self.v.governor.read("state", ballot.id) == 4:
                ballot.carry("queue")
            else:
                self.say("it is not carried")
            self.show_votes()

        def execute():
            if self.v.governor.read("state", ballot.id) == 5:
                ballot.carry("execute")
                self.show_votes()
                if then:
                    then()

        self.later(1, lambda: vote(MEMBERS[:2]))
        self.later(USER_WAITS, lambda: vote(MEMBERS[2:]))
        self.later(18, count)
        self.later(23, execute)

    def propose_better(self):
        """Train a mind on the evidence so far, rehearse it, and let a member propose it."""
        v, operator = self.v, self.v.key(OPERATOR)
        rows = training.read(self.site.ask("/api/export.csv").decode())
        numbers = training.train(rows)
        mind = self.chain.deploy(operator, "PeakMind", *numbers)
        v.purity.send(operator, "admit", mind.address)
        v.minds["PeakMind"] = mind.address
        self.say(f"trained on {len(rows)} recorded turns: the battery empties from {numbers[0] / 1000:.0f} cent, keeps {numbers[1]} % of the dear hours' "
                 f"need, never sells the last {numbers[2] / 100:.0f} %")
        rehearsal = Rehearsal(v, self.args.dam, self.folder, self.args.data, self.start, self.k)
        old, new = rehearsal.live(v.minds["SurplusMind"]), rehearsal.live(mind.address)
        gain = f"{(new - old) / UNIT:+.2f} tDAM on {old / UNIT:.2f} ({(new - old) * 100 / old:+.1f} %) in {self.k / SLOTS:.1f} days"
        self.say(f"rehearsed by its bytecode over the recorded past: {gain}")
        assert new > old, "the trained mind is no better than the one in force"
        code = os.path.join(self.folder, "PeakMind.hex")
        with open(code, "w", encoding="utf-8") as f:
            f.write(self.chain.rpc.call("eth_getCode", mind.address, "latest"))
        status, said = self.site.run("whatif", "--mind", code, self.site.home)
        assert status == 0, said
        for line in said.strip().splitlines():
            self.say("whatif  " + line)
        self.put_to_vote("Vote in the mind that was trained on our own evidence", [(v.constitution, "propose", v.id, terms(v, "PeakMind"))],
                         rehearsal=gain, then=lambda: self.later(12, self.see_better))

    def rule_now(self):
        """(epoch, mind) of the site's newest decision."""
        decision = self.site.get("/api/decisions?limit=1")["decisions"][0]
        decision = self.site.get(f"/api/decisions/{decision['seq']}")
        return decision["epoch"], decision["mind"]

    def see_better(self):
        v = self.v
        epoch, mind = self.rule_now()
        assert mind == v.minds["PeakMind"] and epoch == v.constitution.read("epochOf", v.id), (epoch, mind, self.site.last_words())
        self.epoch = epoch
        self.show(4, f"the notice is over, the trial is done: the machine enacts epoch {epoch} and follows the trained mind, without a restart")

    def propose_worse(self):
        v = self.v
        self.put_to_vote("Vote in a mind that sells everything at once", [(v.constitution, "propose", v.id, terms(v, "SpendthriftMind"))],
                         then=lambda: self.later(18, self.see_rollback))

    def see_rollback(self):
        v = self.v
        epoch, mind = self.rule_now()
        assert epoch >= self.epoch + 2 and mind == v.minds["PeakMind"], (epoch, mind, self.site.last_words())
        assert v.constitution.read("current", v.id)["mind"] == v.minds["PeakMind"]
        ruled = [d for d in self.site.get("/api/decisions?limit=40")["decisions"] if d["outcome"] == 1]
        self.show(4, f"the bad mind came into force and was corrected by the charter {len(ruled)} times: the machine took it back by rule, epoch {epoch} is the trained mind again")

    # point 5

    def tampered_build(self):
        """Another site with the same mind and charter, whose build records an action that its charter never gave."""
        v, operator, cheat = self.v, self.v.key(OPERATOR), derive(20)
        receipt = v.registry.send(operator, "register(string)", "data:application/json,{\"name\":\"Tampered build\"}")
        self.cheat = v.registry.events(receipt, "Registered")[0]["agentId"]
        domain = dict(name="ERC8004IdentityRegistry", version="1", chainId=self.chain.id, verifyingContract=v.registry.address)
        proof = cheat.sign_typed(domain, "MachineKeySet(uint256 agentId,address key,uint32 tenure)",
                                 dict(agentId=self.cheat, key=cheat.address, tenure=0))
        v.registry.send(operator, "setKey", self.cheat, cheat.address, proof)
        v.registry.send(operator, "addObligor", self.cheat, v.court.address)
        v.court.send(operator, "deposit", self.cheat, value=10**18)
        v.constitution.send(operator, "propose", self.cheat, terms(v, "PeakMind"))
        machine = v.registry.read("machineOf", self.cheat)
        honest = self.honest_decision()
        lie = dict(honest, action=[honest["action"][0] + 2500, *honest["action"][1:]])
        for decision, lies in ((honest, False), (lie, True)):
            leaf = decision_leaf(machine, self.now * 1000, **decision)
            assert (v.court.read("judge", self.cheat, 0, leaf) != 0) == lies, "the Court cannot tell a lie from the truth"
        checkpoint = dict(machine=machine, size=1, root=leaf_hash(leaf), time=self.chain.now)
        domain = dict(name="DAM Evidence", version="1", chainId=self.chain.id, verifyingContract=v.evidence.address)
        signature = cheat.sign_typed(domain, "Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time)", checkpoint)
        v.evidence.send(operator, "anchor", self.cheat, 1, checkpoint["root"], checkpoint["time"], signature)
        receipt = v.court.send(v.key(OUTSIDER), "challenge", self.cheat, 1, 0, leaf, [], value=10**17)
        convicted = v.court.events(receipt, "Convicted")[0]
        self.say(f"an outsider re-runs a tampered build's decision and challenges it; the Court re-executes: fault {convicted['fault']}, "
                 f"{int(receipt['gasUsed'], 16):,} gas")

    def honest_decision(self):
        """What mind and charter really give for the plant as it is."""
        v = self.v
        truth, t = self.plant.truth, terms(v, "PeakMind")
        values = [self.now, truth["pv_w"], truth["soc_centipct"], *truth["house_w"], truth["price_millicent_kwh"], 0, *SAFE]
        observation = b"".join(x.to_bytes(8, "big", signed=True) + bytes(8) for x in values)
        memory, proposal = self.chain.at("IMind", t["mind"]).read("decide", b"", observation)
        action, reasons = self.chain.at("ICharter", t["charter"]).read("review", b"", observation, proposal)
        ints = lambda text: [int.from_bytes(bytes.fromhex(text[2:])[i:i + 8], "big", signed=True) for i in range(0, len(text) // 2 - 1, 8)]
        return dict(mind=t["mind"], charter=t["charter"], epoch=1, memory=b"", observation=observation, next_memory=bytes.fromhex(memory[2:]),
                    proposal=ints(proposal), action=ints(action), reasons=bytes.fromhex(reasons[2:]))

    def settle_case(self):
        v, outsider = self.v, self.v.key(OUTSIDER)
        self.chain.mine(self.chain.now + 3 * DAY + 1)
        receipt = v.court.send(outsider, "settle", self.cheat)
        slashed = v.court.events(receipt, "Slashed")[0]
        v.court.send(outsider, "collect")
        assert slashed["amount"] == 10**18 and v.court.read("bondOf", self.cheat) == 0
        self.show(5, "the lie is slashed: the bond of 1 ether is gone, half of it is the outsider's")

    # point 6

    def lying_meter(self):
        self.lie_wh = self.random.randint(20_000, 200_000)

    def kill_broker(self):
        links = self.site.links_up()
        self.broker.stop(signal.SIGKILL)
        self.site.await_loss(links)
        self.broker_down = True
        self.say("the broker is killed; the houses' meters fall silent, the site goes on with what it knows")
        self.later(2, self.broker_back)

    def broker_back(self):
        self.broker.open()
        self.broker_down = False
        self.plant.tell("publish")
        self.site.await_houses()
        self.show(6, "the broker is back; two turns were taken without it, their readings are marked by age in the evidence")

    def kill_ledger(self):
        v = self.v
        head = self.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        before = v.token.read("balanceOf", v.account.address)
        tx = v.token.post(v.key(OPERATOR), "mint", v.key(OPERATOR).address, 1)
        self.chain.mine()
        receipt = self.chain.receipt(tx)
        self.cpu_before += self.ledger.usage()[1]
        self.ledger.stop(signal.SIGKILL)
        self.ledger.open()
        self.chain.rpc.call("evm_setAutomine", False)
        again = self.chain.rpc.call("eth_getBlockByHash", head["hash"], False)
        assert again and self.chain.rpc.call("eth_getTransactionReceipt", tx)["blockHash"] == receipt["blockHash"]
        assert v.token.read("balanceOf", v.account.address) == before
        self.show(6, f"the ledger was killed with -9 after block {int(receipt['blockNumber'], 16)} and came back with every block")

    # point 7

    def score(self, first, last):
        """Contributors of data are the meters' owners; each signed report of the blocks first..last is 20 cent."""
        return {who: n * UNIT // 5 for who, n in scoring.scores(self.chain.rpc, self.v.oracle.address, first, last).items()}

    def publish(self, parts, data):
        v, operator = self.v, self.v.key(OPERATOR)
        root, proofs = scoring.tree(parts)
        total = sum(parts.values())
        v.token.send(operator, "mint", operator.address, total + 10 * UNIT)
        v.token.send(operator, "approve", v.rewards.address, total + 10 * UNIT)
        receipt = v.rewards.send(operator, "propose", root, total, keccak(data.encode()), data)
        return v.rewards.events(receipt, "Proposed")[0]["epoch"], root, proofs

    def propose_false_rewards(self):
        """Somebody publishes scores that favour one owner; an outsider runs the scoring again, objects, and the DAO judges."""
        v, outsider = self.v, self.v.key(OUTSIDER)
        last = int(self.chain.rpc.call("eth_blockNumber"), 16)
        parts = self.score(0, last)
        false = {who: amount + (3 * UNIT if who == v.key(METERS[2]).address else 0) for who, amount in parts.items()}
        epoch, root, _ = self.publish(false, f"demo/scoring.py blocks 0 to {last}")
        self.say("scores for the meters' owners are published; meter C's are three tDAM too high")
        again, _ = scoring.tree(self.score(0, last))
        assert again != root
        village.fund(v, OUTSIDER, 10 * UNIT)
        v.token.send(outsider, "approve", v.rewards.address, 10 * UNIT)
        v.rewards.send(outsider, "object", epoch, again)
        self.say("an outsider runs the scoring again over the ledger, gets another root, and objects")
        before = v.token.read("balanceOf", outsider.address)

        def judged():
            won = v.token.read("balanceOf", outsider.address) - before
            assert won == 20 * UNIT and v.rewards.read("epochs", epoch)[2] == 4
            v.rewards.send(v.key(OPERATOR), "close", epoch)
            self.show(7, "the DAO strikes the false scores: both bonds are the objector's, the money goes back")
        self.put_to_vote("Strike the scores that favour meter C", [(v.rewards, "decide", epoch, False)], proposer=MEMBERS[2], then=judged)

    def propose_rewards(self):
        last = int(self.chain.rpc.call("eth_blockNumber"), 16)
        self.parts = self.score(0, last)
        self.reward_epoch, _, self.proofs = self.publish(self.parts, f"demo/scoring.py blocks 0 to {last}")
        self.say("the rewards of the meters' owners are published again, right this time; anyone may object for a day")

    def claim_rewards(self):
        v = self.v
        self.chain.mine(max(self.chain.now + 1, v.rewards.read("epochs", self.reward_epoch)[1] + 1))
        names = {v.key(i).address: NAMES[i] for i in METERS}
        for who, amount in sorted(self.parts.items()):
            before = v.token.read("balanceOf", who)
            v.rewards.send(v.key(OPERATOR), "claim", self.reward_epoch, who, amount, self.proofs[who])
            assert v.token.read("balanceOf", who) - before == amount
        self.show(7, "nobody objected: " + ", ".join(f"{names[w]} {a / UNIT:.1f}" for w, a in sorted(self.parts.items(), key=lambda p: names[p[0]])) + " tDAM")

    def claim_revenue(self):
        """Each night the site has paid out what it does not need; the holders fetch it."""
        v = self.v
        logs = self.chain.rpc.call("eth_getLogs", {"address": v.shares.address, "fromBlock": "0x0", "toBlock": "latest"})
        paid = [event["amount"] for event in v.shares.events({"logs": logs}, "Distributed")]
        claimed = {}
        for member in MEMBERS:
            before = v.token.read("balanceOf", v.key(member).address)
            v.shares.send(v.key(member), "claim", v.key(member).address)
            claimed[NAMES[member]] = (v.token.read("balanceOf", v.key(member).address) - before) / UNIT
        revenue = sum(paid) / UNIT
        assert paid and abs(sum(claimed.values()) - revenue) < 0.00001 * len(paid), (paid, claimed)
        self.show(7, f"revenue of {revenue:.2f} tDAM, which the site has paid out by itself in {len(paid)} nights, reaches the shares: " + ", ".join(f"{n} {a:.2f}" for n, a in claimed.items()))

    # ---- the end ------------------------------------------------------------------------------------------------------

    def check_evidence(self):
        """The whole log and every decision again, by the program itself; some of them by the Court."""
        v = self.v
        code, said = self.site.run("verify", self.site.home)
        assert code == 0, said
        self.evidence_root = said.split("root ")[1].split()[0]
        size = self.site.get("/api/state")["evidence"]["size"]
        anchored = v.evidence.read("headOf", v.id)["size"]
        assert anchored > size // 2, (anchored, size)
        self.show(1, f"the log of {size} leaves is whole, {anchored} of them anchored by the machine itself; root {self.evidence_root[:16]}...")
        decisions = self.site.get("/api/decisions?limit=200")["decisions"]
        faults = [v.court.read("judge", v.id, d["seq"], self.site.get(f"/api/decisions/{d['seq']}")["leaf"]) for d in decisions[::20]]
        assert not any(faults), f"the Court finds faults in honest leaves: {faults}"
        self.show(5, f"the Court re-executes {len(faults)} of the site's own decisions and finds nothing wrong with them")
        self.check_transactions(size)
        code, said = self.site.run("replay", "all", self.site.home)
        assert code == 0, said
        self.say("replay  " + said.strip().splitlines()[-1])

    def check_transactions(self, size):
        """Every transaction that the chain has from the site's key is in the site's own log; those after its last turn are the next turn's."""
        self.accounts.refresh()
        told, sent = transactions(self.site.ask, size), {fee["nonce"]: fee["tx"] for fee in self.accounts.fees}
        missing = [nonce for nonce, tx in sorted(sent.items()) if tx not in told]
        late = [nonce for nonce in missing if nonce > max(n for n, tx in sent.items() if tx in told)]
        assert missing == late and len(told) > self.days * SLOTS, f"transactions of the site without a leaf: {missing}"
        self.show(7, f"every transaction that the site signed is in its own evidence ({len(sent) - len(late)})")

    def finish(self):
        self.claim_rewards()
        self.check_evidence()
        self.settle_case()
        self.panels.money()
        self.show_votes()
        months = {month: self.month_csv(month) for month in self.accounts.months()}
        for month, text in months.items():
            with open(os.path.join(self.folder, f"accounts-{month}.csv"), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        rows = self.accounts.rows.values()
        sold = [r for r in rows if r["sold_wh"]]
        settled = sum(min(r["sold_wh"], r["metered_wh"]) for r in rows)
        assert settled > 0
        self.show(1, f"{sum(r['sold_wh'] for r in sold) / 1000:.0f} kWh sold by its own signed orders in {len(sold)} auctions, {settled / 1000:.0f} kWh "
                     f"settled as delivered, {self.accounts.earned() / UNIT:.2f} tDAM earned")
        self.books = books.audit(self.ledger.url, self.place, list(months.values()))
        counted = sum(int(row["decisions"] or 0) for text in months.values() for row in books.lines(text))
        decided = self.site.ask("/api/export.csv").count(b"\r\n") - 1
        self.books.append(("the accounts count every decision of the log once", counted == decided, f"{counted}"))
        for what, holds, detail in self.books:
            assert holds, f"the books: {what} is not so ({detail})"
            self.show(7, f"{what} ({detail})" if detail else what)
        self.weigh()
        head = self.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        self.state_root, self.height = head["stateRoot"], int(head["number"], 16)
        self.cpu_share = self.cpu_seconds / (self.days * DAY / 1000)
        assert self.peak_rss < RSS_MAX, f"site, dashboard and ledger hold {self.peak_rss >> 20} MiB, more than {RSS_MAX >> 20}"

    def summary(self):
        holds = {point: point in self.shown for point in POINTS}
        seconds = time.monotonic() - self.begun
        if self.args.json:
            print(json.dumps(dict(points=holds, shown=self.shown, days=self.days, blocks=self.height, state_root=self.state_root,
                                  evidence_root=self.evidence_root, rss=self.peak_rss, signer_rss=self.peak_signer, cpu_share_1000x=round(self.cpu_share, 4), seconds=round(seconds, 1))))
            return all(holds.values())
        print()
        for point, text in POINTS.items():
            print(f"  {'✓' if holds[point] else '✗'} {point}  {text}")
        print(f"\n  {self.days} days, {self.height} blocks, {seconds:.0f} s")
        print(f"  site, dashboard and ledger: at most {self.peak_rss / 2**20:.1f} MiB resident; the signer {self.peak_signer / 2**20:.1f}\n"
              f"  site, dashboard and ledger at 1,000 times real speed: {self.cpu_share * 100:.1f} % of a core")
        print(f"  state root     {self.state_root}\n  evidence root  {self.evidence_root}")
        if self.args.keep:
            print(f"  chain, evidence and accounts are kept in {self.folder}")
        return all(holds.values())


def wait_for_the_end(story):
    """The dashboard stays, with everything that can be looked at, until a key is pressed."""
    print(f"\n  the dashboard stays at {story.url}, the accounts at {story.url}accounts - press q to end", flush=True)
    while True:
        story.idle(0.1)
        story.pace.keys()


def main():
    parser = argparse.ArgumentParser(prog="make demo ARGS='...'", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headless", action="store_true", help="no browser; the story is told on the terminal and ends by itself")
    parser.add_argument("--days", type=int, default=7, help="3 to 42 (default 7)")
    parser.add_argument("--speed", type=int, help="how many times faster than life; 0: as fast as it goes (default 3600, --headless 0)")
    parser.add_argument("--seed", type=int, default=1, help="of what chance decides: when things happen, how far the meters differ, how bold the lie is")
    parser.add_argument("--data", default=os.path.join(ROOT, "profiles/solar-site/data/village.csv"), metavar="FILE", help="your own CSV")
    parser.add_argument("--keep", metavar="DIR", help="keep chain, evidence and accounts there")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    parser.add_argument("--dam", default=os.path.join(ROOT, "build/dam"), help=argparse.SUPPRESS)
    parser.add_argument("--contracts", default=os.path.join(ROOT, "build/contracts"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not 3 <= args.days <= 42:
        parser.error("--days must be 3 to 42")
    if args.speed is not None and not 0 <= args.speed <= 10**6:
        parser.error("--speed must be 0 to 1000000")
    if not os.access(args.data, os.R_OK):
        parser.error(f"--data: {args.data} cannot be read")
    if args.keep and os.path.isdir(args.keep) and os.listdir(args.keep):
        parser.error(f"--keep: {args.keep} is not empty")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
    story = Story(args)
    try:
        story.run()
        ok = story.summary()
        if not args.headless and story.pace.keyboard is not None:
            wait_for_the_end(story)
    except KeyboardInterrupt:
        print("\nended", file=sys.stderr)
        return 0 if "ok" in locals() else 130
    except (RuntimeError, TimeoutError, AssertionError, OSError) as error:
        story.say(f"the story has broken off: {error}", mark="!")
        if os.environ.get("DAM_DEMO_TRACE"):
            raise
        return 1
    finally:
        story.end()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
