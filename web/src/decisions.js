// SPDX-License-Identifier: Apache-2.0
// Every decision with its reasons, and the button that runs it again.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get, post } from "./api.js";
import { OUTCOMES, QUALITIES, clock, time, withUnit } from "./format.js";

const PAGE = 12;

function Verify({ seq }) {
  const [state, setState] = useState(null);
  const run = async () => {
    setState({ busy: true });
    try {
      setState(await post(`/api/decisions/${seq}/verify`));
    } catch (error) {
      setState({ detail: error.message });
    }
  };
  const [style, verdict] = !state || state.busy ? ["", ""] : state.ok ? ["good", "✓ the same: "]
    : state.judged ? ["bad", "✗ differs: "] : ["warned", "not judged: "];
  return html`<p class="verify"><button class="primary" onClick=${run} disabled=${state?.busy}>Run it again and compare</button>${" "}
    <span role="status" class=${style}>${state?.busy ? "running…" : verdict + (state?.detail ?? "")}</span></p>`;
}

const age = (ms) => (ms === 4294967295 ? "never" : ms >= 120000 ? `${Math.round(ms / 60000)} min` : `${(ms / 1000).toFixed(1)} s`);

function Why({ seq, names }) {
  const [why, setWhy] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => { get(`/api/decisions/${seq}`).then(setWhy, (e) => setError(e.message)); }, [seq]);
  if (error) return html`<p class="bad" role="alert">Could not load decision ${seq}: ${error}</p>`;
  if (!why) return html`<p class="empty">Loading…</p>`;
  return html`<div class="why">
    <${Verify} seq=${seq} />
    <div class="columns">
      <div><h3>What it saw</h3>
        <table><thead><tr><th scope="col">Channel</th><th scope="col" class="num">Value</th><th scope="col" class="num">Age</th>
          <th scope="col">Quality</th></tr></thead>
        <tbody>${why.inputs.map((c) => html`<tr key=${c.name}><td>${c.name}</td>
          <td class="num">${c.unit === "time" ? time(Number(c.value)) : withUnit(c)}</td>
          <td class="num">${age(c.age_ms)}</td><td class=${c.quality ? "bad" : ""}>${QUALITIES[c.quality]}</td></tr>`)}</tbody></table></div>
      <div><h3>What it decided</h3>
        <table><thead><tr><th scope="col">Actuator</th><th scope="col" class="num">Proposed</th><th scope="col" class="num">Permitted</th>
          <th scope="col">Why changed</th></tr></thead>
        <tbody>${why.outputs.map((o) => html`<tr key=${o.name}><td>${o.name}</td>
          <td class="num">${withUnit({ ...o, value: o.proposed })}</td><td class="num">${withUnit({ ...o, value: o.permitted })}</td>
          <td class=${o.reason ? "warned" : ""}>${o.reason_text || (o.reason ? `rule ${o.reason}` : "not changed")}</td></tr>`)}</tbody></table>
        <h3>Proof</h3>
        <dl>
          <dt>Outcome</dt><dd>${OUTCOMES[why.outcome]}, epoch ${why.epoch}</dd>
          <dt>Mind</dt><dd>${names[why.mind]} <code>${why.mind}</code> ${why.mind_gas.toLocaleString()} gas</dd>
          <dt>Charter</dt><dd>${names[why.charter]} <code>${why.charter}</code> ${why.charter_gas.toLocaleString()} gas</dd>
          <dt>Leaf hash</dt><dd><code>${why.leaf_hash}</code></dd>
          ${why.receipt && html`<dt>Receipt</dt><dd>${why.receipt}</dd>`}
          ${why.proof && html`<dt>Path</dt><dd>${why.proof.length} hashes to the root of ${why.tree_size.toLocaleString()} leaves</dd>`}
        </dl></div>
    </div>
  </div>`;
}

/** Of what goes through the log: which leaves of it are missing there. */
export function Damaged({ damaged, first_damaged: first }) {
  if (!damaged) return null;
  return html`<p class="bad" role="alert">${damaged === 1 ? `Leaf #${first} of the log cannot be read` : `${damaged.toLocaleString()} leaves of the log cannot be read, the first is #${first}`}
    and ${damaged === 1 ? "is" : "are"} not counted here; <code>dam verify</code> checks the log.</p>`;
}

/** size: of the log; the newest decisions come with it, older ones when they are asked for. names: of code, by address. */
export function Decisions({ size, names }) {
  const [open, setOpen] = useState(null);
  const [before, setBefore] = useState(null); // of an older page
  const [list, setList] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    if (size === undefined || (before === null && open !== null)) return; // what is being read stays in place
    get(`/api/decisions?limit=${PAGE}${before === null ? "" : `&before=${before}`}`)
      .then((d) => { setList(d); setError(null); }, (e) => setError(e.message));
  }, [before === null ? size : null, before, open === null]);
  if (error) return html`<p class="bad" role="alert">The decisions could not be loaded: ${error}</p>`;
  if (!list?.decisions.length) return html`<${Damaged} ...${list} /><p class="empty">No decision yet. The first one appears after the first turn.</p>`;
  const { decisions } = list;
  const turn = (to) => { setOpen(null); setBefore(to); };
  return html`<${Damaged} ...${list} /><ul class="decisions">${decisions.map((d) => html`<li key=${d.seq}>
    <button class="row" aria-expanded=${open === d.seq} onClick=${() => setOpen(open === d.seq ? null : d.seq)}>
      <span class="seq">#${d.seq}</span><span>${clock(d.time)}</span>
      <span class="what">${d.action.map((a) => html`<span><i>${a.name}</i> ${withUnit(a)}</span>`)}</span>
      <span class=${d.outcome === 0 ? "tag" : "tag warn"}>${OUTCOMES[d.outcome]}</span>
    </button>
    ${open === d.seq && html`<${Why} seq=${d.seq} names=${names} />`}</li>`)}</ul>
    <p class="pager"><button onClick=${() => turn(null)} disabled=${before === null}>Newest</button>
      <button onClick=${() => turn(decisions.at(-1).seq)} disabled=${decisions.length < PAGE}>Older</button>
      <a href="/api/export.csv" download>All as CSV</a></p>`;
}
