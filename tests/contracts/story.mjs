#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// One story, twice: on anvil and on our own ledger. `dam deploy` founds a network, a community, a site and a machine; the
// community registers the machine, bonds it and votes in another mind; the machine, whose key is a P-256 key, sells energy and
// hires maintenance by ERC-4337 user operations through the real EntryPoint; a seller claims x402 vouchers that the real x402
// client signed; then the machine cheats and is slashed. Afterwards addresses, code hashes and outcomes of both must be equal.
//
//   node tests/contracts/story.mjs DAM CONTRACTS.json        (tools/contracts-embed --json CONTRACTS.json)
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const [dam, contractsFile] = process.argv.slice(2).map((p) => path.resolve(p));
if (!contractsFile) {
  console.error('usage: story.mjs DAM CONTRACTS.json');
  process.exit(2);
}
const from = createRequire(path.join(root, 'peers/package.json'));
const load = (name) => import(from.resolve(name));
const viem = await load('viem');
const { mnemonicToAccount } = await load('viem/accounts');
const { p256 } = await load('@noble/curves/nist.js');
const set = JSON.parse(readFileSync(contractsFile, 'utf8')).contracts;
const entryPointArtifact = from('@account-abstraction/contracts/artifacts/EntryPoint.json');
const { concat, encodeAbiParameters, encodeFunctionData, encodePacked, getAddress, hashTypedData, keccak256, numberToHex, pad, toBytes, toHex } = viem;

const MNEMONIC = 'test test test test test test test test test test test junk';
const [operator, ada, ben, house, firm, meterA, meterB, meterC, meterD, outsider] =
  Array.from({ length: 10 }, (_, i) => mnemonicToAccount(MNEMONIC, { addressIndex: i }));
const FACTORY = '0x4e59b44847b379578588920cA78FbF26c0B4956C';
const ENTRY_POINT = '0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108';
const ENTRY_POINT_SALT = '0x0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9'; // eth-infinitism's for 0.8
const X402_BATCH = '0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003'; // where @x402/evm expects the contract of its vouchers
const UNIT = 10n ** 6n;
const ETHER = 10n ** 18n;
const DAY = 86400;
const BATCH = `0x01${'00'.repeat(31)}`; // ERC-7821
const SECRET = new Uint8Array(32).fill(7); // the machine's P-256 key

const work = mkdtempSync(path.join(tmpdir(), 'dam-story-'));
let passed = 0;
let failed = 0;
function check(ok, what) {
  ok ? passed++ : failed++;
  if (!ok) console.log(`FAILED ${what}`);
}

// ---- nodes ----

// Its talk goes to a file: a pipe would fill while spawnSync waits.
async function nodeStart(name, command, args) {
  const log = path.join(work, `${name}.log`);
  const fd = openSync(log, 'w');
  const child = spawn(command, args, { stdio: ['ignore', fd, fd] });
  for (let k = 0; k < 600; k++) {
    const found = /127\.0\.0\.1:([1-9]\d*)/.exec(readFileSync(log, 'utf8'));
    if (found) return { child, url: `http://${found[0]}` };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${name} does not listen: ${readFileSync(log, 'utf8').slice(-400)}`);
}

class Chain {
  constructor(url, id) {
    this.transport = viem.http(url);
    this.chain = viem.defineChain({ id, name: 'test', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [url] } } });
    this.public = viem.createPublicClient({ chain: this.chain, transport: this.transport, pollingInterval: 50, cacheTime: 0 });
  }

  async now() {
    return Number((await this.public.getBlock()).timestamp);
  }

  async passTo(time) {
    await this.public.request({ method: 'evm_setNextBlockTimestamp', params: [numberToHex(time)] });
    await this.public.request({ method: 'evm_mine', params: [] });
  }

  async send(account, tx) {
    const wallet = viem.createWalletClient({ account, chain: this.chain, transport: this.transport });
    const receipt = await this.public.waitForTransactionReceipt({ hash: await wallet.sendTransaction(tx) });
    if (receipt.status !== 'success') throw new Error(`reverted: ${JSON.stringify(tx.data).slice(0, 12)} to ${tx.to}`);
    return receipt;
  }
}

// A contract by its ABI: c.read.f(...), c.as(account, value).f(...), c.data.f(...), c.events(receipt, name).
function contract(chain, abi, address) {
  const named = (make) => new Proxy({}, { get: (_, functionName) => (...args) => make(functionName, args) });
  const data = named((functionName, args) => encodeFunctionData({ abi, functionName, args }));
  return {
    abi,
    address,
    data,
    read: named((functionName, args) => chain.public.readContract({ abi, address, functionName, args })),
    as: (account, value) => named((functionName, args) => chain.send(account, { to: address, value, data: encodeFunctionData({ abi, functionName, args }) })),
    events: (receipt, eventName) => viem.parseEventLogs({ abi, eventName, logs: receipt.logs.filter((l) => getAddress(l.address) === getAddress(address)) }),
  };
}

// What must not be done; true where it reverted.
const refused = (promise) => promise.then(() => false, () => true);

// ---- deploying ----

function deploy(url, out, args, key = ['--dev']) {
  const done = spawnSync(dam, ['deploy', ...args, '--rpc', url, ...key, '--contracts', contractsFile, '--out', out, '--json'], { encoding: 'utf8', timeout: 120_000 });
  return { code: done.status, json: done.status === 0 ? JSON.parse(done.stdout) : null, talk: done.stderr };
}

// The same, while this process goes on: `watch` gets the child and what it has said so far.
function deployMeanwhile(url, out, args, watch = () => {}) {
  return new Promise((resolve) => {
    const child = spawn(dam, ['deploy', ...args, '--rpc', url, '--dev', '--contracts', contractsFile, '--out', out]);
    let talk = '';
    child.stderr.on('data', (chunk) => {
      talk += chunk;
      watch(child, talk);
    });
    child.on('close', (code) => resolve({ code, talk }));
  });
}

// Stopped as soon as it has made three contracts.
const deployInterrupted = (url, out, args) =>
  deployMeanwhile(url, out, args, (child, talk) => (talk.match(/is being made/g) || []).length >= 3 && child.kill('SIGKILL'));

// A node that takes no transaction without its chain id, as geth does: so there is no way to the factory.
async function strictNode(url) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { id, method, params } = JSON.parse(body);
    const isBare = method === 'eth_sendRawTransaction' && viem.parseTransaction(params[0]).chainId === undefined;
    const error = { code: -32000, message: 'only replay-protected (EIP-155) transactions allowed over RPC' };
    response.setHeader('content-type', 'application/json');
    response.end(isBare ? JSON.stringify({ jsonrpc: '2.0', id, error }) : await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).text());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

const be = (value, size) => Buffer.from(viem.toBytes(BigInt.asUintN(8 * size, BigInt(value)), { size }));

// docs/spec/rules.md: three actuators, eleven channels; no discharge at or below 5 %.
function rulesBlob() {
  const head = Buffer.concat([Buffer.from('DAMR'), be(1, 1), be(3, 1), be(1, 2), be(11, 2), Buffer.alloc(22)]);
  const actuators = [[-10000, 10000, 0, 0], [0, 15000, 0, 0], [0, 102400, 0, 102400]].map((row) => Buffer.concat(row.map((v) => be(v, 8))));
  const interlock = Buffer.concat([be(2, 2), be(1, 1), be(0, 1), be(0, 2), be(0, 2), be(500, 8), be(0, 8), Buffer.alloc(8)]);
  return Buffer.concat([head, ...actuators, interlock]);
}

// docs/spec/policy.md: the token to market and board, within 400 a day; what a seller and a client call.
function policyBlob(token, market, board) {
  const address = (a) => Buffer.from(toBytes(a));
  const bucket = Buffer.concat([address(token.address), be(0, 1), Buffer.alloc(7), be(DAY, 4), be(400n * UNIT, 16), Buffer.alloc(16, 0xff)]);
  const rule = (c, name, fields, checks = []) => Buffer.concat([
    address(c.address), Buffer.from(viem.toFunctionSelector(c.abi.find((e) => e.name === name)).slice(2), 'hex'),
    Buffer.from([0, ...fields, checks.length, 0, 0]),
    ...checks.flatMap(([word, bound]) => [Buffer.from([word, 0]), Buffer.alloc(30), be(bound, 32)]),
  ]);
  const rules = [
    rule(token, 'approve', [1, 0, 0, 0xff], [[0, BigInt(market.address)]]),
    rule(token, 'approve', [1, 0, 0, 0xff], [[0, BigInt(board.address)]]),
    ...['place', 'claim', 'collect'].map((name) => rule(market, name, [0xfe, 0xff, 0xff, 0xff])),
    ...['createJob', 'setBudget', 'fund'].map((name) => rule(board, name, [0xfe, 0xff, 0xff, 0xff])),
  ];
  return Buffer.concat([Buffer.from('DAMP'), be(1, 1), be(1, 1), be(0, 1), be(rules.length, 1), Buffer.alloc(24), bucket, ...rules]);
}

// ---- the machine's key and its log ----

const point = p256.getPublicKey(SECRET, false);
const [keyX, keyY] = [toHex(point.slice(1, 33)), toHex(point.slice(33))];
const machineKey = getAddress(`0x${keccak256(concat([keyX, keyY])).slice(-40)}`);
function sign(digest) {
  const signature = p256.sign(toBytes(digest), SECRET, { prehash: false, lowS: true });
  return concat([toHex(signature.slice(0, 32)), toHex(signature.slice(32, 64)), keyX, keyY]);
}

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts.map((p) => Buffer.from(toBytes(p))))).digest();

// docs/spec/evidence.md section 1: a decision.
function decisionLeaf(t) {
  const lengths = [t.memory, t.observation, t.proposal, t.action, t.reasons].map((part) => numberToHex((part.length - 2) / 2, { size: 4 }));
  return concat([
    toHex('DAML'), '0x01010000', numberToHex(t.seq, { size: 8 }), numberToHex(t.time * 1000, { size: 8 }), numberToHex(t.seq, { size: 8 }),
    t.machine, t.prev, t.mind, t.charter, /[1-9a-f]/.test(t.reasons.slice(2)) ? '0x01' : '0x00', '0x000000', numberToHex(t.epoch, { size: 4 }),
    pad('0x', { size: 16 }), toHex(sha256(t.next)), ...lengths, t.memory, t.observation, t.proposal, t.action, t.reasons,
  ]);
}

// ---- the story ----

async function story(name, url, work) {
  const chainId = Number(BigInt((await viem.createPublicClient({ transport: viem.http(url) }).request({ method: 'eth_chainId' }))));
  const chain = new Chain(url, chainId);
  const out = path.join(work, name);
  mkdirSync(out, { recursive: true });
  const ok = (value, what) => check(value, `${name}: ${what}`);
  const outcome = {};

  // Found it: community, then the law with the community's timelock as arbiter, then the site.
  const settings = path.join(out, 'community.toml');
  writeFileSync(settings, `name = "Village"\nsymbol = "VIL"\nrevenueToken = "@TestToken"
holders = ["${ada.address}", "${ben.address}"]\namounts = ["${600n * ETHER}", "${400n * ETHER}"]
[governorSetup]\nvotingDelay = 60\nvotingPeriod = 3600\nlateQuorum = 600\nproposalThreshold = "${ETHER}"\nquorumPercent = 40
timelockDelay = 3600\nguardian = "${operator.address}"\n`);
  const poor = path.join(out, 'poor.json');
  writeFileSync(poor, poorKey());
  writeFileSync(`${poor}.password`, 'poor\n');
  ok(deploy('http://127.0.0.1:9', out, ['community', '--settings', settings]).code === 7, 'a chain that is not there');
  ok(deploy(url, out, ['machine', 'id=1']).talk.includes("setting 'rules' is not given"), 'a setting that is missing');
  ok(deploy(url, out, ['community', '--settings', settings], ['--keystore', poor, '--password-file', `${poor}.password`]).code === 6, 'no funds');
  if (!(await chain.public.getCode({ address: FACTORY }))) { // our ledger is born with it
    const strict = await strictNode(url);
    const barred = await deployMeanwhile(strict.url, out, ['community', '--settings', settings]);
    strict.stop();
    ok(barred.code === 1 && /has no CREATE2 factory and refuses/.test(barred.talk), `a chain without a factory that takes none: ${barred.talk}`);
    ok((await chain.public.getTransactionCount({ address: operator.address })) === 0, 'and no coin is lost to it');
  }
  let done = deploy(url, out, ['community', '--settings', settings]);
  ok(done.code === 0, `dam deploy community: ${done.talk}`);
  const community = done.json.sets.community.contracts;
  const timelock = community.MachineTimelock.address;
  await deployInterrupted(url, out, [`arbiter=${timelock}`]);
  done = deploy(url, out, [`arbiter=${timelock}`]);
  ok(done.code === 0 && / is there/.test(done.talk) && /is being made/.test(done.talk), 'an interrupted deployment goes on');
  const siteArgs = ['site', 'token=@TestToken', `signers=["${[meterA, meterB, meterC, meterD].map((a) => a.address).join('","')}"]`,
    'faulty=1', `treasury=${timelock}`, `judge=${timelock}`];
  done = deploy(url, out, siteArgs);
  ok(done.code === 0, `dam deploy site: ${done.talk}`);
  const at = (contractName) => {
    const places = [done.json.contracts, ...Object.values(done.json.sets).map((s) => s.contracts)];
    return contract(chain, set[contractName].abi, places.find((p) => p[contractName])[contractName].address);
  };
  const [registry, constitution, evidence, court, board, tab] = ['MachineRegistry', 'Constitution', 'Evidence', 'Court', 'JobBoard', 'Tab'].map(at);
  const [token, oracle, market, shares, governor] = ['TestToken', 'OracleFeed', 'EnergyMarket', 'MachineShares', 'MachineGovernor'].map(at);
  const [rulesFile, policyFile] = ['rules', 'policy'].map((n) => path.join(out, `${n}.blob`));
  writeFileSync(rulesFile, rulesBlob());
  writeFileSync(policyFile, policyBlob(token, market, board));
  const machineArgs = ['machine', 'id=1', `rules=@${rulesFile}`, `policy=@${policyFile}`, 'mind=SurplusMind'];
  done = deploy(url, out, machineArgs);
  ok(done.code === 0, `dam deploy machine: ${done.talk}`);
  done = deploy(url, out, ['machine', 'id=2', `rules=@${rulesFile}`, 'mind=SpendthriftMind', '--as', 'machine-2']);
  ok(done.code === 0, `a second machine: ${done.talk}`);
  const another = (id, mind, ...args) => deploy(url, out, ['machine', `id=${id}`, `rules=@${rulesFile}`, `mind=${mind}`, ...args, '--as', `machine-${id}`]);
  for (const [args, talk] of [
    [[], /PeakMind takes \(int256 dear, int256 reserve, int256 lowest\): mindArgs gives them/],
    [['mindArgs={"dear":1,"reserve":2,"low":3}'], /PeakMind takes/],
    [['mindArgs=[1,2]'], /PeakMind takes/],
    [['mindArgs=12'], /PeakMind takes/],
    [['mindArgs=[1,2'], /'mindArgs' is a list or a table/],
    [['mindArgs=[1,2,"much"]'], /'mindArgs' is no int256/],
    [[`mindArgs=["${1n << 255n}",2,3]`], /'mindArgs' is no int256/],
  ]) {
    const wrong = another(3, 'PeakMind', ...args);
    ok(wrong.code === 2 && talk.test(wrong.talk), `arguments of a mind, ${args}: ${wrong.talk}`);
  }
  ok(/EnergyMarket: an argument is too large/.test(deploy(url, out, [...siteArgs, `length=${2n ** 32n}`]).talk), 'a setting that does not fit');
  done = another(3, 'PeakMind', 'mindArgs={"lowest":3,"dear":300,"reserve":-2}');
  const peakCode = concat([set.PeakMind.bytecode, encodeAbiParameters([{ type: 'int256' }, { type: 'int256' }, { type: 'int256' }], [300n, -2n, 3n])]);
  const peakAddress = viem.getCreate2Address({ from: FACTORY, salt: numberToHex((0x64616dn << 232n) + 1n, { size: 32 }), bytecode: peakCode });
  ok(done.code === 0 && getAddress(done.json.sets['machine-3'].contracts.PeakMind.address) === peakAddress, `a mind's arguments by name: ${done.talk}`);
  const model = JSON.parse(readFileSync(path.join(root, 'contracts/test/vectors/model.json'), 'utf8')).cases.map((c) => c.blob).find((blob) => blob.slice(12, 14) === '01');
  done = another(4, 'LinearMind', 'mindArgs={"slices":["%model"]}', `model=${model}`);
  ok(done.code === 0, `a model's mind and its blob: ${done.talk}`);
  const linear = contract(chain, set.LinearMind.abi, done.json.sets['machine-4'].contracts.LinearMind.address);
  ok((await linear.read.modelHash()) === toHex(sha256(model)), 'which is of that model');
  for (const args of [['community', '--settings', settings], [`arbiter=${timelock}`], siteArgs, machineArgs]) {
    const again = deploy(url, out, args);
    ok(again.code === 0 && !/being made/.test(again.talk), `a second run of ${args[0]} only checks`);
  }
  outcome.deployed = done.json;
  const machineSet = done.json.sets.machine.contracts;
  const account = contract(chain, set.MachineAccount.abi, machineSet.MachineAccount.address);
  const spendthrift = contract(chain, set.SpendthriftMind.abi, done.json.sets['machine-2'].contracts.SpendthriftMind.address);
  const charter = contract(chain, set.BoundsCharter.abi, machineSet.BoundsCharter.address);

  // The real EntryPoint: its release's init code and salt give its address on every chain.
  await chain.send(operator, { to: FACTORY, data: concat([ENTRY_POINT_SALT, entryPointArtifact.bytecode]) });
  const entryPoint = contract(chain, entryPointArtifact.abi, ENTRY_POINT);
  ok((await chain.public.getCode({ address: ENTRY_POINT }) || '0x').length > 20000, 'the EntryPoint is at its address');
  ok(getAddress(await account.read.entryPoint()) === ENTRY_POINT, 'and the account knows it');

  async function vote(title, calls) {
    const [targets, values, datas] = [calls.map(([c]) => c.address), calls.map(() => 0n), calls.map(([, data]) => data)];
    const receipt = await governor.as(ada).propose(targets, values, datas, title);
    const proposal = governor.events(receipt, 'ProposalCreated')[0].args.proposalId;
    await chain.passTo((await chain.now()) + 61);
    await governor.as(ada).castVote(proposal, 1);
    await governor.as(ben).castVote(proposal, 1);
    await chain.passTo(Number(await governor.read.proposalDeadline(proposal)) + 1);
    await governor.as(ada).queue(targets, values, datas, keccak256(toHex(title)));
    await chain.passTo(Number(await governor.read.proposalEta(proposal)) + 1);
    await governor.as(ada).execute(targets, values, datas, keccak256(toHex(title)));
  }

  // Register and bond. The machine's key proves itself; the community votes.
  await shares.as(ada).delegate(ada.address);
  await shares.as(ben).delegate(ben.address);
  await chain.passTo((await chain.now()) + 1);
  const domain = (c, called) => ({ name: called, version: '1', chainId, verifyingContract: c.address });
  const proof = sign(hashTypedData({
    domain: domain(registry, 'ERC8004IdentityRegistry'), primaryType: 'MachineKeySet',
    types: { MachineKeySet: [{ name: 'agentId', type: 'uint256' }, { name: 'key', type: 'address' }, { name: 'tenure', type: 'uint32' }] },
    message: { agentId: 1n, key: machineKey, tenure: 0 },
  }));
  const terms = (mind) => ({
    mind, mindGas: 2_000_000, since: 0, charter: charter.address, charterGas: 500_000, notice: 3600, policy: machineSet.policy.address, attestAge: 0,
    court: court.address, guardian: operator.address, approver: operator.address, bond: ETHER, software: pad('0x', { size: 32 }), manifest: pad('0x', { size: 32 }),
  });
  const registerData = encodeFunctionData({ abi: registry.abi.filter((e) => e.name !== 'register' || e.inputs.length === 1), functionName: 'register', args: ['https://village.example/card.json'] });
  await vote('A machine for the village', [
    [registry, registerData],
    [registry, registry.data.setKey(1n, machineKey, proof)],
    [registry, registry.data.approve(account.address, 1n)],
    [registry, registry.data.addObligor(1n, court.address)],
    [constitution, constitution.data.propose(1n, terms(machineSet.SurplusMind.address))],
  ]);
  await account.as(outsider).join();
  await court.as(operator, ETHER).deposit(1n);
  outcome.registered = [await registry.read.ownerOf([1n].at(0)), await account.read.key(), await court.read.bondOf(1n)];
  ok(outcome.registered[0] === timelock && outcome.registered[1] === machineKey && outcome.registered[2] === ETHER, 'registered and bonded');

  // Vote in a mind.
  await vote('Sell the battery empty', [[constitution, constitution.data.propose(1n, terms(spendthrift.address))]]);
  ok(await refused(constitution.as(outsider).enact(1n)), 'not before its notice');
  await chain.passTo((await chain.now()) + 3600);
  await constitution.as(outsider).enact(1n);
  ok(getAddress((await constitution.read.current(1n)).mind) === getAddress(spendthrift.address), 'the voted mind holds');

  // The machine acts by user operations that its P-256 key signs; a stranger bundles them.
  await entryPoint.as(operator, ETHER).depositTo(account.address);
  await token.as(operator).mint(account.address, 1000n * UNIT);
  async function act(calls, forge = false) {
    const executionData = encodeAbiParameters([{ type: 'tuple[]', components: [{ type: 'address' }, { type: 'uint256' }, { type: 'bytes' }] }],
      [calls.map(([c, data]) => [c.address, 0n, data])]);
    const op = {
      sender: account.address, nonce: await entryPoint.read.getNonce(account.address, 0n), initCode: '0x', callData: account.data.execute(BATCH, executionData),
      accountGasLimits: concat([numberToHex(200_000, { size: 16 }), numberToHex(1_500_000, { size: 16 })]), preVerificationGas: 60_000n,
      gasFees: concat([numberToHex(10 ** 9, { size: 16 }), numberToHex(200 * 10 ** 9, { size: 16 })]), paymasterAndData: '0x', signature: '0x',
    };
    op.signature = sign(forge ? keccak256('0x00') : await entryPoint.read.getUserOpHash(op));
    const receipt = await entryPoint.as(outsider).handleOps([op], outsider.address);
    return entryPoint.events(receipt, 'UserOperationEvent')[0].args;
  }
  ok(await refused(act([[token, token.data.approve(market.address, 1n)]], true)), 'the EntryPoint refuses a forged signature');

  // Trade energy: the machine sells, a house buys, the meters report, everybody is paid.
  for (const meter of [meterA, meterB, meterC, meterD]) {
    await token.as(operator).mint(meter.address, 50n * UNIT);
    await token.as(meter).approve(oracle.address, 50n * UNIT);
    await oracle.as(meter).post();
  }
  await token.as(operator).mint(house.address, 1000n * UNIT);
  await token.as(house).approve(market.address, 1000n * UNIT);
  const interval = Math.floor((await chain.now()) / 900) + 2;
  const traded = await act([
    [token, token.data.approve(market.address, 700n * 3000n)],
    [market, market.data.place(interval, 1, 19, 3000n)],
  ]);
  ok(traded.success, 'a P-256 user operation was validated and executed');
  const bought = await market.as(house).place(interval, 0, 29, 2000n);
  const ids = [market.events(bought, 'Placed')[0].args.id];
  const placed = await chain.public.getLogs({ address: market.address, event: market.abi.find((e) => e.name === 'Placed'), fromBlock: 0n });
  ids.push(placed.find((l) => getAddress(l.args.owner) === getAddress(account.address)).args.id);
  await chain.passTo(interval * 900 - 299);
  await market.as(outsider).clear(interval);
  for (const id of ids) await market.as(outsider).claim(id);
  ok((await market.read.balanceOf(house.address, BigInt(interval))) === 2000n, 'the house has its credits');
  await chain.passTo((interval + 1) * 900);
  const report = {
    config: await oracle.read.config(), topic: await market.read.topic(interval, account.address), round: 1n, time: BigInt(await chain.now()),
    observations: [1990n, 2000n, 2010n],
  };
  const reportTypes = { Report: [['config', 'bytes32'], ['topic', 'bytes32'], ['round', 'uint64'], ['time', 'uint64'], ['observations', 'int128[]']].map(([n, type]) => ({ name: n, type })) };
  const signed = await Promise.all([meterA, meterC].map((m) => m.signTypedData({ domain: domain(oracle, 'DAM OracleFeed'), types: reportTypes, primaryType: 'Report', message: report })));
  await oracle.as(outsider).report(report, signed);
  await market.as(outsider).meter(interval, account.address);
  await chain.passTo((interval + 1) * 900 + 900);
  ok((await act([[market, market.data.collect(interval)]])).success, 'the machine collects');
  await market.as(house).redeem(interval, 2000n);
  ok((await token.read.balanceOf(market.address)) === 0n, 'the market is empty again');
  outcome.afterTrade = [await token.read.balanceOf(account.address), await token.read.balanceOf(house.address)];

  // Hire maintenance: escrow, work, evaluation, pay.
  const expiry = BigInt((await chain.now()) + DAY);
  const hired = await act([
    [token, token.data.approve(board.address, 80n * UNIT)],
    [board, board.data.createJob(firm.address, ben.address, token.address, expiry, 'Replace the fan')],
    [board, board.data.setBudget(1n, 80n * UNIT)],
    [board, board.data.fund(1n, 80n * UNIT)],
  ]);
  ok(hired.success, 'hired');
  ok(!(await act([[token, token.data.approve(outsider.address, 1n)]])).success, 'the policy refuses what it does not list');
  ok(!(await act([[token, token.data.approve(board.address, 400n * UNIT)]])).success, 'and what is above the day\'s allowance');
  await board.as(firm).submit(1n, keccak256(toHex('photo')));
  await board.as(ben).complete(1n, keccak256(toHex('runs quietly')));
  outcome.paid = await token.read.balanceOf(firm.address);
  ok(outcome.paid === 80n * UNIT, 'the firm is paid');

  // A tab whose vouchers the real x402 client signs. Its contract has one address, built into the client; ours is put there.
  const x402 = await load('@x402/evm/batch-settlement/client').catch(() => null);
  if (x402) {
    await chain.public.request({ method: 'anvil_setCode', params: [X402_BATCH, await chain.public.getCode({ address: tab.address })] });
    const x402Tab = contract(chain, set.Tab.abi, X402_BATCH);
    const config = {
      payer: house.address, payerAuthorizer: house.address, receiver: outsider.address, receiverAuthorizer: outsider.address, token: token.address,
      withdrawDelay: 900, salt: pad('0x', { size: 32 }),
    };
    const channelId = x402.computeChannelId(config, `eip155:${chainId}`);
    ok((await x402Tab.read.channelId(config)) === channelId, 'x402: the client and the contract name the channel alike');
    await token.as(house).approve(X402_BATCH, 100n * UNIT);
    await x402Tab.as(house).deposit(config, 100n * UNIT);
    const voucher = async (amount) => (await x402.signVoucher(house, channelId, String(amount), `eip155:${chainId}`)).signature;
    const claim = async (most, total, signature) => x402Tab.as(outsider).claim([{ channel: config, maxClaimableAmount: most, totalClaimed: total, signature }]);
    await claim(3n * UNIT, 2n * UNIT, await voucher(3n * UNIT));
    await claim(9n * UNIT, 9n * UNIT, await voucher(9n * UNIT));
    ok(await refused(claim(10n * UNIT, 10n * UNIT, await voucher(9n * UNIT))), 'x402: no more than the voucher says');
    const before = await token.read.balanceOf(outsider.address);
    await x402Tab.as(operator).settle(outsider.address, token.address);
    outcome.x402 = (await token.read.balanceOf(outsider.address)) - before;
    ok(outcome.x402 === 9n * UNIT, 'x402: claimed and settled');
  } else {
    console.log('skipped: x402 vouchers: @x402/evm is not installed (npm ci in peers/)');
  }

  // Two decisions: one honest, one whose action is not the charter's. The machine anchors both.
  const machine = await registry.read.machineOf(1n);
  const leaves = [];
  let memory = '0x';
  for (let seq = 0; seq < 2; seq++) {
    const time = await chain.now();
    const values = [time, 9000, 6000, 300, 400, 500, 600, 30_000, 0, 0, 0];
    const observation = concat(values.map((v) => concat([numberToHex(v, { size: 8 }), '0x000000050000000000'.slice(0, 18)])));
    const [next, proposal] = await spendthrift.read.decide(memory, observation);
    let [action, reasons] = await charter.read.review(memory, observation, proposal);
    if (seq === 1) action = concat([action.slice(0, 18), numberToHex(BigInt(`0x${action.slice(18, 34)}`) ^ 1n, { size: 8 }), `0x${action.slice(34)}`]);
    leaves.push(decisionLeaf({
      seq, time, machine, prev: seq === 0 ? pad('0x', { size: 32 }) : toHex(sha256('0x00', leaves[0])), mind: spendthrift.address, charter: charter.address, epoch: 2,
      memory, observation, next, proposal, action, reasons,
    }));
    memory = next;
  }
  const hashes = leaves.map((leaf) => toHex(sha256('0x00', leaf)));
  const treeRoot = toHex(sha256('0x01', ...hashes));
  const time = BigInt(await chain.now());
  await evidence.as(outsider).anchor(1n, 2n, treeRoot, time, sign(await evidence.read.digestOf(1n, 2n, treeRoot, time)));
  const stake = await court.read.stake();
  await court.as(house, stake).challenge(1n, 2n, 0n, leaves[0], [hashes[1]]);
  ok((await court.read.owed(timelock)) === stake && (await court.read.bondOf(1n)) === ETHER, 'an honest leaf: the challenger loses the stake');
  ok(await refused(court.as(house, stake).challenge(1n, 2n, 1n, concat([leaves[1].slice(0, -2), '0x01']), [hashes[0]])), 'a leaf that is not the machine\'s');

  // Cheat, and be slashed.
  await court.as(outsider, stake).challenge(1n, 2n, 1n, leaves[1], [hashes[0]]);
  outcome.fault = (await court.read.caseOf(1n))[2];
  ok(outcome.fault === 4, 'convicted: the charter gives another action');
  ok(!(await act([[market, market.data.collect(interval + 1)]])).success, 'a convicted machine may not act');
  await chain.passTo((await chain.now()) + 3 * DAY + 1);
  await court.as(house).settle(1n);
  outcome.slashed = [await court.read.owed(outsider.address), await court.read.owed(timelock), await court.read.bondOf(1n)];
  ok(outcome.slashed[0] === ETHER / 2n + stake && outcome.slashed[2] === 0n, 'slashed: half to the challenger, half to the fund');
  const coin = await chain.public.getBalance({ address: court.address });
  await court.as(outsider).collect();
  ok(coin - (await chain.public.getBalance({ address: court.address })) === ETHER / 2n + stake, 'collected');
  return outcome;
}

function poorKey() {
  const { Wallet, encryptKeystoreJsonSync } = from('ethers');
  return encryptKeystoreJsonSync(new Wallet(`0x${'11'.repeat(32)}`), 'poor', { scrypt: { N: 2, r: 8, p: 1 } });
}

const nodes = { ledger: [dam, ['ledger', '--dev', '--rpc', '127.0.0.1:0']] };
const anvil = path.join(root, 'peers/node_modules/.bin/anvil');
if (existsSync(anvil)) nodes.anvil = [anvil, ['--port', '0', '--hardfork', 'osaka', '--disable-default-create2-deployer']];
else console.log('skipped: anvil is not installed (npm ci in peers/)');
const outcomes = {};
for (const [name, [command, args]] of Object.entries(nodes)) {
  const node = await nodeStart(name, command, args);
  try {
    outcomes[name] = await story(name, node.url, work);
  } catch (e) {
    check(false, `${name}: ${e.shortMessage || e.stack}\n${(e.metaMessages || []).join('\n')}`);
  }
  node.child.kill();
}
if (outcomes.anvil && outcomes.ledger) {
  const text = (o) => JSON.stringify(o, (_, v) => (typeof v === 'bigint' ? String(v) : v));
  const { deployed: a, ...restA } = outcomes.anvil;
  const { deployed: b, ...restB } = outcomes.ledger;
  check(text({ ...a, chain_id: 0 }) === text({ ...b, chain_id: 0 }), `addresses and code hashes are equal\n${text(a)}\n${text(b)}`);
  check(text(restA) === text(restB), `outcomes are equal\n${text(restA)}\n${text(restB)}`);
}
rmSync(work, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
