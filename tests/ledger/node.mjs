// SPDX-License-Identifier: Apache-2.0
// Starts `dam ledger` for a test and counts what was checked.
import { spawn, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const dam = process.env.DAM ?? path.join(root, 'build/dam');
export const shared = process.env.DAM_SHARED ?? path.resolve(root, '../shared');
export const peers = createRequire(path.join(root, 'peers/package.json'));
export const peerBin = name => path.join(root, 'peers/node_modules/.bin', name);

const dirs = [];
export function tempDir() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'dam-test-'));
  dirs.push(dir);
  return dir;
}

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const dir of dirs) fs.rmSync(dir, { recursive: true, force: true });
});

// Start a ledger on a free port; resolves with {url, child, stop}. through: a command that runs the command it is given.
export async function startLedger(args, env = {}, through = []) {
  const command = [...through, dam, 'ledger', '--rpc', '127.0.0.1:0', ...args];
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  children.add(child);
  let talk = '';
  child.stderr.on('data', d => { talk += d; });
  const gone = new Promise(r => child.on('close', code => { children.delete(child); r(code); })); // after its last word
  const url = await new Promise((ok, no) => {
    let text = '';
    child.stdout.on('data', d => { text += d; const m = /http:\S+/.exec(text); if (m) ok(m[0]); });
    gone.then(code => no(new Error(`dam ledger ended with ${code}: ${talk}`)));
  });
  return { url, child, gone, talk: () => talk, stop: async (signal = 'SIGTERM') => { child.kill(signal); return gone; } };
}

export function run(args) { return execFileSync(dam, args, { encoding: 'utf8' }); }

export async function rpcRaw(url, body) {
  const r = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) });
  return r.json();
}

let id = 0;
export async function rpc(url, method, params = []) {
  const r = await rpcRaw(url, { jsonrpc: '2.0', id: ++id, method, params });
  if (r.error) { const e = new Error(`${method}: ${JSON.stringify(r.error).slice(0, 300)}`); e.rpc = r.error; throw e; }
  return r.result;
}

let passed = 0, failed = 0;
export function check(name, good, detail = '') {
  if (good) passed++;
  else { failed++; console.log(`FAILED: ${name}${detail ? ': ' + detail : ''}`); }
}
export async function attempt(name, fn) {
  try { await fn(); } catch (e) { check(name, false, e.stack?.slice(0, 600) ?? String(e)); }
}
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
export const sleep = ms => new Promise(r => setTimeout(r, ms));
