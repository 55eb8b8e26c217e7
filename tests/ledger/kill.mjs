// SPDX-License-Identifier: Apache-2.0
// kill -9 in a loop under load: what was acknowledged is there after each restart, nothing twice, the chain checks. Then a full store,
// a second ledger on the same data, and hostile clients beside a well-behaved one.
import net from 'node:net';
import { startLedger, run, rpc, rpcRaw, check, attempt, finish, peers, tempDir, sleep } from './node.mjs';

const { privateKeyToAccount } = peers('viem/accounts');
const key = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const account = privateKeyToAccount(key);
const rounds = Number(process.env.DAM_KILL_ROUNDS ?? 12);
const sign = (nonce, to = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8') => account.signTransaction({ chainId: 31337, type: 'eip1559', maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, gas: 21000n, to, value: 1n, nonce });

await attempt('kill -9 under load', async () => {
  const data = tempDir();
  const acked = [];
  let nonce = 0;
  for (let round = 0; round < rounds; round++) {
    const ledger = await startLedger(['--dev', '--data', data]);
    nonce = Number(await rpc(ledger.url, 'eth_getTransactionCount', [account.address, 'pending']));
    let stop = false;
    setTimeout(() => { stop = true; ledger.child.kill('SIGKILL'); }, 120 + round * 37);
    while (!stop) {
      const batch = await Promise.all(Array.from({ length: 8 }, (_, i) => sign(nonce + i)));
      nonce += 8;
      await Promise.all(batch.map(async raw => {
        try { const r = await rpcRaw(ledger.url, { jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [raw] }); if (r.result) acked.push(r.result); } catch { /* killed */ }
      }));
    }
    await ledger.gone;
  }
  const cold = JSON.parse(run(['ledger', 'check', '--data', data, '--json']));
  check('what a killed process has left checks as it lies', cold.faults === 0 && cold.head > 0, JSON.stringify(cold));
  const ledger = await startLedger(['--dev', '--data', data]);
  await sleep(100);
  let lost = 0;
  for (const hash of acked) if (!(await rpc(ledger.url, 'eth_getTransactionByHash', [hash]))) lost++;
  check(`none of ${acked.length} acknowledged transactions is lost`, lost === 0 && acked.length > rounds, `${lost} lost`);
  const head = Number(await rpc(ledger.url, 'eth_blockNumber'));
  const seen = new Set();
  let twice = 0;
  for (let n = 1; n <= head; n++) for (const hash of (await rpc(ledger.url, 'eth_getBlockByNumber', ['0x' + n.toString(16), false])).transactions) { if (seen.has(hash)) twice++; seen.add(hash); }
  check('none is in two blocks', twice === 0);
  check('the nonce is the number of transactions', Number(await rpc(ledger.url, 'eth_getTransactionCount', [account.address, 'latest'])) === seen.size);
  const beside = () => JSON.parse(run(['ledger', 'stats', '--data', data, '--json'])).head;
  for (let i = 0; i < 100 && beside() !== head; i++) await sleep(50);
  check('when it is quiet the file has all of it', beside() === head, String(beside()));
  const second = await startLedger(['--dev', '--data', data]).then(() => 'started', e => e.message);
  check('a second ledger on the same data is refused', /another ledger is running/.test(second), second);
  await ledger.stop();
  const report = JSON.parse(run(['ledger', 'check', '--data', data, '--json']));
  check('the chain checks', report.faults === 0 && report.head === head, JSON.stringify(report));
  const back = Math.max(head - 20, 0);
  run(['ledger', 'rollback', '--to', String(back), '--data', data]);
  const after = JSON.parse(run(['ledger', 'check', '--data', data, '--json']));
  check('and after a rollback too', after.faults === 0 && after.head === back, JSON.stringify(after));
});

await attempt('the pool survives', async () => {
  const data = tempDir();
  let ledger = await startLedger(['--dev', '--data', data, '--block-time', '86400']);
  const hash = await rpc(ledger.url, 'eth_sendRawTransaction', [await sign(0)]);
  await ledger.stop('SIGKILL');
  ledger = await startLedger(['--dev', '--data', data]);
  await sleep(200);
  check('a transaction that waited is in a block after the restart', (await rpc(ledger.url, 'eth_getTransactionReceipt', [hash]))?.status === '0x1');
  await ledger.stop();
});

await attempt('hostile clients', async () => {
  const ledger = await startLedger(['--dev']);
  const port = Number(new URL(ledger.url).port);
  const open = text => new Promise((ok, no) => { const s = net.connect(port, '127.0.0.1', () => { if (text) s.write(text); ok(s); }); s.on('error', no); });
  const idle = [];
  for (let i = 0; i < 2000; i++) idle.push(await open(''));
  const slow = [];
  for (let i = 0; i < 100; i++) slow.push(await open('POST / HTTP/1.1\r\nContent-Length: 1000\r\n'));
  for (const s of [...idle, ...slow]) s.on('error', () => {});
  const big = await fetch(ledger.url, { method: 'POST', body: 'x'.repeat(20 << 20) }).then(r => r.status, () => 'closed');
  check('an oversized body is refused', big === 413 || big === 'closed', String(big));
  const deep = await rpcRaw(ledger.url, '['.repeat(100000));
  check('deep JSON is refused', deep.error?.code === -32700, JSON.stringify(deep));
  const garbage = await open('\x00\xff\x13GARBAGE\r\n\r\n');
  check('garbage is answered with 400', await new Promise(r => { garbage.on('data', d => r(d.toString().includes(' 400 '))); garbage.on('close', () => r(false)); }));
  const took = [];
  for (let i = 0; i < 200; i++) { const t = performance.now(); await rpc(ledger.url, 'eth_blockNumber'); took.push(performance.now() - t); }
  took.sort((a, b) => a - b);
  check('others keep their latency', took[180] < 250, `p90 ${took[180].toFixed(1)} ms`);
  for (const s of [...idle, ...slow]) s.destroy();
  await ledger.stop();
});
finish();
