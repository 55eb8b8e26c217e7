// SPDX-License-Identifier: Apache-2.0
// The minds on a chain that is not ours: deploys each blob's slices and its mind on anvil and asks what `dam model verify --calls`
// wrote down. Every answer must be the same bytes.
//
//   node tests/model/anvil.mjs MIND BLOB CALLS [MIND BLOB CALLS ...]      (MIND: the contract's name in build/contracts)
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root, peers, peerBin, check, attempt, finish, sleep } from '../ledger/node.mjs';

const SLICE = 24575;
const account = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'; // anvil's first, unlocked
const { encodeAbiParameters, encodeFunctionData, decodeFunctionResult, parseAbi } = peers('viem');
const abi = parseAbi(['function decide(bytes memory_, bytes observation) view returns (bytes next, bytes proposal)']);

const anvil = spawn(peerBin('anvil'), ['--port', '0', '--hardfork', 'osaka', '--gas-limit', '1000000000'], { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => anvil.kill('SIGKILL'));
const url = await new Promise((ok, no) => {
  let text = '';
  anvil.stdout.on('data', d => { text += d; const m = /Listening on (\S+)/.exec(text); if (m) ok(`http://${m[1]}`); });
  anvil.on('exit', code => no(new Error(`anvil ended with ${code}`)));
});

let id = 0;
async function ask(requests) {
  const body = requests.map(([method, params]) => ({ jsonrpc: '2.0', id: ++id, method, params }));
  const answers = await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
  return new Map(answers.map(a => [a.id, a])).values();
}
async function one(method, ...params) {
  const [answer] = await ask([[method, params]]);
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
async function create(data, gas) {
  const hash = await one('eth_sendTransaction', { from: account, data, gas: '0x' + gas.toString(16) });
  let receipt = null;
  for (let i = 0; i < 600 && receipt === null; i++) {
    if (i > 0) await sleep(50);
    receipt = await one('eth_getTransactionReceipt', hash);
  }
  if (receipt.status !== '0x1') throw new Error(`no contract after ${Number(receipt.gasUsed)} gas`);
  return { address: receipt.contractAddress, gas: Number(receipt.gasUsed) };
}

async function deploy(name, blob) {
  const slices = [];
  for (let at = 0; at < blob.length; at += SLICE) {
    slices.push((await create('0x600b5981380380925939f300' + blob.subarray(at, at + SLICE).toString('hex'), 1 << 24)).address);
  }
  const count = slices.length;
  if (count > 4) slices.splice(0, count, (await create('0x600b5981380380925939f30044414d44' + slices.map(a => a.slice(2)).join(''), 1 << 24)).address);
  const artifact = JSON.parse(fs.readFileSync(path.join(root, 'build/contracts', name + '.json'), 'utf8'));
  const [input] = artifact.abi.find(e => e.type === 'constructor').inputs;
  const argument = encodeAbiParameters([{ type: input.type }], [input.type === 'address' ? slices[0] : slices]);
  const mind = await create('0x' + artifact.bytecode.replace(/^0x/, '') + argument.slice(2), 1 << 24);
  return { ...mind, slices: count };
}

async function same(name, blobFile, callsFile) {
  const mind = await deploy(name, fs.readFileSync(blobFile));
  const calls = fs.readFileSync(callsFile, 'utf8').trim().split('\n').map(line => line.split(' '));
  let equal = 0;
  for (let at = 0; at < calls.length; at += 50) {
    const part = calls.slice(at, at + 50);
    const answers = [...await ask(part.map(([memory, observation]) => ['eth_call', [{
      to: mind.address, gas: '0x989680', data: encodeFunctionData({ abi, functionName: 'decide', args: [memory, observation] }) }, 'latest']]))];
    part.forEach(([, , next, proposal], i) => {
      if (answers[i].error) throw new Error(answers[i].error.message);
      const [n, p] = decodeFunctionResult({ abi, functionName: 'decide', data: answers[i].result });
      equal += n === next && p === proposal;
    });
  }
  console.log(`${path.basename(blobFile)}: ${name} on ${mind.slices} slices, created with ${mind.gas} gas; ${equal} of ${calls.length} answers equal`);
  check(path.basename(blobFile), equal === calls.length && equal > 0);
}

for (let i = 2; i + 2 < process.argv.length; i += 3) {
  await attempt(process.argv[i + 1], () => same(...process.argv.slice(i, i + 3)));
}
finish();
