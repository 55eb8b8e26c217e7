// SPDX-License-Identifier: Apache-2.0
// The accounts, to read and to print: what the log says and what the skill that trades says, side by side, a line a day;
// then each quarter that was sold and each payment, with the leaf and the transaction that prove it.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get } from "./api.js";
import { clock, day, decimal, short, time } from "./format.js";

const kwh = (wh) => (wh === undefined || wh === null ? "–" : decimal(String(wh), 3, 2));
const sum = (rows, key) => rows.reduce((a, r) => a + BigInt(r[key] ?? 0), 0n).toString();

function Days({ days, accounts, money }) {
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
    <th scope="col" class="num">Metered kWh</th><th scope="col" class="num">Earned</th><th scope="col" class="num">Shortfall</th></tr></thead>
    <tbody>${days.map((d) => html`<tr><th scope="row">${day(d.start)}</th><td>#${d.first}–#${d.last}</td>${row(d, sold(d))}</tr>`)}</tbody>
    <tfoot><tr><th scope="row">Sum</th><td></td>${row(total, accounts?.intervals ?? [])}</tr></tfoot></table>`;
}

function Payments({ payments, money }) {
  if (!payments?.length) return html`<p class="empty">No payment but the market's.</p>`;
  return html`<table class="wide"><caption>Other money, in and out</caption><thead><tr><th scope="col">Time</th><th scope="col">What</th>
    <th scope="col">Whom</th><th scope="col" class="num">Amount</th><th scope="col">Transaction</th></tr></thead>
    <tbody>${payments.map((p) => html`<tr><td>${clock(p.time)}</td><td>${p.what}</td><td>${p.who}</td><td class="num">${money(p.amount)}</td>
      <td><code>${short(p.tx)}</code></td></tr>`)}</tbody></table>`;
}

function Intervals({ intervals, money }) {
  const rows = intervals.filter((r) => Number(r.sold_wh) > 0);
  return html`<table class="wide"><caption>Each interval that was sold</caption><thead><tr><th scope="col">Interval</th><th scope="col">Leaf</th>
    <th scope="col" class="num">Sold kWh</th><th scope="col" class="num">Metered kWh</th><th scope="col" class="num">Price a kWh</th>
    <th scope="col" class="num">Earned</th><th scope="col">Order</th><th scope="col">Settled</th></tr></thead>
    <tbody>${rows.map((r) => html`<tr><td>${clock(r.time)}</td><td>${r.seq === null ? "–" : `#${r.seq}`}</td><td class="num">${kwh(r.sold_wh)}</td>
      <td class="num">${kwh(r.metered_wh)}</td><td class="num">${money(r.price_kwh, 3)}</td><td class="num">${money(r.earned)}</td>
      <td><code>${short(r.order_tx)}</code></td><td><code>${short(r.settled_tx)}</code></td></tr>`)}</tbody></table>`;
}

export function Accounts() {
  const [seen, setSeen] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    (async () => {
      const state = await get("/api/state");
      const { days } = await get("/api/days");
      const accounts = state.demo ? await get(`/api/skills/${state.demo.skill}/accounts`) : null;
      setSeen({ state, days, accounts });
    })().catch((e) => setError(e.message));
  }, []);
  if (error) return html`<main class="accounts"><h1>Accounts</h1><p class="bad" role="alert">The accounts could not be loaded: ${error}</p>
    <p><a href="/">Back to the machine</a></p></main>`;
  if (!seen) return html`<main class="accounts"><h1>Accounts</h1><p role="status">Loading…</p></main>`;
  const { state: s, days, accounts } = seen;
  const t = s.treasury;
  const money = (v, digits = 2) => (t ? `${decimal(v, t.decimals, digits)}` : "–");
  return html`<main class="accounts">
    <header><div><h1>Accounts of ${s.machine.title || s.machine.name}</h1>
      <p>${days.length ? `${time(days[0].start)} to ${time(s.machine.time)}` : "no day yet"}${s.law ? ` · ${s.law.entity}, ${s.law.jurisdiction}` : ""}</p></div>
      <p class="controls noprint"><button class="primary" onClick=${() => print()}>Print</button> <a href="/api/export.csv" download>Decisions as CSV</a>
      ${accounts && html` <a href=${`/api/skills/${s.demo.skill}/accounts.csv`} download>Accounts as CSV</a>`} <a href="/">Back to the machine</a></p></header>
    ${t && html`<dl class="facts"><dt>Balance</dt><dd>${money(t.balance)} ${t.symbol}</dd><dt>Earned</dt><dd>${money(t.earned)} ${t.symbol}</dd>
      <dt>Paid</dt><dd>${money(t.spent)} ${t.symbol}</dd><dt>Network fees</dt><dd>${accounts ? html`${decimal(accounts.fees_wei, 18, 4)} ETH <small>in ${accounts.transactions.toLocaleString()} transactions</small>` : "–"}</dd></dl>`}
    ${days.length ? html`<${Days} days=${days} accounts=${accounts} money=${money} />` : html`<p class="empty">No decision has been recorded yet.</p>`}
    ${accounts ? html`<${Payments} payments=${accounts.payments} money=${money} /><${Intervals} intervals=${accounts.intervals} money=${money} />`
      : html`<p class="empty">No skill keeps money accounts for this machine; the table above comes from its log alone.</p>`}
    <p class="tie">Tied to: log of ${s.evidence.size.toLocaleString()} leaves, root <code>${s.evidence.root}</code>${s.anchors?.length
      ? `; anchored on chain ${s.chain?.id}: ${s.anchors.map((a) => a.size.toLocaleString()).join(", ")} leaves` : "; not anchored yet"}. A leaf is checked with
      <code>dam verify</code>, a decision with <code>dam why</code>, a sum with <code>demo/books.py</code>.</p>
  </main>`;
}
