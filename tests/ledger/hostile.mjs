// SPDX-License-Identifier: Apache-2.0
// Hostile clients against `dam ledger --dev`: idle connections by the thousand, slowloris, oversized bodies, deep JSON, readers that do
// not read, half-closed sockets, broken frames. Throughout, a well-behaved client must go on being answered (progress is counted, not
// timed), and the ledger's peak memory, read from /proc, must stay under a bound (but not with AddressSanitizer, which holds more of its own).
//   node tests/ledger/hostile.mjs [idle connections, default 10000]
import fs from 'node:fs';
import net from 'node:net';
import crypto from 'node:crypto';
import { startLedger, rpc, rpcRaw, check, attempt, finish, peers, sleep, dam } from './node.mjs';

const isSanitized = fs.readFileSync(dam).includes('__asan_init');
const checkMemory = (name, good, detail) => {
  if (isSanitized) console.log(`skipped: ${name}: this build has AddressSanitizer, whose shadow and quarantine are memory too (${detail})`);
  else check(name, good, detail);
};

const ledger = await startLedger(['--dev']);
const { url, child } = ledger;
const { hostname: host, port } = new URL(url);
const status = () => fs.readFileSync(`/proc/${child.pid}/status`, 'utf8');
const field = name => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status())[1]) / 1024;
const [rss, peak] = [() => field('VmRSS'), () => field('VmHWM')];
const openFiles = () => fs.readdirSync(`/proc/${child.pid}/fd`).length;
const metric = async name => Number(new RegExp(`^dam_ledger_${name} (\\d+)`, 'm').exec(await (await fetch(url + '/metrics')).text())?.[1]);

// ---- the well-behaved client: it sends, reads and watches all the time
const good = { answers: 0, transactions: 0, heads: 0, failures: [] };
let running = true;
const me = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const reading = (async () => {
  while (running) {
    try {
      await rpc(url, 'eth_getBalance', [me, 'latest']); good.answers++;
      if (good.answers % 8 === 0) { await rpc(url, 'eth_sendTransaction', [{ from: me, to: me, value: '0x1' }]); good.transactions++; }
    } catch (e) { good.failures.push(e.message); await sleep(50); }
    await sleep(2);
  }
})();
const { WebSocket } = peers('ws');
const watcher = new WebSocket(url.replace('http', 'ws'));
watcher.onmessage = m => { if (JSON.parse(m.data).method === 'eth_subscription') good.heads++; };
await new Promise((ok, no) => { watcher.onopen = ok; watcher.onerror = no; });
watcher.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }));

// Do something nasty; the good client must have got on meanwhile.
async function during(name, fn) {
  await attempt(name, async () => {
    const [before, start] = [{ ...good }, Date.now()];
    await fn();
    const target = before.answers + 20;
    for (let i = 0; i < 600 && good.answers < target; i++) await sleep(50);
    check(`${name}: others are answered`, good.answers >= target, `${good.answers - before.answers} answers`);
      for (let i = 0; i < 400 && !(good.heads > before.heads && good.transactions > before.transactions); i++) await sleep(50);
    check(`${name}: others' transactions and events go on`, good.heads > before.heads && good.transactions > before.transactions);
    console.log(`${name}: ${((Date.now() - start) / 1000).toFixed(0)} s, RSS ${rss().toFixed(0)} MB, peak ${peak().toFixed(0)} MB, ${openFiles()} files open`);
  });
}

const sockets = new Set();
function dial(onData) {
  return new Promise(ok => {
    const s = net.connect({ host, port: Number(port), allowHalfOpen: true });
    s.closed_ = false;
    s.on('connect', () => ok(s)); s.on('error', () => { s.closed_ = true; ok(s); });
    s.on('close', () => { s.closed_ = true; sockets.delete(s); });
    s.on('end', () => { s.closed_ = true; s.end(); });
    if (onData) s.on('data', onData);
    sockets.add(s);
  });
}
const collect = s => { s.text = ''; s.on('data', d => { s.text += d.toString('latin1'); }); return s; };
const until = async (fn, ms = 30000) => { for (let i = 0; i < ms / 20; i++) { if (fn()) return true; await sleep(20); } return false; };
const dropAll = async () => { for (const s of [...sockets]) if (!loris.includes(s)) s.destroy(); await sleep(100); };
const post = body => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const call = (method, params = []) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });

const loris = [];
const base = rss();
console.log(`at the start: RSS ${base.toFixed(0)} MB`);

// ---- slowloris: a request that never ends, begun now and looked at later
for (let i = 0; i < 300; i++) { const s = collect(await dial()); s.write('POST / HTTP/1.1\r\nContent-Length: 1000000\r\nX-A: '); loris.push(s); }
const drip = setInterval(() => { for (const s of loris) if (!s.closed_) s.write('b'); }, 1000);
const lorisStart = Date.now();

// ---- many who say nothing
const wanted = Number(process.argv[2] ?? 10000);
const nofile = Number(/Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1]);
const count = Math.min(wanted, nofile - 1000);
if (count < wanted) console.log(`skipped: idle connections beyond ${count}: this machine allows ${nofile} open files`);
await during(`${count} idle connections`, async () => {
  const idle = [];
  for (let i = 0; i < count; i += 200) idle.push(...await Promise.all(Array.from({ length: Math.min(200, count - i) }, () => dial())));
  await until(() => openFiles() >= count);
  check('all are connected', openFiles() >= count && idle.every(s => !s.closed_), `${openFiles()} files, ${idle.filter(s => s.closed_).length} closed`);
  checkMemory('they hold little memory', rss() - base < 20 + count * 0.004, `${(rss() - base).toFixed(0)} MB for ${count}`);
  idle.length = 0;
});
await dropAll();
check('they are let go', await until(() => openFiles() < 1000), `${openFiles()} files`);

// ---- bodies
await during('oversized bodies', async () => {
  const long = collect(await dial()); long.write('POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n');
  check('a length beyond the limit is 413', await until(() => long.text.includes('413')), long.text.slice(0, 80));
  const endless = collect(await dial()); endless.write('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
  const part = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, 0x20), Buffer.from('\r\n')]);
  for (let i = 0; i < 40 && !endless.closed_ && !endless.text.includes('413'); i++) { endless.write(part); await sleep(5); }
  check('a body without end is 413', await until(() => endless.text.includes('413') || endless.closed_), endless.text.slice(0, 80));
  // Half bodies, together more than the server may hold for all.
  const half = [];
  for (let i = 0; i < 60; i++) { const s = await dial(() => {}); half.push(s); s.write('POST / HTTP/1.1\r\nContent-Length: 16000000\r\n\r\n'); s.write(Buffer.alloc(8 << 20, 0x20)); }
  await until(() => half.filter(s => s.closed_).length > 10, 20000);
  check('whoever holds most has to go', half.filter(s => s.closed_).length > 10, `${half.filter(s => s.closed_).length} of 60`);
});
await dropAll();

await during('JSON', async () => {
  const deep = await rpcRaw(url, '['.repeat(1 << 20));
  check('deep JSON is a parse error', deep.error?.code === -32700, JSON.stringify(deep).slice(0, 100));
  const deepObject = await rpcRaw(url, '{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[' + '{"a":'.repeat(100000) + '1' + '}'.repeat(100000) + ']}');
  check('so are deep objects', deepObject.error?.code === -32700);
  const wide = await rpcRaw(url, `{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"topics":[[${Array(200000).fill('"0x00"').join()}]]}]}`);
  check('a wide query is refused', wide.error?.code === -32602, JSON.stringify(wide).slice(0, 100));
  const many = await rpcRaw(url, JSON.stringify(Array(100000).fill({})));
  check('a batch beyond the limit is refused', many.error?.code === -32600, JSON.stringify(many).slice(0, 100));
  const batch = await rpcRaw(url, JSON.stringify(Array.from({ length: 5000 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'eth_getBlockByNumber', params: ['latest', true] }))));
  check('a batch at the limit is answered', batch.length === 5000 && batch.every(x => x.result));
  const name = await rpcRaw(url, call('x'.repeat(1 << 20)));
  check('a long method name is only a name', name.error?.code === -32601 && name.error.message.length < 200);
  const junk = await rpcRaw(url, Buffer.from([0x22, 0xff, 0xfe, 0x22]).toString('latin1'));
  check('junk is a parse error or no request', [-32700, -32600].includes(junk.error?.code));
});

// ---- readers that do not read
await during('slow readers', async () => {
  const slow = [];
  // Answers of a few MB each, asked again and again and never read.
  const big = post(JSON.stringify(Array.from({ length: 2000 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'eth_getBlockByNumber', params: ['latest', true] }))));
  for (let i = 0; i < 30; i++) { const s = await dial(); s.pause(); s.write(big.repeat(8)); slow.push(s); }
  // Subscriptions to everything, never read.
  for (let i = 0; i < 100; i++) {
    const s = await dial(); s.pause();
    s.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\n\r\n`);
    for (const what of ['newHeads', 'logs', 'newPendingTransactions']) s.write(frame(call('eth_subscribe', what === 'logs' ? [what, {}] : [what])));
    slow.push(s);
  }
  for (let i = 0; i < 24; i++) await rpc(url, 'anvil_mine', ['0x10']); // 384 blocks of events for each
  await sleep(1000);
});
await dropAll();

function frame(text, { fin = true, op = 1, masked = true } = {}) {
  const data = Buffer.from(text); const head = [(fin ? 0x80 : 0) | op];
  if (data.length < 126) head.push((masked ? 0x80 : 0) | data.length);
  else head.push((masked ? 0x80 : 0) | 126, data.length >> 8, data.length & 255);
  return Buffer.concat([Buffer.from(head), ...(masked ? [Buffer.alloc(4)] : []), data]);
}
async function webSocket() {
  const s = collect(await dial());
  s.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\n\r\n`);
  await until(() => s.text.includes('\r\n\r\n')); s.text = '';
  return s;
}
await during('half-closed sockets', async () => {
  const s = collect(await dial()); s.end(post(call('eth_chainId')));
  check('one who closes after asking is answered', await until(() => s.text.includes('0x7a69')), s.text.slice(0, 80));
  const sender = collect(await dial()); sender.end(post(call('eth_sendTransaction', [{ from: me, to: me }])));
  check('even when the answer waits for the disk', await until(() => /"result":"0x[0-9a-f]{64}"/.test(sender.text)), sender.text.slice(-120));
  for (let i = 0; i < 200; i++) { const t = await dial(); t.write(post(call('eth_sendTransaction', [{ from: me, to: me }]))); t.resetAndDestroy(); }
});
await during('broken frames', async () => {
  const unmasked = await webSocket(); unmasked.write(frame('{}', { masked: false }));
  check('an unmasked frame ends it', await until(() => unmasked.closed_));
  const huge = await webSocket(); huge.write(Buffer.from([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
  check('a frame of 2^63 bytes ends it', await until(() => huge.closed_));
  const endless = await webSocket(); // fragments that never end
  for (let i = 0; i < 1000 && !endless.closed_; i++) { endless.write(frame('x'.repeat(60000), { fin: false, op: i === 0 ? 1 : 0 })); if (i % 50 === 0) await sleep(2); }
  check('a message without end ends it', await until(() => endless.closed_));
  const random = await webSocket(); random.write(crypto.randomBytes(100000));
  check('noise ends it', await until(() => random.closed_));
  const polite = await webSocket(); polite.write(frame(call('eth_chainId')));
  check('a good one is answered', await until(() => polite.text.includes('0x7a69')));
});
await during('filters without end', async () => {
  const before = rss();
  const topics = Array.from({ length: 4 }, () => Array.from({ length: 1024 }, () => '0x' + crypto.randomBytes(32).toString('hex')));
  const widest = { address: Array.from({ length: 1024 }, () => '0x' + crypto.randomBytes(20).toString('hex')), topics };
  const batch = async (method, all) => (await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify(all.map((params, id) => ({ jsonrpc: '2.0', id, method, params }))) })).json());
  const drop = ids => batch('eth_uninstallFilter', ids.map(id => [id]));
  let made = [];
  let refusal;
  while (!refusal && made.length < 1000) await rpc(url, 'eth_newFilter', [widest]).then(id => made.push(id), e => { refusal = e.message; });
  check('the widest are refused in the end', /too many filters/.test(refusal) && made.length > 50, `${made.length}: ${refusal}`);
  await drop(made);
  made = [];
  for (let i = 0; i < 9; i++) {
    const answers = await batch('eth_newPendingTransactionFilter', Array.from({ length: 500 }, () => []));
    made.push(...answers.flatMap(a => a.result ?? []));
    refusal = answers.at(-1).error?.message;
  }
  check('and any, when they are too many', /too many filters/.test(refusal) && made.length > 3000, `${made.length}: ${refusal}`);
  const sent = [];
  for (let i = 0; i < 20; i++) sent.push(await rpc(url, 'eth_sendTransaction', [{ from: me, to: me, value: '0x2' }]));
  for (const id of [made[0], made.at(-1)]) {
    const told = await rpc(url, 'eth_getFilterChanges', [id]);
    check('each is told what came', sent.every(hash => told.includes(hash)), `${told.length}`);
    check('and only once', !(await rpc(url, 'eth_getFilterChanges', [id])).some(hash => sent.includes(hash)));
  }
  await drop(made);
  checkMemory('they hold little memory', rss() - before < 64, `${(rss() - before).toFixed(0)} MB`);
});
await dropAll();

// 256 MiB is the limit for what all clients hold (half of it, then the largest goes); the rest is the ledger's own.
checkMemory('peak memory is bounded', peak() < base + 400, `${peak().toFixed(0)} MB, ${base.toFixed(0)} at the start`);

// A contract that hands a MiB to an empty account, again and again: 100 gas for a MiB that a tracer may have to keep.
await during('traces without end', async () => {
  const before = rss();
  const spender = '0x00000000000000000000000000000000000e0d4e';
  await rpc(url, 'anvil_setCode', [spender, '0x6001620fffff535b5f5f621000005f5f60995af150600756']);
  const trace = (config, id) => rpcRaw(url, JSON.stringify({ jsonrpc: '2.0', id, method: 'debug_traceCall', params: [{ to: spender, gas: '0x2faf080' }, 'latest', config] }));
  const kept = await Promise.all([1, 2, 3].map(id => trace({ tracer: 'callTracer' }, id)));
  check('one that keeps too much is refused', kept.every((r, i) => r.id === i + 1 && /memory limit/.test(r.error?.message)), JSON.stringify(kept).slice(0, 300));
  const told = await Promise.all([4, 5, 6].map(id => trace({ enableMemory: true }, id)));
  check('one that tells too much is refused by its id', told.every((r, i) => r.id === i + 4 && r.error?.code === -32003), JSON.stringify(told).slice(0, 300));
  // 4 KiB of memory at each of 6,900 steps is 59 MiB to tell: it comes whole; with 7,200 it is too large.
  const teller = { enableMemory: true, stateOverrides: { [spender]: { code: '0x6001610fff535b600656' } } };
  const whole = await trace({ ...teller, limit: 6900 }, 8);
  check('a large reply comes whole', whole.result?.structLogs?.length === 6900, JSON.stringify(whole.error));
  check('a larger one is refused', (await trace({ ...teller, limit: 7200 }, 9)).error?.code === -32003);
  const [caller, large] = ['0x00000000000000000000000000000000000e0d5e', '0x0000000000000000000000000000000000000099'];
  const stateOverrides = { [caller]: { code: '0x5b5f5f5f5f5f60995af1505f56' }, [large]: { code: '0x' + '00'.repeat(24000) } }; // calls it again and again
  const looked = await rpcRaw(url, JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'debug_traceCall', params: [{ to: caller, gas: '0x2faf080' }, 'latest', { tracer: 'prestateTracer', stateOverrides }] }));
  check('one that looks at the same again and again is answered', looked.result?.[large]?.code === stateOverrides[large].code, JSON.stringify(looked).slice(0, 300));
  // Each of two threads may keep 128 MiB and tell 60.
  checkMemory('they hold no more than they may', peak() - before < 400, `${(peak() - before).toFixed(0)} MB`);
});
await dropAll();

// ---- what became of the slow senders: 20 s from a request's first byte to its last
await attempt('slowloris', async () => {
  await until(() => loris.every(s => s.closed_) && Date.now() - lorisStart > 1000, 40000);
  clearInterval(drip);
  check('slow senders are dropped', loris.every(s => s.closed_), `${loris.filter(s => !s.closed_).length} are still there`);
});

await attempt('afterwards', async () => {
  const watching = watcher.readyState === 1; watcher.close(); running = false; await reading;
  check('the well-behaved watcher was never dropped', watching);
  check('no well-behaved request failed', good.failures.length === 0, `${good.failures.length}: ${good.failures[0]}`);
  check('the clients that went are gone', await until(() => openFiles() < 60), `${openFiles()} files`);
  check('they were counted', await metric('http_dropped_slow_total') >= 300 && await metric('http_dropped_limit_total') > 10);
  checkMemory('memory comes back', isSanitized || await until(() => rss() < base + 200), `${rss().toFixed(0)} MB`);
  console.log(`well-behaved: ${good.answers} answers, ${good.transactions} transactions, ${good.heads} heads; RSS peak ${peak().toFixed(0)} MB, now ${rss().toFixed(0)} MB`);
});
check('it ends well', await ledger.stop() === 0, ledger.talk().slice(-2000));
finish();
