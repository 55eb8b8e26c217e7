// SPDX-License-Identifier: Apache-2.0
// A disk that says no: full (a small tmpfs, and short writes), failing writes, failing syncs, a full map. Each time the submitter is told
// in words, readers are answered, nothing that was acknowledged is lost and nothing that was refused is kept; when the disk is well again
// the same process goes on; and after kill -9 the chain checks.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { startLedger, run, rpc, rpcRaw, tempDir, check, attempt, finish, peers, root } from './node.mjs';

const { privateKeyToAccount } = await import(peers.resolve('viem/accounts'));
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const payload = '0x' + '5b'.repeat(12000);

// A submitter that remembers what it was told.
function submitter(url) {
  const s = { url, nonce: 0, acked: [], refused: [], last: null };
  s.send = async () => {
    const raw = await account.signTransaction({ chainId: 31337, type: 'eip1559', maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, gas: 3000000n, to: account.address, data: payload, nonce: s.nonce, value: BigInt(s.refused.length) });
    const r = await rpcRaw(s.url, { jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [raw] });
    if (r.result) { s.acked.push(r.result); s.nonce++; } else { s.refused.push(raw); s.last = r.error; }
    return r;
  };
  return s;
}

async function audit(name, url, s, data, child, gone) {
  const { keccak256 } = await import(peers.resolve('viem'));
  for (const [when, at] of [['', url], [' after kill -9', null]]) {
    let ledger = null;
    if (at === null) { child.kill('SIGKILL'); await gone; if (data === null) return; ledger = await startLedger(['--dev', '--data', data]); }
    const u = at ?? ledger.url;
    let lost = 0, kept = 0;
    for (const hash of s.acked) if ((await rpc(u, 'eth_getTransactionReceipt', [hash]))?.status !== '0x1') lost++;
    for (const raw of s.refused) if (await rpc(u, 'eth_getTransactionByHash', [keccak256(raw)])) kept++;
    check(`${name}: what was acknowledged is there${when}`, lost === 0 && s.acked.length > 0, `${lost} of ${s.acked.length} lost`);
    check(`${name}: what was refused is not${when}`, kept === 0, `${kept} of ${s.refused.length} kept`);
    check(`${name}: the nonce is their number${when}`, Number(await rpc(u, 'eth_getTransactionCount', [account.address, 'pending'])) === s.acked.length);
    await ledger?.stop();
  }
  const report = JSON.parse(run(['ledger', 'check', '--data', data, '--json']));
  check(`${name}: the chain checks`, report.faults === 0, JSON.stringify(report));
}

const told = (s, re) => s.last !== null && s.last.code === -32603 && re.test(s.last.message) && /nothing was accepted/.test(s.last.message);
const reads = async (name, url, s) => check(`${name}: readers are answered`, Number(await rpc(url, 'eth_blockNumber')) === s.acked.length && (await rpc(url, 'eth_getBalance', [account.address, 'latest'])).length > 10);
const ready = async (name, url, status) => { const r = await fetch(url + '/readyz'); check(`${name}: /readyz is ${status}`, r.status === status && (status === 200 || /cannot write/.test(await r.text())), `${r.status}`); };

await attempt('a full disk', async () => {
  const mount = tempDir();
  const may = spawnSync('unshare', ['-Urm', 'sh', '-c', `mount -t tmpfs none "${mount}"`]);
  if (may.status !== 0) { console.log('skipped: a full disk: no tmpfs can be mounted here (unshare -Urm)'); return; }
  const ledger = await startLedger(['--dev', '--data', path.join(mount, 'data')], {}, ['unshare', '-Urm', 'sh', '-c', `mount -t tmpfs -o size=8m none "${mount}" && exec "$0" "$@"`]);
  const inside = p => `/proc/${ledger.child.pid}/root${mount}/${p}`;
  const s = submitter(ledger.url);
  for (let i = 0; i < 20; i++) await s.send();
  check('a full disk: it begins well', s.acked.length === 20, JSON.stringify(s.last));
  const filler = fs.openSync(inside('filler'), 'w');
  let filled = 0;
  try { for (;;) filled += fs.writeSync(filler, Buffer.alloc(4096)); } catch (e) { check('a full disk: it is full', e.code === 'ENOSPC', e.code); }
  for (let i = 0; i < 200 && s.refused.length < 3; i++) await s.send();
  check('a full disk: the submitter is told', told(s, /cannot write.*space/), JSON.stringify(s.last));
  await reads('a full disk', ledger.url, s);
  await ready('a full disk', ledger.url, 503);
  fs.closeSync(filler); fs.unlinkSync(inside('filler'));
  await ready('a full disk: with space', ledger.url, 200);
  const before = s.acked.length;
  for (let i = 0; i < 10; i++) await s.send();
  check('a full disk: with space it goes on', s.acked.length === before + 10, JSON.stringify(s.last));
  const out = tempDir();
  for (const name of ['ledger.journal', 'ledger.mdb']) fs.copyFileSync(inside(`data/${name}`), path.join(out, name)); // the mount goes with the process
  await audit('a full disk', ledger.url, s, out, ledger.child, ledger.gone);
});

await attempt('a disk with faults', async () => {
  const dir = tempDir();
  const shim = path.join(dir, 'faulty_disk.so');
  const cc = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-D_GNU_SOURCE', '-o', shim, path.join(root, 'tests/ledger/faulty_disk.c')], { encoding: 'utf8' });
  if (cc.status !== 0) { check('the faulty disk compiles', false, cc.stderr); return; }
  const words = { full: /cannot write: no space left/, sync: /cannot write: input or output failed/, write: /cannot write: input or output failed/, head: /cannot write: input or output failed/, late: /cannot write: input or output failed/ };
  for (const [fault, re] of Object.entries(words)) {
    const data = tempDir();
    const control = path.join(data, 'fault');
    const ledger = await startLedger(['--dev', '--data', data], { LD_PRELOAD: shim, DAM_FAULT: control });
    const s = submitter(ledger.url);
    for (let i = 0; i < 3; i++) await s.send();
    for (let round = 0; round < 3; round++) {
      fs.writeFileSync(control, fault);
      const refused = s.refused.length;
      const takes = /head|late/.test(fault) ? 100 : 1; // the journal takes what the file does not, until it is full
      for (let i = 0; i < takes && s.refused.length === refused; i++) await s.send();
      check(`${fault}, round ${round}: the submitter is told`, s.refused.length === refused + 1 && (told(s, re) || (fault === 'late' && /store: input or output failed/.test(s.last.message))), JSON.stringify(s.last));
      await s.send();
      check(`${fault}, round ${round}: so is the next`, s.refused.length === refused + 2 && s.last.code === -32603, JSON.stringify(s.last));
      if (fault !== 'late') await reads(`${fault}, round ${round}`, ledger.url, s); // the file has to be put right first
      await ready(`${fault}, round ${round}`, ledger.url, 503);
      fs.unlinkSync(control);
      await ready(`${fault}, round ${round}, well again`, ledger.url, 200);
      await reads(`${fault}, round ${round}, well again`, ledger.url, s);
      const before = s.acked.length;
      for (let i = 0; i < 3; i++) await s.send();
      check(`${fault}, round ${round}: then it goes on`, s.acked.length === before + 3, JSON.stringify(s.last));
    }
    await audit(fault, ledger.url, s, data, ledger.child, ledger.gone);
  }
});

await attempt('a full map', async () => {
  const data = tempDir();
  let ledger = await startLedger(['--dev', '--data', data, '--max-size', '3M']);
  const s = submitter(ledger.url);
  for (let i = 0; i < 400 && s.refused.length < 3; i++) await s.send();
  check('a full map: the submitter is told', told(s, /cannot write.*space/), JSON.stringify(s.last));
  await reads('a full map', ledger.url, s);
  await ready('a full map', ledger.url, 503);
  await ledger.stop();
  ledger = await startLedger(['--dev', '--data', data, '--max-size', '30M']);
  s.url = ledger.url;
  const before = s.acked.length;
  for (let i = 0; i < 10; i++) await s.send();
  await ready('a full map: with a larger --max-size', ledger.url, 200);
  check('a full map: with a larger --max-size it goes on', s.acked.length === before + 10, JSON.stringify(s.last));
  await audit('a full map', ledger.url, s, data, ledger.child, ledger.gone);
});
finish();
