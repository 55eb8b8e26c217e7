// SPDX-License-Identifier: Apache-2.0
// The smaller panels: money, market, jobs, oracles, evidence, law, channels, stop.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { post } from "./api.js";
import { MISSING, QUALITIES, clock, decimal, relative, short, time, withUnit } from "./format.js";

export function Panel({ id, title, span = 4, children }) {
  return html`<section aria-labelledby=${id} class="panel s${span}"><h2 id=${id}>${title}</h2>${children}</section>`;
}

function Facts({ rows }) {
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function Treasury({ treasury: t }) {
  if (!t) return html`<p class="empty">No chain account: this machine holds no money.</p>`;
  const money = (v) => `${decimal(v, t.decimals, 2)} ${t.symbol}`;
  return html`<p class="big">${money(t.balance)}</p>
    <${Facts} rows=${[["Earned", money(t.earned)], ["Paid", money(t.spent)], ["Account", html`<code title=${t.account}>${short(t.account)}</code>`]]} />
    <h3>Limits left</h3>
    ${t.limits?.length ? html`<ul class="limits">${t.limits.map((l) => html`<li><span>${l.name}</span>
      <meter min="0" max="1" value=${Number(l.left) / Number(l.limit)} aria-label=${l.name + " left"}></meter>
      <span class="num">${decimal(l.left, t.decimals, 0)} of ${decimal(l.limit, t.decimals, 0)} ${t.symbol} ${l.period}</span></li>`)}</ul>`
      : html`<p class="empty">No spending limit is set: the account refuses every payment.</p>`}`;
}

function Book({ market: m, price }) {
  if (!m.book?.length) return html`<p class="empty">The book of this interval is empty.</p>`;
  const most = Math.max(...m.book.map((o) => Number(o.wh)));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="the order book"><table class="book"><thead><tr><th scope="col">Side</th>
    <th scope="col" class="num">${m.symbol}/kWh</th><th scope="col" class="num">kWh</th><th scope="col">Who</th></tr></thead><tbody>
    ${m.book.map((o) => html`<tr class=${o.side}><td>${o.side}</td><td class="num">${price(o.price)}</td>
      <td class="num depth"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect x=${100 - 100 * Number(o.wh) / most}
        width=${100 * Number(o.wh) / most} height="10" /></svg><span>${decimal(o.wh, 3, 2)}</span></td><td>${o.who}</td></tr>`)}</tbody></table></div>`;
}

export function Market({ market: m, now }) {
  if (!m) return html`<p class="empty">This machine trades on no market.</p>`;
  const price = (p) => decimal(p, m.decimals, 3);
  return html`<p class="big">${m.last_price === null ? "no trade yet" : `${price(m.last_price)} ${m.symbol}/kWh`}</p>
    <${Facts} rows=${[["Book of", `${clock(m.interval_start)}, ${m.cleared ? `cleared: ${decimal(m.volume_wh, 3, 2)} kWh` : `${m.closes_at < now ? "closed" : "closes"} ${relative(m.closes_at, now)}`}`],
      ["Sold", `${decimal(m.sold_wh, 3, 1)} kWh`], ["Metered", `${decimal(m.delivered_wh, 3, 1)} kWh`]]} />
    <${Book} market=${m} price=${price} />`;
}

export function Jobs({ jobs, symbol, decimals }) {
  if (!jobs?.length) return html`<p class="empty">No job posted yet.</p>`;
  return html`<ul class="plain">${jobs.map((j) => html`<li><strong>${j.title}</strong> <span class="tag">${j.state}</span><br/>
    <span class="note">${decimal(j.amount, decimals, 2)} ${symbol} to ${j.worker || "nobody yet"}</span></li>`)}</ul>`;
}

export function Oracles({ oracles, now }) {
  if (!oracles?.length) return html`<p class="empty">No oracle reports to this machine.</p>`;
  return html`<table><thead><tr><th scope="col">Reporter</th><th scope="col" class="num">Last report</th><th scope="col">When</th><th scope="col">State</th></tr></thead>
    <tbody>${oracles.map((o) => html`<tr><td>${o.name}</td><td class="num">${o.value}</td><td>${relative(o.time, now)}</td>
      <td class=${o.state === "agrees" ? "good" : "bad"}>${o.state}${o.lies > 0 ? `, ${o.lies} outlier${o.lies > 1 ? "s" : ""}` : ""}</td></tr>`)}</tbody></table>`;
}

export function Evidence({ evidence: e, anchors, now }) {
  if (!e) return html`<p class="empty">No evidence yet.</p>`;
  const last = anchors?.at(-1);
  return html`<${Facts} rows=${[["Leaves", `${e.size.toLocaleString()}, ${e.durable.toLocaleString()} durable`], ["Root", html`<code title=${e.root}>${short(e.root)}</code>`],
      ["Anchored", last ? `${last.size.toLocaleString()} leaves, ${relative(last.time, now)}` : "not yet"]]} />
    ${anchors?.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="checkpoints on the chain"><table><thead><tr>
      <th scope="col" class="num">Leaves</th><th scope="col">Root</th><th scope="col">Anchored</th></tr></thead><tbody>
      ${[...anchors].reverse().slice(0, 8).map((a) => html`<tr><td class="num">${a.size.toLocaleString()}</td><td><code>${short(a.root)}</code></td>
        <td>${clock(a.time)}</td></tr>`)}</tbody></table></div>`}
    <p class="links"><a href="/accounts">Accounts, to print</a> <a href="/api/export.csv" download>Decisions as CSV</a> <a href="/checkpoint">Checkpoint</a></p>`;
}

export function Law({ law, mind, charter, epoch, names }) {
  const code = (c) => html`${names[c?.address]} <code title=${c?.address}>${short(c?.address)}</code>`;
  return html`<${Facts} rows=${[["Mind", code(mind)], ["Charter", code(charter)], ["Epoch", epoch ?? law?.epoch ?? "–"],
    ...(law ? [["Jurisdiction", law.jurisdiction], ["Entity", law.entity], ["Agent", law.agent ?? "–"], ["Liable party", law.liable],
      ["Bond", law.bond ?? "–"], ["Documents", `${law.documents} on record`]] : [])]} />
    ${!law && html`<p class="empty">No legal record is registered.</p>`}`;
}

export function Channels({ channels, actuators }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="all channels"><table>
    <thead><tr><th scope="col">Channel</th><th scope="col" class="num">Value</th><th scope="col">Quality</th></tr></thead>
    <tbody>${channels.map((c) => html`<tr key=${c.name}><td>${c.title || c.name}</td><td class="num">${c.quality === MISSING ? "–" : withUnit(c)}</td>
      <td class=${c.quality === 0 ? "" : "bad"}>${QUALITIES[c.quality]}</td></tr>`)}
    ${actuators.map((a) => html`<tr key=${a.name}><td>${a.title || a.name}</td><td class="num">${withUnit(a)}</td><td class="note">set</td></tr>`)}
    </tbody></table></div>`;
}

/** Stopping and letting run are both asked for twice; the second button has the focus, so that Enter, Enter stops. */
export function Stop({ stopped }) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState(null);
  const yes = useRef(null);
  useLayoutEffect(() => { if (asking) yes.current?.focus(); }, [asking]);
  const set = (on) => post("/api/stop", { on }).then(() => { setAsking(false); setError(null); }, (e) => setError(e.message));
  const sorry = error && html`<span role="alert" class="bad">${error}</span>`;
  if (asking) {
    return html`<span class="asking" role="group" aria-label="confirm">${stopped ? "Let it act again?" : "All actuators to their safe values?"}
      <button ref=${yes} class=${stopped ? "" : "stop"} onClick=${() => set(!stopped)}>${stopped ? "Yes, let it run" : "Yes, stop now"}</button>
      <button onClick=${() => setAsking(false)}>No</button>${sorry}</span>`;
  }
  if (!stopped) return html`<span><button class="stop" onClick=${() => setAsking(true)}>■ Stop the machine</button>${sorry}</span>`;
  return html`<span class="stopped"><span role="status">Stopped: actuators are at their safe values.</span>
    <button onClick=${() => setAsking(true)}>Release the stop</button>${sorry}</span>`;
}
