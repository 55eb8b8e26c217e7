// SPDX-License-Identifier: Apache-2.0
// The official tracer files: go-ethereum's own tracer tests through `dam evm trace`, and geth-spec-tests' debug_trace* requests
// against a ledger that has imported their chain.
//   node tests/ledger/tracers.mjs [folder with go-ethereum and geth-spec-tests]
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { startLedger, run, rpcRaw, check, attempt, finish, root, dam, tempDir } from './node.mjs';

function folder() {
  if (process.argv[2]) return process.argv[2];
  const r = spawnSync(path.join(root, 'tools/vectors-unpack'), ['tracers'], { encoding: 'utf8' });
  return r.status === 0 ? path.join(r.stdout.trim(), 'tracers') : null;
}
const dir = folder();
if (!dir) { console.log('skipped: the tracer files are not there (set DAM_SHARED)'); console.log('0 passed, 0 failed'); process.exit(0); }

const jsonFiles = d => fs.readdirSync(d, { withFileTypes: true }).flatMap(e => e.isDirectory() ? jsonFiles(path.join(d, e.name)) : e.name.endsWith('.json') ? [path.join(d, e.name)] : []).sort();
const read = f => JSON.parse(fs.readFileSync(f, 'utf8'));
const clip = v => JSON.stringify(v)?.slice(0, 120);

function difference(want, got, at = '') {
  if (typeof want !== typeof got || Array.isArray(want) !== Array.isArray(got) || (want === null) !== (got === null)) return `${at}: want ${clip(want)}, got ${clip(got)}`;
  if (want && typeof want === 'object') {
    for (const k of new Set([...Object.keys(want), ...Object.keys(got)])) { const d = difference(want[k], got[k], `${at}.${k}`); if (d) return d; }
    return null;
  }
  return want === got ? null : `${at}: want ${clip(want)}, got ${clip(got)}`;
}

// What go-ethereum's own comparison does not look at, because its files are older than the fields or have them empty.
const none = v => v === null || v === undefined || v === '' || v === '0x' || /^0x0+$/.test(v) || (typeof v === 'object' && Object.keys(v).length === 0);
const bare = o => Object.fromEntries(Object.entries(o ?? {}).filter(([, v]) => !none(v)));
const flat = list => list.map(f => ({ action: bare(f.action), error: f.error ?? null, result: bare(f.result), subtraces: f.subtraces, traceAddress: f.traceAddress, type: f.type }));
function withoutLogIndex(frame) {
  for (const log of frame.logs ?? []) delete log.index;
  for (const call of frame.calls ?? []) withoutLogIndex(call);
  return frame;
}
const tracerOf = { call_tracer: 'callTracer', call_tracer_withLog: 'callTracer', call_tracer_flat: 'flatCallTracer', prestate_tracer: 'prestateTracer', prestate_tracer_with_diff_mode: 'prestateTracer', erc7562_tracer: 'erc7562Tracer' };

const scratch = tempDir();
const groups = fs.readdirSync(path.join(dir, 'go-ethereum'));
for (const group of groups) {
  const tracer = tracerOf[group];
  if (!tracer) { console.log(`skipped: go-ethereum/${group}: no tracer of ours (an interpreted one)`); continue; }
  for (const file of jsonFiles(path.join(dir, 'go-ethereum', group))) {
    const name = `${group}/${path.basename(file)}`;
    await attempt(name, () => {
      const test = read(file);
      const { IstanbulBlock, ...config } = test.genesis.config; // Go reads keys in any letter case
      if (IstanbulBlock !== undefined) test.genesis.config = { ...config, istanbulBlock: IstanbulBlock };
      const scene = path.join(scratch, 'scene.json');
      fs.writeFileSync(scene, JSON.stringify(test));
      const out = execFileSync(dam, ['evm', 'trace', scene, '--tracer', tracer, '--config', JSON.stringify(test.tracerConfig ?? {})], { encoding: 'utf8', maxBuffer: 1 << 28 });
      let [want, got] = [test.result, JSON.parse(out)];
      if (tracer === 'flatCallTracer') [want, got] = [flat(want), flat(got)];
      if (tracer === 'callTracer') [want, got] = [withoutLogIndex(want), withoutLogIndex(got)];
      check(name, difference(want, got) === null, difference(want, got));
    });
  }
}
// A file that is changed must fail, else nothing above was compared.
await attempt('the comparison compares', () => {
  const test = read(path.join(dir, 'go-ethereum/call_tracer/throw.json'));
  check('the comparison compares', difference({ ...test.result, gasUsed: '0x1' }, test.result) !== null);
});

const spec = path.join(dir, 'geth-spec-tests');
const data = tempDir();
run(['ledger', 'import', path.join(spec, 'chain-data/blocks.bin'), '--genesis', path.join(spec, 'chain-data/genesis.json'), '--data', data]);
const ledger = await startLedger(['--data', data, '--block-time', '86400']);
for (const file of jsonFiles(path.join(spec, 'specs'))) {
  const name = path.relative(spec, file);
  await attempt(name, async () => {
    const test = read(file);
    const got = await rpcRaw(ledger.url, test.request);
    check(name, difference(test.response, got) === null, difference(test.response, got));
  });
}
// muxTracer is each of its parts.
await attempt('muxTracer', async () => {
  const ask = async (tracer, tracerConfig) => (await rpcRaw(ledger.url, { jsonrpc: '2.0', id: 1, method: 'debug_traceBlockByNumber', params: ['0x19', { tracer, tracerConfig }] })).result.map(r => r.result);
  const parts = { callTracer: { withLog: true }, prestateTracer: { diffMode: true }, flatCallTracer: {}, '4byteTracer': {}, erc7562Tracer: {}, noopTracer: {} };
  const whole = await ask('muxTracer', parts);
  check('a block with transactions', whole.length > 0);
  for (const [tracer, config] of Object.entries(parts)) {
    const alone = await ask(tracer, config);
    check(`muxTracer has ${tracer}`, difference(alone, whole.map(w => w[tracer])) === null);
  }
});
// The files have one plain call each; here is what ERC-7562's rules ask for beside that.
await attempt('erc7562Tracer', async () => {
  const [outer, inner, shown, nobody] = ['aa', 'bb', '77', '99'].map(end => '0x' + end.padStart(40, '0'));
  const slot = n => '0x' + n.toString(16).padStart(64, '0');
  const code = '0x60773b1550' + '60773f50' + '5a50' // EXTCODESIZE ISZERO; EXTCODEHASH; GAS that is for no call
    + '6001600555' + '60055450' + '60065450'        // a slot written then read, and one only read
    + '600260075d' + '60075c50' + '60205f2050'      // TSTORE, TLOAD, KECCAK256 of memory that is not there yet
    + '5f5f5f5f5f60bb6032f150' + '5f5f5f5f5f60995af15000'; // a call with 50 gas, and one with GAS
  const stateOverrides = { [outer]: { code }, [inner]: { code: '0x5b5f56' }, [shown]: { code: '0x000000' } };
  const trace = async config => await rpcRaw(ledger.url, { jsonrpc: '2.0', id: 1, method: 'debug_traceCall', params: [{ to: outer, gas: '0x186a0' }, 'latest', { tracer: 'erc7562Tracer', ...config, stateOverrides }] });
  const { result } = await trace();
  const { calls, from, gas, gasUsed, to, input, type, value, ...told } = result;
  const want = {
    accessedSlots: { reads: { [slot(6)]: [slot(0)] }, writes: { [slot(5)]: 1 }, transientReads: { [slot(7)]: 1 }, transientWrites: { [slot(7)]: 1 } },
    extCodeAccessInfo: [shown], outOfGas: false, keccak: [slot(0)],
    usedOpcodes: { '0x0': 1, '0x20': 1, '0x3b': 1, '0x3f': 1, '0x54': 2, '0x55': 1, '0x5a': 1, '0x5c': 1, '0x5d': 1, '0xf1': 2 },
    contractSize: { [shown]: { contractSize: 3, opcode: 0x3b }, [inner]: { contractSize: 3, opcode: 0xf1 }, [nobody]: { contractSize: 0, opcode: 0xf1 } },
  };
  check('erc7562Tracer tells what the rules ask for', difference(want, told) === null, difference(want, told));
  check('erc7562Tracer tells of inner calls', calls.length === 2 && calls[0].outOfGas && calls[0].error === 'out of gas' && !calls[1].outOfGas
    && difference({ '0x56': 5, '0x5b': 5 }, calls[0].usedOpcodes) === null && difference({}, calls[1].usedOpcodes) === null, JSON.stringify(calls).slice(0, 400));
  const all = (await trace({ tracerConfig: { ignoredOpcodes: [] } })).result;
  check('erc7562Tracer can count every opcode', all.usedOpcodes['0x50'] === 9 && all.usedOpcodes['0x5f'] === 11, JSON.stringify(all.usedOpcodes));
  const refused = await trace({ tracerConfig: { ignoredOpcodes: ['0x100'] } });
  check('erc7562Tracer refuses what is no opcode', refused.error?.message.includes('ignoredOpcodes'), JSON.stringify(refused));
});
await ledger.stop();
finish();
