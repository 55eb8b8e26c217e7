// SPDX-License-Identifier: Apache-2.0
// Every decision with its reasons, and the button that runs it again.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get, post } from "./api.js";
import { OUTCOMES, QUALITIES, time, withUnit } from "./format.js";

function Verify({ seq }) {
  const [state, setState] = useState(null);
  const run = async () => {
    setState({ busy: true });
    try {
      setState(await post(`/api/decisions/${seq}/verify`));
    } catch (error) {
      setState({ ok: false, detail: error.message });
    }
  };
  return html`<p><button onClick=${run} disabled=${state?.busy}>Run it again and compare</button>${" "}
    <span role="status" class=${state?.ok ? "good" : state && !state.busy ? "bad" : ""}>
      ${state?.busy ? "running…" : state ? `${state.ok ? "✓ the same" : "✗ differs"}: ${state.detail}` : ""}</span></p>`;
}

function Why({ seq }) {
  const [why, setWhy] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => { get(`/api/decisions/${seq}`).then(setWhy, (e) => setError(e.message)); }, [seq]);
  if (error) return html`<p class="bad">Could not load decision ${seq}: ${error}</p>`;
  if (!why) return html`<p class="empty">Loading…</p>`;
  return html`<div class="why">
    <h4>What it saw</h4>
    <table><thead><tr><th scope="col">Channel</th><th scope="col">Value</th><th scope="col">Age</th><th scope="col">Quality</th></tr></thead>
      <tbody>${why.inputs.map((c) => html`<tr key=${c.name}><td>${c.name}</td>
        <td class="num">${c.unit === "time" ? time(Number(c.value)) : withUnit(c)}</td>
        <td class="num">${c.age_ms === 4294967295 ? "never" : `${(c.age_ms / 1000).toFixed(1)} s`}</td>
        <td>${QUALITIES[c.quality]}</td></tr>`)}</tbody></table>
    <h4>What it decided</h4>
    <table><thead><tr><th scope="col">Actuator</th><th scope="col">Proposed</th><th scope="col">Permitted</th><th scope="col">Why changed</th></tr></thead>
      <tbody>${why.outputs.map((o) => html`<tr key=${o.name}><td>${o.name}</td>
        <td class="num">${withUnit({ ...o, value: o.proposed })}</td><td class="num">${withUnit({ ...o, value: o.permitted })}</td>
        <td>${o.reason_text || (o.reason ? `rule ${o.reason}` : "not changed")}</td></tr>`)}</tbody></table>
    <dl>
      <dt>Outcome</dt><dd>${OUTCOMES[why.outcome]}</dd>
      <dt>Mind</dt><dd><code>${why.mind}</code>, ${why.mind_gas} gas</dd>
      <dt>Charter</dt><dd><code>${why.charter}</code>, ${why.charter_gas} gas</dd>
      <dt>Leaf hash</dt><dd><code>${why.leaf_hash}</code></dd>
      ${why.receipt && html`<dt>Receipt</dt><dd>${why.receipt}</dd>`}
      ${why.proof && html`<dt>Proof</dt><dd>${why.proof.length} hashes to the root of ${why.tree_size} leaves</dd>`}
    </dl>
    <${Verify} seq=${seq} />
  </div>`;
}

export function Decisions({ list }) {
  const [open, setOpen] = useState(null);
  if (!list.length) return html`<p class="empty">No decision yet. The first one appears after the first turn.</p>`;
  return html`<ul class="decisions">${list.map((d) => html`<li key=${d.seq}>
    <button class="row" aria-expanded=${open === d.seq} onClick=${() => setOpen(open === d.seq ? null : d.seq)}>
      <span class="seq">#${d.seq}</span><span>${time(d.time)}</span>
      <span>${d.action.map((a) => `${a.name} ${withUnit(a)}`).join(", ")}</span>
      <span class=${d.outcome === 0 ? "tag" : "tag warn"}>${OUTCOMES[d.outcome]}</span>
    </button>
    ${open === d.seq && html`<${Why} seq=${d.seq} />`}</li>`)}</ul>`;
}
