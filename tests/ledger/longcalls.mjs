// SPDX-License-Identifier: Apache-2.0
// Calls that would run for ever, queries over many blocks, and thousands of blocks at once: each ends at its time limit or makes way, and
// others go on being answered. What others get done is compared with what they get done in the same time when nothing else runs: a loop
// that waited for one long call would let them through once or twice.
import { startLedger, rpc, rpcRaw, check, attempt, finish, sleep } from './node.mjs';

const SECONDS = 0.5;
const SHARE = 20; // of what is done when nothing else runs they get at least one part in so many
const me = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const endless = '0x00000000000000000000000000000000000e0d1e'; // JUMPDEST PUSH0 JUMP
const itself = '0x00000000000000000000000000000000000e0d2e';  // calls itself twice, without a jump
const hashes = '0x00000000000000000000000000000000000e0d3e';  // KECCAK256 of 1 MiB again and again, without a jump
const quick = '0x00000000000000000000000000000000000f00d0';   // returns 42

async function prepare(args) {
  const ledger = await startLedger(['--dev', ...args]);
  await rpc(ledger.url, 'anvil_setCode', [endless, '0x5b5f56']);
  await rpc(ledger.url, 'anvil_setCode', [itself, '0x' + '5f5f5f5f5f305af150'.repeat(2)]);
  await rpc(ledger.url, 'anvil_setCode', [hashes, '0x' + '621000005f2050'.repeat(3000)]);
  await rpc(ledger.url, 'anvil_setCode', [quick, '0x602a5f5260205ff3']);
  return ledger;
}

// Clients that read, call and send, each one thing after the other. Resolves with how much they got done.
async function workFor(url, ms) {
  const end = performance.now() + ms;
  const count = async fn => { let n = 0; for (; performance.now() < end; n++) await fn(); return n; };
  const [reads, calls, sends] = await Promise.all([
    count(() => rpc(url, 'eth_getBalance', [me, 'latest'])),
    count(async () => { if (BigInt(await rpc(url, 'eth_call', [{ to: quick }, 'latest'])) !== 42n) throw new Error('a wrong answer'); }),
    count(() => rpc(url, 'eth_sendTransaction', [{ from: me, to: me, value: '0x1', gas: '0x5208' }])),
  ]);
  return { reads, calls, sends };
}

const goOn = (name, done, idle) => { check(name, done * SHARE > idle, `${done} against ${idle.toFixed(0)}`); };
const ask = (url, method, params) => rpcRaw(url, { jsonrpc: '2.0', id: 1, method, params });
const aborted = r => r.error?.code === -32000 && r.error.message === `execution aborted (timeout = ${SECONDS}s)`;

await attempt('calls without end', async () => {
  const { url, stop } = await prepare(['--call-timeout', String(SECONDS)]);
  const idle = await workFor(url, SECONDS * 1000);
  const late = {
    'eth_call': [{ to: endless }, 'latest'],
    'eth_call, by calls': [{ to: itself }, 'latest'],
    'eth_call, by hashes': [{ to: hashes, gas: '0xffffffff' }, 'latest'],
    'eth_createAccessList': [{ to: endless }, 'latest'],
    'debug_traceCall': [{ to: endless }, 'latest', { tracer: 'callTracer' }],
    'eth_simulateV1': [{ blockStateCalls: [{ blockOverrides: { gasLimit: '0xffffffff' }, calls: [{ to: endless, gas: '0xfffffff0' }] }] }, 'latest'],
  };
  for (const [name, params] of Object.entries(late)) {
    const [answer, others] = await Promise.all([ask(url, name.split(',')[0], params), workFor(url, SECONDS * 1000)]);
    check(`${name} ends at its time`, aborted(answer), JSON.stringify(answer).slice(0, 200));
    for (const what of ['reads', 'calls', 'sends']) goOn(`${name}: others' ${what} go on`, others[what], idle[what]);
  }
  // An estimate within another call: at most 16.8 million gas a try, so it ends by itself.
  for (const method of ['eth_fillTransaction', 'eth_sendTransaction']) {
    const [filled, others] = await Promise.all([Promise.all(Array.from({ length: 6 }, () => ask(url, method, [{ from: me, to: endless }]))), workFor(url, SECONDS * 1000)]);
    check(`${method} fails as its estimate does`, filled.every(r => r.error !== undefined), JSON.stringify(filled[0]).slice(0, 200));
    goOn(`${method}: others' reads go on`, others.reads, idle.reads);
  }
  // More of them than there are threads: short calls still find one.
  const many = Array.from({ length: 5 }, () => ask(url, 'eth_call', [{ to: endless }, 'latest']));
  const others = await workFor(url, SECONDS * 1000);
  for (const what of ['reads', 'calls', 'sends']) goOn(`five at once: others' ${what} go on`, others[what], idle[what]);
  check('five at once: each ends at its time', (await Promise.all(many)).every(aborted));
  // In a batch, behind a transaction: the loop does not run it either, and the transaction counts.
  const batch = rpcRaw(url, [
    { jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from: me, to: quick }] },
    { jsonrpc: '2.0', id: 2, method: 'eth_call', params: [{ to: endless }, 'latest'] },
    { jsonrpc: '2.0', id: 3, method: 'eth_call', params: [{ to: quick }, 'latest'] },
  ]);
  const beside = await workFor(url, SECONDS * 1000);
  const answers = await batch;
  goOn('a batch: others go on', beside.reads, idle.reads);
  check('a batch: each call has its own answer', /^0x[0-9a-f]{64}$/.test(answers[0]?.result) && aborted(answers[1]) && BigInt(answers[2].result) === 42n, JSON.stringify(answers).slice(0, 300));
  check('a batch: its transaction is in a block', (await rpc(url, 'eth_getTransactionReceipt', [answers[0].result]))?.status === '0x1');
  await stop();
});

await attempt('many blocks', async () => {
  const { url, stop } = await prepare([]);
  const idle = await workFor(url, SECONDS * 1000);
  const head = Number(await rpc(url, 'eth_blockNumber'));
  const mined = ask(url, 'anvil_mine', ['0x1f4']);
  let mining = true;
  mined.then(() => { mining = false; });
  const during = { reads: 0, calls: 0, sends: 0 };
  let ms = 0;
  while (mining) {
    const start = performance.now();
    const part = await workFor(url, 20);
    ms += performance.now() - start;
    for (const what in part) during[what] += part[what];
  }
  check('anvil_mine has made its blocks', (await mined).result === null && Number(await rpc(url, 'eth_blockNumber')) >= head + 500);
  goOn('anvil_mine: others are answered meanwhile', during.reads, idle.reads * ms / (SECONDS * 1000));
  const detailed = await rpc(url, 'evm_mine_detailed', [{ blocks: 100 }]);
  check('so has evm_mine_detailed, all of them whole', detailed.length === 100 && detailed.every((b, i) => Number(b.number) === Number(detailed[0].number) + i));
  const range = { fromBlock: '0x0', toBlock: 'latest' };
  for (const [method, params] of [['eth_getLogs', [range]], ['eth_getFilterLogs', [await rpc(url, 'eth_newFilter', [range])]]]) {
    let asking = true;
    const askers = Promise.all(Array.from({ length: 4 }, async () => {
      let good = 0;
      for (; asking; good++) if (!Array.isArray((await ask(url, method, params)).result)) throw new Error('no logs');
      return good;
    }));
    const others = await workFor(url, SECONDS * 1000);
    asking = false;
    check(`${method} is answered`, (await askers).every(n => n > 0));
    goOn(`${method}: others go on`, others.calls, idle.calls);
  }
  await stop();
});

await attempt('closing', async () => {
  const { url, child, gone } = await prepare(['--call-timeout', '60']);
  const calls = Array.from({ length: 4 }, () => ask(url, 'eth_call', [{ to: endless }, 'latest']).catch(() => 'closed'));
  await sleep(300);
  const start = performance.now();
  child.kill('SIGTERM');
  check('a signal ends it with 0', await gone === 0);
  check('without waiting for the calls', performance.now() - start < 60000 / 6, `${(performance.now() - start).toFixed(0)} ms`);
  await Promise.all(calls);
});
finish();
