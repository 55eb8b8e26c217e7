// SPDX-License-Identifier: Apache-2.0
// The official JSON-RPC files of ethereum/execution-apis against a ledger that has imported their chain.
//   node tests/ledger/vectors.mjs [folder with execution-apis files] [only this method]
// Compared as JSON after taking error.message out where both sides have it, as hive's rpc-compat does; files marked
// `speconly` must have the same members.
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { startLedger, run, rpcRaw, check, attempt, finish, shared, tempDir } from './node.mjs';

function folder() {
  if (process.argv[2]) return process.argv[2];
  const archive = path.join(shared, 'evmtests', 'evmtests-dev.tar.zst');
  if (!fs.existsSync(archive)) return null;
  const dir = tempDir();
  execFileSync('tar', ['--zstd', '-xf', archive, '-C', dir, './rpc']);
  const found = execFileSync('find', [dir, '-name', 'chain.rlp'], { encoding: 'utf8' }).trim().split('\n')[0];
  return found ? path.dirname(found) : null;
}

const dir = folder();
if (!dir) { console.log('skipped: the rpc files are not in ' + path.join(shared, 'evmtests')); console.log('0 passed, 0 failed'); process.exit(0); }

// What we do not serve: building blocks from outside is the engine API's business.
const notServed = new Set(['testing_buildBlockV1']);

function strip(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) { for (let i = 0; i < Math.min(a.length, b.length); i++) strip(a[i], b[i]); return; }
  if (a?.error && b?.error) { delete a.error.message; delete b.error.message; }
  // Inside results (eth_simulateV1) failures of calls have messages too.
  for (const k of ['result', 'calls']) if (Array.isArray(a?.[k]) && Array.isArray(b?.[k])) strip(a[k], b[k]);
}
function difference(want, got, at = '') {
  if (typeof want !== typeof got || Array.isArray(want) !== Array.isArray(got) || (want === null) !== (got === null)) return `${at}: want ${JSON.stringify(want)?.slice(0, 90)}, got ${JSON.stringify(got)?.slice(0, 90)}`;
  if (want && typeof want === 'object') {
    for (const k of new Set([...Object.keys(want), ...Object.keys(got)])) { const d = difference(want[k], got[k], `${at}.${k}`); if (d) return d; }
    return null;
  }
  return want === got ? null : `${at}: want ${JSON.stringify(want)?.slice(0, 90)}, got ${JSON.stringify(got)?.slice(0, 90)}`;
}
function shape(want, got, at = '') {
  if (want === null || got === null) return null;
  if (typeof want !== typeof got || Array.isArray(want) !== Array.isArray(got)) return `${at}: another kind of value`;
  if (Array.isArray(want)) return want.length && got.length ? shape(want[0], got[0], at + '[0]') : null;
  if (typeof want === 'object' && Object.keys(want).every(k => /^(0x[0-9a-fA-F]{40}|\d+)$/.test(k))) return shape(Object.values(want)[0] ?? null, Object.values(got)[0] ?? null, at + '.*'); // a map
  if (typeof want === 'object') for (const k of Object.keys(want)) { if (!(k in got)) return `${at}.${k} is missing`; const d = shape(want[k], got[k], `${at}.${k}`); if (d) return d; }
  return null;
}

const data = tempDir();
run(['ledger', 'import', path.join(dir, 'chain.rlp'), '--genesis', path.join(dir, 'genesis.json'), '--data', data]);
const head = JSON.parse(run(['ledger', 'check', '--data', data, '--json']));
check('the imported chain checks', head.head === 54 && head.faults === 0, JSON.stringify(head));
const ledger = await startLedger(['--data', data, '--block-time', '86400', '--gas-limit', '200000000']);

const only = process.argv[3];
for (const method of fs.readdirSync(dir).sort()) {
  if (!fs.statSync(path.join(dir, method)).isDirectory() || method === 'chain-extra' || notServed.has(method) || (only && method !== only)) continue;
  for (const file of fs.readdirSync(path.join(dir, method)).sort()) {
    const name = `${method}/${file}`;
    await attempt(name, async () => {
      const text = fs.readFileSync(path.join(dir, method, file), 'utf8');
      const speconly = /^\/\/ *speconly/m.test(text);
      let request;
      for (const line of text.split('\n')) {
        if (line.startsWith('>>')) request = line.slice(2).trim();
        if (!line.startsWith('<<')) continue;
        const want = JSON.parse(line.slice(2).trim());
        const got = await rpcRaw(ledger.url, request);
        strip(want, got);
        const d = speconly ? shape(want, got) : difference(want, got);
        check(name, d === null, d);
      }
    });
  }
}
await ledger.stop();
finish();
