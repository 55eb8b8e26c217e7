// SPDX-License-Identifier: Apache-2.0
// The smaller panels: money, market, jobs, oracles, evidence, law, channels, stop.
import { useState } from "preact/hooks";
import { html } from "./html.js";
import { post } from "./api.js";
import { QUALITIES, decimal, relative, short, time, withUnit } from "./format.js";

export function Panel({ id, title, wide, children }) {
  return html`<section aria-labelledby=${id} class=${wide ? "panel wide" : "panel"}><h2 id=${id}>${title}</h2>${children}</section>`;
}

function Facts({ rows }) {
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function Treasury({ treasury: t }) {
  if (!t) return html`<p class="empty">No chain account: this machine holds no money.</p>`;
  const money = (v) => `${decimal(v, t.decimals, 2)} ${t.symbol}`;
  return html`<p class="big">${money(t.balance)}</p>
    <${Facts} rows=${[["Earned", money(t.earned)], ["Paid", money(t.spent)], ["Account", html`<code>${t.account}</code>`]]} />
    <h3>Limits left</h3>
    ${t.limits?.length ? html`<ul>${t.limits.map((l) => html`<li>${l.name}: ${money(l.left)} of ${money(l.limit)} ${l.period}
      <meter min="0" max="1" value=${Number(l.left) / Number(l.limit)} aria-label=${l.name + " left"}></meter></li>`)}</ul>`
      : html`<p class="empty">No spending limit is set: the account refuses every payment.</p>`}`;
}

export function Market({ market: m, now }) {
  if (!m) return html`<p class="empty">This machine trades on no market.</p>`;
  const price = (p) => `${decimal(p, m.decimals, 3)} ${m.symbol}/kWh`;
  return html`<${Facts} rows=${[["Last clearing price", m.last_price === null ? "none yet" : price(m.last_price)],
      ["Interval", `${time(m.interval_start)}, closes ${relative(m.closes_at, now)}`],
      ["Sold so far", `${decimal(m.sold_wh, 3, 2)} kWh`], ["Delivered", `${decimal(m.delivered_wh, 3, 2)} kWh`]]} />
    ${m.book?.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="the order book"><table><thead><tr><th scope="col">Side</th>
      <th scope="col">Price</th><th scope="col">kWh</th><th scope="col">Who</th></tr></thead><tbody>
      ${m.book.map((o) => html`<tr><td>${o.side}</td><td class="num">${price(o.price)}</td>
        <td class="num">${decimal(o.wh, 3, 2)}</td><td>${o.who}</td></tr>`)}</tbody></table></div>`
      : html`<p class="empty">The book of this interval is empty.</p>`}`;
}

export function Jobs({ jobs, symbol, decimals }) {
  if (!jobs?.length) return html`<p class="empty">No job posted yet.</p>`;
  return html`<ul>${jobs.map((j) => html`<li><strong>${j.title}</strong> <span class="tag">${j.state}</span><br/>
    ${decimal(j.amount, decimals, 2)} ${symbol}, ${j.worker || "nobody yet"}</li>`)}</ul>`;
}

export function Oracles({ oracles, now }) {
  if (!oracles?.length) return html`<p class="empty">No oracle reports to this machine.</p>`;
  return html`<table><thead><tr><th scope="col">Reporter</th><th scope="col">Last report</th><th scope="col">When</th><th scope="col">State</th></tr></thead>
    <tbody>${oracles.map((o) => html`<tr><td>${o.name}</td><td class="num">${o.value}</td><td>${relative(o.time, now)}</td>
      <td class=${o.state === "agrees" ? "good" : "bad"}>${o.state}</td></tr>`)}</tbody></table>`;
}

export function Evidence({ evidence: e, machine }) {
  if (!e) return html`<p class="empty">No evidence yet.</p>`;
  return html`<${Facts} rows=${[["Leaves", e.size.toLocaleString()], ["Root", html`<code>${short(e.root)}</code>`],
      ["Anchored on chain", e.anchored_size == null ? "not yet" : `${e.anchored_size.toLocaleString()} leaves`],
      ["Machine", html`<code>${short(machine.id)}</code>`]]} />
    <p><a href="/api/export.csv" download>Decisions as CSV</a> · <a href="/checkpoint">Checkpoint</a></p>`;
}

export function Law({ law, mind, charter, epoch }) {
  return html`<${Facts} rows=${[["Mind", html`${mind?.name || "–"} <code>${short(mind?.address)}</code>`],
    ["Charter", html`${charter?.name || "–"} <code>${short(charter?.address)}</code>`], ["Epoch", epoch ?? "–"],
    ...(law ? [["Jurisdiction", law.jurisdiction], ["Entity", law.entity], ["Liable party", law.liable],
      ["Documents", `${law.documents} on record`]] : [])]} />
    ${!law && html`<p class="empty">No legal record is registered.</p>`}`;
}

export function Channels({ channels, actuators }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="all channels"><table>
    <thead><tr><th scope="col">Channel</th><th scope="col">Value</th><th scope="col">Quality</th></tr></thead>
    <tbody>${channels.map((c) => html`<tr key=${c.name}><td>${c.name}</td><td class="num">${withUnit(c)}</td>
      <td class=${c.quality === 0 ? "" : "bad"}>${QUALITIES[c.quality]}</td></tr>`)}
    ${actuators.map((a) => html`<tr key=${a.name}><td>${a.name} (actuator)</td><td class="num">${withUnit(a)}</td><td>set</td></tr>`)}
    </tbody></table></div>`;
}

/** The stop is one click on, two clicks off: stopping must never be slow, starting must never be an accident. */
export function Stop({ stopped }) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState(null);
  const set = (on) => post("/api/stop", { on }).then(() => { setAsking(false); setError(null); }, (e) => setError(e.message));
  if (!stopped) return html`<span><button class="stop" onClick=${() => set(true)}>■ Stop the machine</button>
    ${error && html`<span role="alert" class="bad">${error}</span>`}</span>`;
  return html`<span role="status" class="stopped">Stopped: actuators are at their safe values.${" "}
    ${asking ? html`<button onClick=${() => set(false)}>Yes, let it run</button>${" "}<button onClick=${() => setAsking(false)}>No</button>`
      : html`<button onClick=${() => setAsking(true)}>Release the stop</button>`}
    ${error && html`<span role="alert" class="bad">${error}</span>`}</span>`;
}
