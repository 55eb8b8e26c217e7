// SPDX-License-Identifier: Apache-2.0
// A month's accounts, to read and to print: the money from the first balance to the last; what the log says and what the skill that
// trades says, side by side, a line a day; then each payment and each quarter that was sold, with the leaf and the transaction that prove it.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get } from "./api.js";
import { Damaged } from "./decisions.js";
import { day, decimal, month, short, time } from "./format.js";

const kwh = (wh) => (wh === undefined || wh === null ? "–" : decimal(String(wh), 3, 2));
const sum = (rows, key) => rows.reduce((a, r) => a + BigInt(r[key] ?? 0), 0n).toString();
const leaf = (seq) => (seq === null || seq === undefined ? "–" : `#${seq}`);
const monthOf = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 7);

function Statement({ statement: s, money, symbol }) {
  return html`<table><caption>Money</caption><thead><tr><th scope="col">What</th><th scope="col" class="num">Times</th><th scope="col" class="num">${symbol}</th></tr></thead>
    <tbody><tr><th scope="row">Balance before</th><td></td><td class="num">${money(s.opening)}</td></tr>
    ${s.lines.map((l) => html`<tr><td>${l.what}</td><td class="num">${l.count.toLocaleString()}</td><td class="num">${money(l.amount)}</td></tr>`)}</tbody>
    <tfoot><tr><th scope="row">Balance after</th><td></td><td class="num">${money(s.closing)}</td></tr></tfoot></table>
    <p class="note">Of the deposits, ${money(s.shortfall)} ${symbol} were lost this month for energy that was sold and not delivered; ${money(s.held)} ${symbol} still lay with the market at its end.</p>`;
}

function Days({ days, accounts, money, symbol }) {
  const sold = (d) => accounts?.intervals.filter((r) => r.time >= d.start && r.time < d.start + 86400) ?? [];
  const channels = Object.keys(days[0]?.energy_wh ?? {});
  const house = (d) => channels.filter((c) => c !== "pv").reduce((a, c) => a + BigInt(d.energy_wh[c]), 0n);
  const row = (d, rows) => html`<td class="num">${d.decisions.toLocaleString()}</td><td class="num">${d.changed}</td>
    <td class="num">${d.refused + d.unknown}</td><td class="num">${kwh(d.energy_wh.pv)}</td><td class="num">${kwh(house(d))}</td>
    <td class="num">${kwh(sum(rows, "sold_wh"))}</td><td class="num">${kwh(sum(rows, "metered_wh"))}</td>
    <td class="num">${money(sum(rows, "earned"))}</td><td class="num">${money(sum(rows, "shortfall"))}</td>`;
  const total = days.reduce((a, d) => ({ decisions: a.decisions + d.decisions, changed: a.changed + d.changed, refused: a.refused + d.refused,
    unknown: a.unknown + d.unknown, energy_wh: Object.fromEntries(channels.map((c) => [c, (BigInt(a.energy_wh[c] ?? 0) + BigInt(d.energy_wh[c])).toString()])) }),
    { decisions: 0, changed: 0, refused: 0, unknown: 0, energy_wh: {} });
  return html`<table class="wide"><caption>Day by day (days are UTC)</caption><thead><tr><th scope="col">Day</th><th scope="col">Leaves</th>
    <th scope="col" class="num">Decisions</th><th scope="col" class="num">changed</th><th scope="col" class="num">not done</th>
    <th scope="col" class="num">Panels kWh</th><th scope="col" class="num">Houses kWh</th><th scope="col" class="num">Sold kWh</th>
    <th scope="col" class="num">Metered kWh</th><th scope="col" class="num">Earned ${symbol}</th><th scope="col" class="num">Shortfall ${symbol}</th></tr></thead>
    <tbody>${days.map((d) => html`<tr><th scope="row">${day(d.start)}</th><td>#${d.first}–#${d.last}</td>${row(d, sold(d))}</tr>`)}</tbody>
    <tfoot><tr><th scope="row">Sum</th><td></td>${row(total, accounts?.intervals ?? [])}</tr></tfoot></table>`;
}

function Payments({ payments, money, symbol }) {
  if (!payments?.length) return html`<p class="empty">No payment but the market's.</p>`;
  return html`<table class="wide"><caption>Other money, in and out</caption><thead><tr><th scope="col">Time</th><th scope="col">What</th>
    <th scope="col">Whom</th><th scope="col" class="num">${symbol}</th><th scope="col">Leaf</th><th scope="col">Transaction</th></tr></thead>
    <tbody>${payments.map((p) => html`<tr><td>${time(p.time)}</td><td>${p.what}</td><td>${p.who}</td><td class="num">${money(p.amount)}</td>
      <td>${leaf(p.seq)}</td><td><code>${short(p.tx)}</code></td></tr>`)}</tbody></table>`;
}

function Intervals({ intervals, money, symbol }) {
  const rows = intervals.filter((r) => Number(r.sold_wh) > 0);
  if (!rows.length) return html`<p class="empty">No energy was sold.</p>`;
  return html`<table class="wide"><caption>Each interval that was sold</caption><thead><tr><th scope="col">Interval</th><th scope="col">Leaf</th>
    <th scope="col" class="num">Sold kWh</th><th scope="col" class="num">Metered kWh</th><th scope="col" class="num">${symbol}/kWh</th>
    <th scope="col" class="num">Earned ${symbol}</th><th scope="col">Order</th><th scope="col">Settled</th></tr></thead>
    <tbody>${rows.map((r) => html`<tr><td>${time(r.time)}</td><td>${leaf(r.seq)}</td><td class="num">${kwh(r.sold_wh)}</td>
      <td class="num">${kwh(r.metered_wh)}</td><td class="num">${money(r.price_kwh, 3)}</td><td class="num">${money(r.earned)}</td>
      <td><code>${short(r.order_tx)}</code></td><td><code>${short(r.settled_tx)}</code></td></tr>`)}</tbody></table>`;
}

async function load() {
  const [state, { days, ...log }] = await Promise.all([get("/api/state"), get("/api/days")]);
  const asked = new URLSearchParams(location.search).get("month");
  const skill = state.demo?.skill;
  const accounts = skill ? await get(`/api/skills/${skill}/accounts${asked ? `?month=${encodeURIComponent(asked)}` : ""}`) : null;
  const months = [...new Set([...(accounts?.months ?? []), ...days.map((d) => monthOf(d.start))])].sort();
  const shown = accounts?.month ?? (months.includes(asked) ? asked : months.at(-1));
  return { state, accounts, months, shown, log, days: days.filter((d) => monthOf(d.start) === shown) };
}

export function Accounts() {
  const [seen, setSeen] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => { load().then(setSeen, (e) => setError(e.message)); }, []);
  if (error) return html`<main class="accounts"><h1>Accounts</h1><p class="bad" role="alert">The accounts could not be loaded: ${error}</p>
    <p><a href="/">Back to the machine</a></p></main>`;
  if (!seen) return html`<main class="accounts"><h1>Accounts</h1><p role="status">Loading…</p></main>`;
  const { state: s, accounts, months, shown, log, days } = seen;
  const { decimals, symbol = "" } = s.treasury ?? {};
  const money = (v, digits = 2) => (decimals === undefined ? "–" : decimal(v, decimals, digits));
  const csv = `/api/skills/${s.demo?.skill}/accounts.csv?month=${shown}`;
  return html`<main class="accounts">
    <header><div><h1>Accounts of ${s.machine.title || s.machine.name}${shown && html`: ${month(shown)}`}</h1>
      <p>${s.law ? `${s.law.entity}, ${s.law.jurisdiction}. ` : ""}As of ${time(s.machine.time)}; days and months are UTC.</p></div>
      <p class="controls noprint"><button class="primary" onClick=${() => print()}>Print</button>
      ${accounts && html` <a href=${csv} download>This month as CSV</a>`} <a href="/api/export.csv" download>Decisions as CSV</a> <a href="/">Back to the machine</a></p></header>
    ${months.length > 1 && html`<nav class="controls noprint" aria-label="months">${months.map((m) => html`<a href=${`/accounts?month=${m}`}
      aria-current=${m === shown ? "page" : undefined}>${month(m)}</a>`)}</nav>`}
    ${accounts ? html`<dl class="facts"><dt>Balance after</dt><dd>${money(accounts.statement.closing)} ${symbol}</dd>
      <dt>Energy sold</dt><dd>${kwh(sum(accounts.intervals, "sold_wh"))} kWh</dd><dt>Decisions</dt><dd>${days.reduce((a, d) => a + d.decisions, 0).toLocaleString()}</dd>
      <dt>Network fees</dt><dd>${decimal(accounts.fees_wei, 18, 4)} ETH <small>in ${accounts.transactions.toLocaleString()} transactions</small></dd></dl>
      <${Statement} statement=${accounts.statement} money=${money} symbol=${symbol} />`
      : html`<p class="empty">No skill keeps money accounts for this machine; what follows comes from its log alone.</p>`}
    <${Damaged} ...${log} />
    ${days.length ? html`<${Days} days=${days} accounts=${accounts} money=${money} symbol=${symbol} />` : html`<p class="empty">No decision was recorded in this time.</p>`}
    ${accounts && html`<${Payments} payments=${accounts.payments} money=${money} symbol=${symbol} /><${Intervals} intervals=${accounts.intervals} money=${money} symbol=${symbol} />`}
    <p class="tie">Tied to: log of ${s.evidence.size.toLocaleString()} leaves, root <code>${s.evidence.root}</code>${s.anchors?.length
      ? `; anchored on chain ${s.chain?.id}: ${s.anchors.map((a) => a.size.toLocaleString()).join(", ")} leaves` : "; not anchored yet"}. A leaf is checked
      with${" "}<code>dam verify</code>, a decision with${" "}<code>dam why</code>, every line of the CSV with${" "}<code>demo/books.py</code>.</p>
  </main>`;
}
