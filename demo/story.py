#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: a week in the life of a village's solar site, told by those around it. Run it with `make demo`.

Everything that happens on the chain is a real transaction of the people named in village.py; the site is `dam up` with its own key.
This program is their hands: it moves the plant's and the site's clock in lock-step, so that a seed gives the same chain twice.
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
import village
from chain import Chain, RpcError, encode, keccak
from keys import derive
from evidence import decision_leaf, leaf_hash
from market import GAS, Market
from village import DAY, FIRM, HOUSES, INTERVAL, MEMBERS, METERS, NAMES, NEIGHBOUR, OPERATOR, OUTSIDER, UNIT, batch, terms
from panels import Panels
from solar_site import Site
from world import Broker, Ledger, Plant

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GENESIS = 1_772_150_400  # 2026-02-27 00:00 UTC; the story starts two days later
SLOTS = DAY // INTERVAL
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
        self.folder = args.keep or tempfile.mkdtemp(prefix="dam-demo-")
        os.makedirs(self.folder, exist_ok=True)
        self.days = args.days
        self.shown = {}  # point: what showed it
        self.accounts = []  # rows of the accounts
        self.begun = time.monotonic()

    # ---- telling ------------------------------------------------------------------------------------------------------

    def say(self, text, mark=" "):
        clock = time.strftime("%a %H:%M", time.gmtime(self.now)) if hasattr(self, "now") else "founding "
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        print(f"{clock:9} {mark} {text}", file=sys.stderr if self.args.json else sys.stdout, flush=True)

    def progress(self, slot, slots):
        if sys.stderr.isatty() and not self.args.json:
            done = 30 * slot // slots
            sys.stderr.write(f"\r{'█' * done}{'░' * (30 - done)} day {slot // SLOTS + 1} of {self.days}")
            sys.stderr.flush()

    def show(self, point, evidence):
        """A point of the story has been seen to hold."""
        self.shown.setdefault(point, []).append(evidence)
        self.say(evidence, mark=str(point))

    # ---- the world ----------------------------------------------------------------------------------------------------

    def begin(self):
        dam = self.args.dam
        self.ledger = Ledger(dam, self.folder, GENESIS)
        self.chain = Chain(self.ledger.url, self.args.contracts)
        self.v = village.found(self.chain, self.say)
        self.site_key = derive(14)
        village.enrol(self.v, self.site_key.address, self.site_key.sign_typed)
        self.start = GENESIS + 2 * DAY
        self.now = self.start
        self.broker = Broker(self.folder)
        self.plant = Plant(dam, self.folder, self.args.data, self.start, self.broker.port)
        self.site = Site(dam, os.path.join(ROOT, "profiles/solar-site"), self.folder, self.v, self.site_key, self.plant, self.broker, self.start)
        self.market = Market(self.v)
        self.panels = Panels(self.site.home, self.v)
        self.panels.once(self.ledger.url)
        self.proposals = []
        self.place = {"token": self.v.token.address, "market": self.v.market.address}
        with open(os.path.join(self.folder, "deployment.json"), "w", encoding="utf-8") as f:
            json.dump(self.place, f)
        self.say(f"the dashboard: http://127.0.0.1:{self.site.port}/")
        opener = shutil.which("xdg-open")
        if not self.args.headless and opener and os.environ.get("DISPLAY"):
            subprocess.Popen([opener, f"http://127.0.0.1:{self.site.port}/"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.say(f"the community has voted the site into being: machine {self.v.machine[:18]}...")

    def end(self):
        for process in ("site", "plant", "broker", "ledger"):
            if hasattr(self, process):
                getattr(self, process).stop()
        if not self.args.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- a quarter of an hour -----------------------------------------------------------------------------------------

    def slot(self, k, lie_wh=None):
        v, truth = self.v, self.plant.truth
        self.now = self.start + k * INTERVAL
        interval = self.now // INTERVAL
        self.chain.now = max(self.chain.now, self.now)
        rate, offer_wh, price = self.site.turn(self.now, truth, blind=getattr(self, "broker_down", False))
        if k > 0:
            delivered_wh = (truth["export_mwh"] - self.exported_mwh) // 1000
            readings, metered = self.market.report(interval - 1, delivered_wh, lie_wh)
            self.book(interval - 1, delivered_wh, metered)
            self.panels.oracles(readings, metered, self.now)
            if lie_wh is not None:
                honest = sorted(r for index, r in readings.items() if index != METERS[2])
                assert honest[0] <= metered <= honest[-1], "a lying meter moved the median"
                self.show(6, f"meter C claims {lie_wh / 1000:.1f} kWh; the median stays at {metered / 1000:.2f} kWh")
        self.exported_mwh = truth["export_mwh"]
        posted = self.market.bid(interval + 1, truth["house_w"], truth["price_millicent_kwh"])
        if offer_wh > 0:
            posted.append(self.site.offer(interval + 1, offer_wh, price))
        if self.market.sold.get(interval - 2):
            posted.append(self.site.collect(interval - 2))
        self.chain.mine(self.now + 5)
        self.market.note([self.chain.receipt(tx) for tx in posted])
        self.chain.mine(self.now + 601)
        self.market.clear(interval + 1)
        self.site.actuate(self.plant, rate)
        self.plant.tell(f"step {INTERVAL}")

    def show_panels(self):
        interval = self.now // INTERVAL
        self.panels.energy(self.plant.truth, self.market.price.get(interval + 1, 0))
        self.panels.market(self.market, interval + 2)
        if self.k % 4 == 0:
            spent = 80 * UNIT if hasattr(self, "job") else 0
            self.panels.money(sum(min(r["sold_wh"], r["metered_wh"]) * r["price"] for r in self.accounts), spent)
            self.panels.jobs(getattr(self, "job", None))
            self.panels.votes(self.proposals)

    def book(self, interval, delivered_wh, metered_wh):
        self.accounts.append(dict(
            time=time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(interval * INTERVAL)), delivered_wh=delivered_wh, metered_wh=metered_wh,
            sold_wh=self.market.sold.get(interval, 0), price=self.market.price.get(interval, 0)))

    # ---- the plot: (slot, what happens) -------------------------------------------------------------------------------

    def plot(self):
        total = self.days * SLOTS
        at = lambda share: int(total * share)
        yield at(0.06), self.open_tab
        yield SLOTS + 8, self.soil
        yield at(0.28), self.lying_meter
        yield at(0.34), self.kill_broker
        yield at(0.38), self.kill_ledger
        yield at(0.40), self.propose_rewards
        yield at(0.42), lambda: self.propose_mind("PeakMind", "Vote in the mind that keeps the battery for the dear hours")
        yield at(0.60), self.settle_tab
        yield at(0.62), lambda: self.propose_mind("SpendthriftMind", "Vote in a mind that sells everything at once")
        yield at(0.80), self.tampered_build
        yield total - 2, self.pay_out

    def run(self):
        self.begin()
        self.exported_mwh = 0
        total = self.days * SLOTS
        plot = sorted(self.plot(), key=lambda step: step[0])
        self.later = []  # (slot, what): what the plot's steps leave to do
        self.lie_wh = None
        for k in range(total):
            self.k = k
            for step in [s for s in plot + self.later if s[0] == k]:
                step[1]()
            lie, self.lie_wh = self.lie_wh, None
            self.slot(k, lie)
            self.watch()
            self.show_panels()
            self.progress(k + 1, total)
        self.finish()

    # point 2

    def soil(self):
        self.plant.tell("soiling 40")
        self.say("dust settles on the panels (40 % of the output is lost; stated by this demo, not by the data)")

    def watch(self):
        """After every quarter: is the output what it was (a cumulative sum over the shortfall), is the mind any good?"""
        quarter, pv = self.k % SLOTS, self.plant.truth["pv_w"]
        best = self.__dict__.setdefault("best", {})
        if best.get(quarter, 0) > 2000 and not hasattr(self, "job"):
            self.drift = max(0, getattr(self, "drift", 0) + 0.85 - pv / best[quarter])
            if self.drift > 1.5:
                self.hire(pv, best[quarter])
        best[quarter] = max(best.get(quarter, 0), pv)
        if getattr(self, "probation", 0) > 0:
            self.judge_mind()

    def hire(self, pv, before):
        v, firm = self.v, self.v.key(FIRM)
        self.say(f"the site notices: {pv / 1000:.1f} kW where {before / 1000:.1f} kW were usual at this hour")
        budget = 80 * UNIT
        created = self.act(village.batch([(v.jobs, "createJob", firm.address, v.key(MEMBERS[0]).address, v.token.address,
                                           self.now + 5 * DAY, "Clean the panels")]))
        self.job = v.jobs.events(created, "JobCreated")[0]["jobId"]
        self.act(batch([(v.jobs, "setBudget", self.job, budget), (v.token, "approve", v.jobs.address, budget), (v.jobs, "fund", self.job, budget)]))
        self.say(f"job {self.job}: {NAMES[FIRM]} is hired, {budget / UNIT:.0f} tDAM lie in escrow")
        self.later.append((self.k + 12, self.clean))

    def clean(self):
        v = self.v
        before = v.token.read("balanceOf", v.key(FIRM).address)
        self.plant.tell("soiling 0")
        v.jobs.send(v.key(FIRM), "submit", self.job, keccak(b"panels cleaned, photographs 1 to 6"))
        v.jobs.send(v.key(MEMBERS[0]), "complete", self.job, keccak(b"seen"))
        paid = v.token.read("balanceOf", v.key(FIRM).address) - before
        assert paid == 80 * UNIT
        self.show(2, f"the panels are clean, {NAMES[MEMBERS[0]]} confirms, {NAMES[FIRM]} has its {paid / UNIT:.0f} tDAM")

    def act(self, arguments):
        """A batch of the site's account, signed by the site's key, under its policy."""
        return self.v.account.send(self.site_key, "execute", *arguments)

    # point 3

    def open_tab(self):
        v, neighbour = self.v, self.v.key(NEIGHBOUR)
        self.channel = dict(payer=neighbour.address, payerAuthorizer=neighbour.address, receiver=v.account.address,
                            receiverAuthorizer=v.key(OPERATOR).address, token=v.token.address, withdrawDelay=DAY, salt=keccak(b"tab 1"))
        v.token.send(neighbour, "approve", v.tab.address, 50 * UNIT)
        v.tab.send(neighbour, "deposit", self.channel, 20 * UNIT)
        self.owed, self.voucher = 0, None
        for _ in range(40):  # forty readings of the site's data at half a cent, paid one by one, nothing on the chain
            self.owed += 5000
            self.voucher = self.sign_voucher(self.owed)
        self.act(batch([(v.access, "make", "charger bay 1", 900, 1, False)]))
        self.resource = "0x" + keccak(encode([{"type": "address"}, {"type": "string"}], [v.account.address, "charger bay 1"])).hex()
        self.act(batch([(v.access, "setPrice", self.resource, v.token.address, UNIT // 4)]))
        v.token.send(neighbour, "approve", v.access.address, 10 * UNIT)
        slot = self.now // 900 + 4
        receipt = v.access.send(neighbour, "buy", self.resource, slot, 4, v.token.address, UNIT // 4)
        issued = v.access.events(receipt, "Issued")[0]
        assert v.access.read("valid", issued["passId"], self.resource, neighbour.address, slot * 900)
        assert not v.access.read("valid", issued["passId"], self.resource, neighbour.address, (slot + 4) * 900)
        self.say(f"the {NAMES[NEIGHBOUR]} reads the site's data 40 times on a tab and buys pass {issued['passId']} for bay 1, one hour")

    def sign_voucher(self, amount):
        v = self.v
        domain = dict(name="x402 Batch Settlement", version="1", chainId=self.chain.id, verifyingContract=v.tab.address)
        return v.key(NEIGHBOUR).sign_typed(domain, "Voucher(bytes32 channelId,uint128 maxClaimableAmount)",
                                           dict(channelId=v.tab.read("channelId", self.channel), maxClaimableAmount=amount))

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

    def propose_mind(self, mind, title):
        v = self.v
        calls = [(v.constitution, "propose", v.id, terms(v, mind))]
        self.ballot = ([c.address for c, *_ in calls], [0], [c.data(name, *args) for c, name, *args in calls], title)
        receipt = v.governor.send(v.key(MEMBERS[1]), "propose", *self.ballot)
        self.proposal = v.governor.events(receipt, "ProposalCreated")[0]["proposalId"]
        self.proposals.append((self.proposal, title))
        self.say(f"{NAMES[MEMBERS[1]]} proposes: {title}")
        self.later += [(self.k + 1, self.vote), (self.k + 18, self.queue), (self.k + 23, self.execute), (self.k + 28, lambda: self.enact(mind))]

    def vote(self):
        for member in MEMBERS:
            self.v.governor.send(self.v.key(member), "castVote", self.proposal, 1)
        against, in_favour, _ = self.v.governor.read("proposalVotes", self.proposal)
        self.say(f"the vote: {in_favour // 10**18} shares for, {against // 10**18} against")

    def queue(self):
        targets, values, datas, title = self.ballot
        self.v.governor.send(self.v.key(MEMBERS[0]), "queue", targets, values, datas, keccak(title.encode()))

    def execute(self):
        targets, values, datas, title = self.ballot
        self.v.governor.send(self.v.key(MEMBERS[0]), "execute", targets, values, datas, keccak(title.encode()))

    def enact(self, mind):
        v = self.v
        v.constitution.send(v.key(OPERATOR), "enact", v.id)
        self.follow(mind)
        if mind == "PeakMind":
            self.show(4, f"epoch {self.epoch}: {mind} takes over, by the vote")
        else:
            self.say(f"epoch {self.epoch}: {mind} takes over, by the vote; the guardian watches it")
            self.probation, self.denials = 12, 0

    def follow(self, mind):
        """The site begins again under the mind that the constitution names."""
        v = self.v
        self.epoch = v.constitution.read("epochOf", v.id)
        assert v.constitution.read("current", v.id)["mind"] == v.minds[mind]
        self.site.think(v, mind)
        self.site.restart()

    def judge_mind(self):
        """The rule of probation: three turns that the charter had to change within three hours, and the terms are taken back."""
        v = self.v
        self.probation -= 1
        self.denials += self.site.get("/api/decisions?limit=1")["decisions"][0]["outcome"] == 1
        if self.denials < 3:
            return
        self.probation = 0
        v.constitution.send(v.key(OPERATOR), "rollback", v.id)
        self.follow("PeakMind")
        self.show(4, f"the charter had to correct it {self.denials} times: rolled back by rule, epoch {self.epoch} is PeakMind again")

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
        honest = self.honest_decision(v)
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

    def honest_decision(self, v):
        """What mind and charter really give for the plant as it is."""
        from village import CHANNELS
        truth, t = self.plant.truth, terms(v, "PeakMind")
        values = [self.now, truth["pv_w"], truth["soc_centipct"], *truth["house_w"], truth["price_millicent_kwh"], 0, 0, 102_400]
        assert len(values) == len(CHANNELS)
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
        self.lie_wh = 99_999

    def kill_broker(self):
        self.broker.stop(signal.SIGKILL)
        self.broker_down = True
        self.say("the broker is killed; the houses' meters fall silent, the site goes on with what it knows")
        self.later.append((self.k + 2, self.broker_back))

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
        self.ledger.stop(signal.SIGKILL)
        self.ledger.open()
        self.chain.rpc.call("evm_setAutomine", False)
        again = self.chain.rpc.call("eth_getBlockByHash", head["hash"], False)
        assert again and self.chain.rpc.call("eth_getTransactionReceipt", tx)["blockHash"] == receipt["blockHash"]
        assert v.token.read("balanceOf", v.account.address) == before
        self.show(6, f"the ledger was killed with -9 after block {int(receipt['blockNumber'], 16)} and came back with every block")

    # point 7

    def propose_rewards(self):
        """Contributors of data: the three meters, by readings given. Anyone can add them up from the oracle's reports."""
        v, operator = self.v, self.v.key(OPERATOR)
        self.parts = {index: 2 * UNIT + i for i, index in enumerate(METERS[:2])}
        self.leaves = {index: keccak(keccak(bytes.fromhex(v.key(index).address[2:]).rjust(32, b"\0") + amount.to_bytes(32, "big")))
                       for index, amount in self.parts.items()}
        total = sum(self.parts.values())
        v.token.send(operator, "mint", operator.address, total + 10 * UNIT)
        v.token.send(operator, "approve", v.rewards.address, total + 10 * UNIT)
        v.rewards.send(operator, "propose", keccak(b"".join(sorted(self.leaves.values()))), total, keccak(b"data"), "books.py")
        self.say("the rewards of the meters' owners are published; anyone may object for a day")

    def claim_rewards(self):
        v = self.v
        for index, amount in self.parts.items():
            other = next(leaf for i, leaf in self.leaves.items() if i != index)
            before = v.token.read("balanceOf", v.key(index).address)
            v.rewards.send(v.key(index), "claim", 1, v.key(index).address, amount, [other])
            assert v.token.read("balanceOf", v.key(index).address) - before == amount
        self.show(7, f"nobody objected: {', '.join(NAMES[i] for i in self.parts)} have their rewards")

    def pay_out(self):
        v = self.v
        balance = v.token.read("balanceOf", v.account.address)
        revenue = (balance - 100 * UNIT) // UNIT * UNIT
        self.act(batch([(v.token, "transfer", v.shares.address, revenue)]))
        v.shares.send(v.key(MEMBERS[0]), "distributeSurplus")
        claimed = {}
        for member in MEMBERS:
            before = v.token.read("balanceOf", v.key(member).address)
            v.shares.send(v.key(member), "claim", v.key(member).address)
            claimed[NAMES[member]] = (v.token.read("balanceOf", v.key(member).address) - before) / UNIT
        assert abs(sum(claimed.values()) - revenue / UNIT) < 0.00001
        self.show(7, f"revenue of {revenue / UNIT:.0f} tDAM reaches the shares: " + ", ".join(f"{n} {a:.2f}" for n, a in claimed.items()))

    # ---- the end ------------------------------------------------------------------------------------------------------

    def check_evidence(self):
        """The whole log, every decision again, and what the first mind would have done: by the program itself."""
        size = self.site.anchor()
        code, said = self.site.run("verify", self.site.home)
        assert code == 0, said
        self.evidence_root = said.split("root ")[1].split()[0]
        self.show(1, f"the log of {size} leaves is whole and anchored; root {self.evidence_root[:16]}...")
        decisions = self.site.get("/api/decisions?limit=200")["decisions"]
        faults = [self.v.court.read("judge", self.v.id, d["seq"], self.site.get(f"/api/decisions/{d['seq']}")["leaf"]) for d in decisions[::20]]
        assert not any(faults), f"the Court finds faults in honest leaves: {faults}"
        self.show(5, f"the Court re-executes {len(faults)} of the site's own decisions and finds nothing wrong with them")
        code, said = self.site.run("replay", "all", self.site.home)
        self.say(said.strip().splitlines()[-1] if said.strip() else "replay said nothing")
        code, said = self.site.run("whatif", "--mind", "SurplusMind", self.site.home)
        for line in said.strip().splitlines()[:6]:
            self.say("whatif " + line)

    def finish(self):
        self.claim_rewards()
        self.check_evidence()
        self.settle_case()
        path = os.path.join(self.folder, "accounts.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("time,delivered_wh,metered_wh,sold_wh,price_units_per_wh\n")
            for row in self.accounts:
                f.write(",".join(str(row[key]) for key in row) + "\n")
        sold = sum(row["sold_wh"] for row in self.accounts)
        settled = sum(min(row["sold_wh"], row["metered_wh"]) for row in self.accounts)
        assert settled > 0
        self.show(1, f"{sold / 1000:.0f} kWh sold in {len([r for r in self.accounts if r['sold_wh']])} auctions, {settled / 1000:.0f} kWh settled as delivered")
        for what, holds, detail in books.audit(self.ledger.url, self.place):
            assert holds, f"the books: {what} is not so ({detail})"
            self.show(7, f"{what} ({detail})")
        head = self.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        self.state_root, self.height = head["stateRoot"], int(head["number"], 16)

    def summary(self):
        holds = {point: point in self.shown for point in POINTS}
        if self.args.json:
            print(json.dumps(dict(points=holds, shown=self.shown, days=self.days, blocks=self.height, state_root=self.state_root,
                                  evidence_root=self.evidence_root, seconds=round(time.monotonic() - self.begun, 1))))
            return all(holds.values())
        print()
        for point, text in POINTS.items():
            print(f"  {'✓' if holds[point] else '✗'} {point}  {text}")
        print(f"\n  {self.days} days, {self.height} blocks, {time.monotonic() - self.begun:.0f} s")
        print(f"  state root     {self.state_root}\n  evidence root  {self.evidence_root}")
        if self.args.keep:
            print(f"  chain, evidence and accounts are kept in {self.folder}")
        return all(holds.values())


def main():
    parser = argparse.ArgumentParser(prog="make demo ARGS='...'", description=__doc__)
    parser.add_argument("--headless", action="store_true", help="no browser; the story is told on the terminal")
    parser.add_argument("--days", type=int, default=7, help="3 to 42 (default 7)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", default=os.path.join(ROOT, "profiles/solar-site/data/village.csv"), help="your own CSV")
    parser.add_argument("--keep", metavar="DIR", help="keep chain, evidence and accounts there")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    parser.add_argument("--dam", default=os.path.join(ROOT, "build/dam"), help=argparse.SUPPRESS)
    parser.add_argument("--contracts", default=os.path.join(ROOT, "build/contracts"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not 3 <= args.days <= 42:
        parser.error("--days must be 3 to 42")
    story = Story(args)
    try:
        story.run()
        ok = story.summary()
        if not args.headless and sys.stdin.isatty():
            input(f"\nThe dashboard stays at http://127.0.0.1:{story.site.port}/ - press Enter to end: ")
    except KeyboardInterrupt:
        return 130
    finally:
        story.end()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
