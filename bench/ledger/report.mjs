// SPDX-License-Identifier: Apache-2.0
// The table of bench/ledger/run: ours, anvil's, how many times better, and the bar of the issue.
import fs from 'node:fs';
import os from 'node:os';

const [dir, dam] = process.argv.slice(2);
const json = (name) => JSON.parse(fs.readFileSync(`${dir}/${name}.json`));
const both = (name) => ['anvil', 'dam'].map((who) => (fs.existsSync(`${dir}/${who}-${name}.json`) ? json(`${who}-${name}`) : undefined));
const limits = json('limits');
const started = json('start');
const cell = (x) => (x === undefined || Number.isNaN(x) ? '-' : String(+x.toPrecision(4)));
function row(name, anvil, ours, bar, less) {
  const ratio = less ? anvil / ours : ours / anvil;
  console.log(name.padEnd(38), cell(ours).padStart(10), cell(anvil).padStart(10), (Number.isFinite(ratio) ? ratio.toFixed(2) + 'x' : '-').padStart(9), ` ${bar}`);
}
console.log(''.padEnd(38), 'dam'.padStart(10), 'anvil'.padStart(10), 'better'.padStart(9), ' bar');
const cpu = (t) => t && (t.transfer.cpu_s / t.transfer.txs) * 1e3;
let [a, d] = both('pool');
row(`transfers/s end to end (${d?.transfer.txs})`, a?.transfer.e2e_tx_s, d?.transfer.e2e_tx_s, '3x');
row('server CPU, ms a transfer', cpu(a), cpu(d), '4x', true);
row('block production, transfers/s', a?.transfer.mine_tx_s, d?.transfer.mine_tx_s, "0.75x (40,000/s where anvil's is 54,000)");
row(`RSS after ${d?.transfer.txs} transfers, MB`, a?.transfer.after.rssMB, d?.transfer.after.rssMB, '10x', true);
row('RSS peak, MB', a?.transfer.after.peakMB, d?.transfer.after.peakMB, '', true);
[a, d] = both('seq');
row('one at a time with receipt, tx/s', a?.seq.tx_s, d?.seq.tx_s, "20x (2,000/s where anvil's is 98)");
row('  p50, ms', a?.seq.p50_ms, d?.seq.p50_ms, '', true);
[a, d] = both('reads');
for (const kind of Object.keys(d?.read ?? {})) {
  row(`${kind}/s`, a?.read[kind]?.req_s, d.read[kind].req_s, '2x');
}
const depth = json('dam-depth').transfer;
row('64 in flight on demand, transfers/s', undefined, depth.e2e_tx_s, `no stall: ${depth.nudges} nudges, ${depth.errors} errors (anvil: stalls)`);
row('start to first answer, ms', started.anvil.ms, started.dam.ms, '10 ms', true);
row('RSS when idle, MB', started.anvil.rssMB, started.dam.rssMB, '10 MB', true);
row('binary, MB', undefined, fs.statSync(dam).size / 1e6, '5 MB');
console.log(`limits here: ${limits.commits_s} synced LMDB commits/s; ${limits.recoveries_s} sender recoveries/s a core x ${os.cpus().length} cores; load ${os.loadavg()[0].toFixed(1)}`);
