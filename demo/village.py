# SPDX-License-Identifier: Apache-2.0
"""The village: its people, and the founding of its law and market on a chain. Every call is a real transaction."""
import struct
import subprocess
from dataclasses import dataclass, field

from chain import encode, keccak
from keys import derive

INTERVAL = 900  # seconds; the market's delivery interval
STEP = 4  # token units per Wh and tick
DEPOSIT = 50  # token units per Wh a seller is short
UNIT = 10**6  # of the token
DAY = 86_400
BUCKETS = (  # kind, window, capacity, above it a human is asked
    (0, DAY, 1500 * UNIT, 2**128 - 1), (1, 7 * DAY, 300 * UNIT, 250 * UNIT))

# Who is who: index of the test mnemonic.
OPERATOR, MEMBERS, HOUSES, NEIGHBOUR, FIRM, METERS, OUTSIDER = 0, (1, 2, 3), (4, 5, 6, 7), 8, 9, (10, 11, 12, 13), 15
NAMES = {1: "Ada", 2: "Ben", 3: "Cleo", 4: "house 1", 5: "house 2", 6: "house 3", 7: "house 4", 8: "EV charger", 9: "Lumen Maintenance",
         10: "meter A", 11: "meter B", 12: "meter C", 13: "utility meter"}

SAFE = (0, 0, 102_400, 0, 0)  # the site's action before its first: battery, offer, price, bay, payout
X402 = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"


def rule(contract, name, count, amount=0xFE, payee=0xFF, bucket=0xFF, checks=()):
    """docs/spec/policy.md: one function that the account may call. In: checks: (word, test, bound)."""
    _, selector = contract._function(name, count)
    text = bytes.fromhex(contract.address[2:]) + selector + bytes([0, amount, payee, bucket, 0xFF, len(checks), 0, 0])
    for word, test, bound in checks:
        text += bytes([word, test]) + bytes(30) + bound.to_bytes(32, "big")
    return text


def only(address, word=0):
    """A check: this argument is this address."""
    return (word, 0, int(address, 16))


def policy(v, rules):
    """A policy of the village: its allowances of the token, and rules."""
    token = bytes.fromhex(v.token.address[2:])
    buckets = b""
    # A week of the story may pass in three minutes of the signer's clock, which is real: the day's allowance must hold all of it.
    for kind, window, capacity, ask in BUCKETS:
        buckets += token + struct.pack(">B7xI", kind, window) + capacity.to_bytes(16, "big") + ask.to_bytes(16, "big")
    return struct.pack(">4sBBBB24x", b"DAMP", 1, len(BUCKETS), 0, len(rules)) + buckets + b"".join(rules)


def policy_blob(v):
    """What the site's key may call and spend."""
    return policy(v, [
        # the market may draw deposits, within the day's allowance
        rule(v.token, "approve", 2, amount=1, payee=0, bucket=0, checks=[only(v.market.address)]),
        # maintenance: escrow for the board, by payee and week, above 250 with a human
        rule(v.token, "approve", 2, amount=1, payee=0, bucket=1, checks=[only(v.jobs.address)]),
        # revenue goes to the shares and nowhere else
        rule(v.token, "approve", 2, checks=[only(v.shares.address)]), rule(v.shares, "distribute", 1),
        rule(v.market, "place", 4), rule(v.market, "claim", 1), rule(v.market, "collect", 1), rule(v.market, "cover", 2),
        rule(v.jobs, "createJob", 5), rule(v.jobs, "setBudget", 2), rule(v.jobs, "fund", 2), rule(v.jobs, "submit", 2),
        rule(v.jobs, "claimRefund", 1),
        # what every machine does for itself: anchor its log, report terms that it took back
        rule(v.evidence, "anchor", 5), rule(v.constitution, "rollback", 1), rule(v.constitution, "enact", 1),
        # what is paid to the account by signature (x402) it may carry out itself: the payer's money, to nobody else
        rule(v.token, X402, 7, checks=[only(v.account.address, 1)]),
        rule(v.access, "make", 4), rule(v.access, "setPrice", 3),
    ])


@dataclass
class Village:
    chain: object
    keys: dict = field(default_factory=dict)

    def key(self, index):
        if index not in self.keys:
            self.keys[index] = derive(index)
        return self.keys[index]


def rules(dam, folder):
    """docs/spec/rules.md: what a machine's manifest allows, whatever its mind wants."""
    return bytes.fromhex(subprocess.run([dam, "rules", "compile", folder], stdout=subprocess.PIPE, text=True, check=True).stdout[2:])


def store(v, data):
    """Store bytes as a contract's code; returns its address."""
    receipt = v.blobs.send(v.key(OPERATOR), "store", data)
    return v.blobs.events(receipt, "Stored")[0]["blob"]


def found(chain, rules, say=lambda text: None):
    """Deploy the law, the community and the market, and give everybody their start. In: rules: of the site's charter. Returns the Village."""
    v = Village(chain)
    operator = v.key(OPERATOR)
    chain.manual_time()

    say("the law: registry, constitution, evidence, court")
    v.blobs = chain.deploy(operator, "BlobStore")
    v.token = chain.deploy(operator, "TestToken")
    v.registry = chain.deploy(operator, "MachineRegistry")
    v.purity = chain.deploy(operator, "Purity")
    v.attestation = chain.deploy(operator, "Attestation", v.registry.address)
    v.constitution = chain.deploy(operator, "Constitution", v.registry.address, v.purity.address, v.attestation.address, 3600)
    v.evidence = chain.deploy(operator, "Evidence", v.registry.address)

    say("the community: three members, a vote, a timelock")
    members = [v.key(i).address for i in MEMBERS]
    v.shares = chain.deploy(operator, "MachineShares", "Village Solar Shares", "VSOL", v.token.address, members,
                            [400 * 10**18, 350 * 10**18, 250 * 10**18])
    v.governor = chain.deploy(operator, "MachineGovernor", "Village DAO", v.shares.address,
                              dict(votingDelay=600, votingPeriod=4 * 3600, lateQuorum=1800, proposalThreshold=10**18, quorumPercent=40,
                                   timelockDelay=3600, guardian=operator.address))
    v.timelock = chain.at("MachineTimelock", v.governor.read("timelock"))
    v.court = chain.deploy(operator, "Court", v.registry.address, v.constitution.address, v.evidence.address, v.timelock.address, 10**17)
    for index in MEMBERS:
        v.shares.send(v.key(index), "delegate", v.key(index).address)

    say("the market: oracle, auction, jobs, tabs, passes, rewards")
    v.oracle = chain.deploy(operator, "OracleFeed", [v.key(i).address for i in METERS], 1, 0, 10**9, v.token.address, 50 * UNIT,
                            v.timelock.address)
    v.oracle_config = v.oracle.read("config")
    v.market = chain.deploy(operator, "EnergyMarket", v.token.address, v.oracle.address, INTERVAL, 300, INTERVAL, STEP, DEPOSIT)
    v.jobs = chain.deploy(operator, "JobBoard")
    v.tab = chain.deploy(operator, "Tab")
    v.access = chain.deploy(operator, "AccessPass")
    v.rewards = chain.deploy(operator, "Rewards", v.token.address, v.timelock.address, 10 * UNIT, DAY, DAY, 30 * DAY)
    for index in METERS:
        fund(v, index, 50 * UNIT)
        v.token.send(v.key(index), "approve", v.oracle.address, 50 * UNIT)
        v.oracle.send(v.key(index), "post")
    for index in (*HOUSES, NEIGHBOUR):
        fund(v, index, 1000 * UNIT)
        v.token.send(v.key(index), "approve", v.market.address, 2**255)
    v.minds = {name: chain.deploy(operator, name, *numbers).address
               for name, numbers in (("SurplusMind", ()), ("PeakMind", (50_000, 100, 1_000)), ("SpendthriftMind", ()))}
    v.charter = chain.deploy(operator, "BoundsCharter", store(v, rules)).address
    for code in (*v.minds.values(), v.charter):
        v.purity.send(operator, "admit", code)
    return v


def fund(v, index, amount):
    v.token.send(v.key(OPERATOR), "mint", v.key(index).address, amount)


FOR = 1


def vote(v, title, calls, proposer=MEMBERS[0], votes=((1, FOR), (2, FOR), (3, FOR))):
    """Carry calls through the community's vote: propose, vote, queue, wait, execute. Returns the proposal's id.

    calls: [(contract, function, args...)]"""
    targets, values, datas = [c.address for c, *_ in calls], [0] * len(calls), [c.data(name, *args) for c, name, *args in calls]
    receipt = v.governor.send(v.key(proposer), "propose", targets, values, datas, title)
    proposal = v.governor.events(receipt, "ProposalCreated")[0]["proposalId"]
    what = keccak(title.encode())
    v.chain.mine(v.chain.now + 601)
    for member, support in votes:
        v.governor.send(v.key(member), "castVote", proposal, support)
    v.chain.mine(v.governor.read("proposalDeadline", proposal) + 1)
    v.governor.send(v.key(proposer), "queue", targets, values, datas, what)
    v.chain.mine(v.governor.read("proposalEta", proposal) + 1)
    v.governor.send(v.key(proposer), "execute", targets, values, datas, what)
    return proposal


def enrol(v, machine_key, prove):
    """The community votes the machine into being: its identity, key, legal record, law; then its account and its bond.

    machine_key: an address; prove: signs typed data (domain, kind, message) as that key."""
    operator = v.key(OPERATOR)
    v.id = 1
    v.account = v.chain.deploy(operator, "MachineAccount", v.registry.address, v.constitution.address, v.id)
    v.policy = store(v, policy_blob(v))
    domain = dict(name="ERC8004IdentityRegistry", version="1", chainId=v.chain.id, verifyingContract=v.registry.address)
    proof = prove(domain, "MachineKeySet(uint256 agentId,address key,uint32 tenure)", dict(agentId=v.id, key=machine_key, tenure=0))
    record = dict(jurisdiction="US-WY", entityId="DAO LLC 2026-0001 (example)", registeredAgent="Example Agents Inc.",
                  liableParty="Village DAO LLC (example)", effectiveFrom=v.chain.now, effectiveUntil=0, documents=[])
    vote(v, "Found the village's solar site", [
        (v.registry, "register(string)", "data:application/json,{\"name\":\"Village solar site\"}"),
        (v.registry, "setKey", v.id, machine_key, proof),
        (v.registry, "approve", v.account.address, v.id),
        (v.registry, "addLegalRecord", v.id, record),
        (v.registry, "addObligor", v.id, v.court.address),
        (v.constitution, "propose", v.id, terms(v, "SurplusMind")),
    ])
    v.account.send(operator, "join")
    v.court.send(operator, "deposit", v.id, value=10**18)
    v.token.send(operator, "mint", v.account.address, 200 * UNIT)
    v.machine = v.registry.read("machineOf", v.id)
    return v


def terms(v, mind):
    """The machine is its own guardian: it may take terms back that break its rules, and nothing more."""
    return dict(mind=v.minds[mind], mindGas=2_000_000, since=0, charter=v.charter, charterGas=500_000, notice=7200, policy=v.policy,
                attestAge=0, court=v.court.address, guardian=v.account.address, approver=v.key(OPERATOR).address, bond=10**18,
                software=bytes(32), manifest=bytes(32))


BATCH_MODE = "0x01" + "00" * 31  # ERC-7821: a batch of calls, all or nothing


def batch(calls):
    """The arguments of MachineAccount.execute for [(contract, function, args...)]."""
    item = {"type": "tuple[]", "components": [{"name": "target", "type": "address"}, {"name": "value", "type": "uint256"},
                                              {"name": "callData", "type": "bytes"}]}
    rows = [dict(target=c.address, value=0, callData=c.data(name, *args)) for c, name, *args in calls]
    return BATCH_MODE, encode([item], [rows])
