// SPDX-License-Identifier: Apache-2.0
// What skills show on the dashboard under test: every panel filled, as demo/panels.py fills it.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";

const MONEY = { symbol: "tDAM", decimals: 6 };
export const GOVERNOR = "0x" + "60".repeat(20);
export const PROPOSAL = "18446744073709551617000000000000000001";

/** now: Unix seconds of the machine. Returns {name: value}. */
export function sections(now) {
  const quarter = Math.floor(now / 900) * 900;
  return {
    flow: [{ role: "source", label: "Panels", power_w: 12340 }, { role: "store", label: "Battery", power_w: -7420, note: "64 % full" },
      { role: "load", label: "Houses", power_w: -4210 }, { role: "grid", label: "Grid", power_w: -710, note: "export" }],
    series: [{ label: "Panels", unit: "kW", value: 12.34 }, { label: "Houses", unit: "kW", value: 4.21, dash: [5, 3] },
      { label: "Battery", unit: "%", value: 64, ink: 3 }, { label: "Clearing price", unit: "tDAM/kWh", value: 0.192, ink: 4 }],
    treasury: { ...MONEY, balance: "141320000", earned: "21640000", spent: "80160000", account: "0x" + "a8".repeat(20), limits: [
      { name: "Market deposits", left: "1480000000", limit: "1500000000", period: "a day" },
      { name: "Maintenance", left: "220000000", limit: "300000000", period: "a week" }] },
    market: { ...MONEY, last_price: "192000", interval_start: quarter + 900, closes_at: quarter + 600, cleared: false, volume_wh: "0", sold_wh: "101700",
      delivered_wh: "127600", book: [{ side: "sell", price: "192000", wh: "470", who: "this machine" }, { side: "buy", price: "208000", wh: "180", who: "house 3" },
        { side: "buy", price: "208000", wh: "130", who: "house 4" }] },
    oracles: [{ name: "meter A", value: "467 Wh", time: quarter, state: "agrees", lies: 0 }, { name: "meter C", value: "99,999 Wh", time: quarter, state: "outlier", lies: 1 }],
    jobs: [{ title: "Clean the panels", state: "funded", amount: "80000000", worker: "Lumen Maintenance" }],
    anchors: [{ size: 96, root: "0x" + "c8".repeat(32), time: quarter - 90000 }, { size: 192, root: "0x" + "46".repeat(32), time: quarter - 3600 }],
    law: { jurisdiction: "US-WY", entity: "DAO LLC 2026-0001 (example)", agent: "Example Agents Inc.", liable: "Village DAO LLC (example)", documents: 2, epoch: 3,
      bond: "1 ETH in the Court" },
    chain: { id: 31337, name: "Village ledger", rpc: "http://127.0.0.1:8545", governor: GOVERNOR },
    demo: { skill: "demo", paused: false, speed: 3600, day: 2, days: 7, voters: ["Cleo"], news: ["Mon 12:30: Lumen Maintenance is hired"] },
    proposals: [
      { id: "7", title: "Found the site", state: "executed", actions: [{ call: "Registry.register()", changes: [] }], supply: "1000000000000000000000",
        for: "1000000000000000000000", against: "0", quorum: "400000000000000000000", starts_at: quarter - 90000, ends_at: quarter - 80000, eta: quarter - 70000,
        votes: [{ who: "Ada", word: "for" }] },
      { id: PROPOSAL, title: "Vote in the trained mind", state: "active", actions: [{ call: "Constitution.propose(id 1)",
        changes: [{ name: "mind", from: "SurplusMind 0x4a67…5319", to: "PeakMind 0x95d7…5d02" }] }], rehearsal: "+0.85 tDAM on 21.26 (+4.0 %) in 1.3 days",
        supply: "1000000000000000000000", for: "400000000000000000000", against: "100000000000000000000", quorum: "400000000000000000000",
        starts_at: quarter - 3600, ends_at: quarter + 7200, eta: 0, votes: [{ who: "Ada", word: "for" }] }],
  };
}

export function show(home, values) {
  const folder = path.join(home, "sections");
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(values)) {
    writeFileSync(path.join(folder, `${name}.json.new`), JSON.stringify(value));
    renameSync(path.join(folder, `${name}.json.new`), path.join(folder, `${name}.json`));
  }
}

/** The answers of the skill `demo`. */
export function accounts(now) {
  const quarter = Math.floor(now / 900) * 900;
  const hash = (byte) => "0x" + byte.repeat(32);
  const month = new Date(now * 1000).toISOString().slice(0, 7);
  return { month, months: ["2022-12", month], statement: { opening: "21000000", closing: "141348480", shortfall: "750", held: "91500", lines: [
    { what: "founding capital", count: 1, amount: "200000000" }, { what: "energy sold", count: 3, amount: "348480" }, { what: "maintenance, escrow", count: 1, amount: "-80000000" }] },
    fees_wei: "94824000000000000", transactions: 472,
    payments: [{ time: now - 7200, block: 12, what: "founding capital", who: "the community", amount: "200000000", tx: hash("26") },
      { time: now - 3600, block: 90, what: "maintenance, escrow", who: "Lumen Maintenance", amount: "-80000000", seq: 31, tx: hash("3b") }],
    intervals: [1, 2, 3].map((i) => ({ time: quarter - 900 * i, seq: 2 * i, sold_wh: "610", metered_wh: "605", price_kwh: "192000", earned: "116160",
      shortfall: "250", order_tx: hash("88"), settled_tx: hash("d6") })) };
}

export function series(now) {
  const times = Array.from({ length: 96 }, (_, i) => now - 900 * (96 - i));
  const sun = (t) => Math.max(0, Math.sin(((t % 86400) / 86400) * 2 * Math.PI - Math.PI / 2));
  const line = (label, unit, f, more) => ({ label, unit, ...more, values: times.map(f) });
  return { times, lines: { Panels: line("Panels", "kW", (t) => 14 * sun(t)), Houses: line("Houses", "kW", (t) => 3 + sun(t + 20000), { dash: [5, 3] }),
    Battery: line("Battery", "%", (t) => 50 + 40 * Math.sin(t / 13750), { ink: 3 }),
    "Clearing price": line("Clearing price", "tDAM/kWh", (t) => (t % 86400 > 57600 && t % 86400 < 75600 ? 0.45 : 0.192), { ink: 4 }) } };
}
