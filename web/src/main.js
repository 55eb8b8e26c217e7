// SPDX-License-Identifier: Apache-2.0
// The dashboard: one stream of snapshots in, panels out.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get, live, post } from "./api.js";
import { time } from "./format.js";
import { Chart } from "./charts.js";
import { Decisions } from "./decisions.js";
import { Flow } from "./flow.js";
import { Channels, Evidence, Jobs, Law, Market, Oracles, Panel, Stop, Treasury } from "./panels.js";
import { Votes } from "./votes.js";

const POINTS_MAX = 7 * 96;

/* The last week of flow powers, state of charge and price, by the machine's clock. */
function remember(history, state) {
  const now = state.machine.time;
  if (history.times.at(-1) >= now) return history;
  const next = { times: [...history.times, now].slice(-POINTS_MAX), lines: {} };
  for (const line of state.series || []) {
    const before = history.lines[line.label]?.values || history.times.map(() => null);
    next.lines[line.label] = { ...line, values: [...before, line.value].slice(-POINTS_MAX) };
  }
  return next;
}

function Charts({ history }) {
  const units = [...new Set(Object.values(history.lines).map((l) => l.unit))];
  if (history.times.length < 2) return html`<p class="empty">Waiting for the second turn…</p>`;
  return units.map((unit) => html`<${Chart} key=${unit} unit=${unit} times=${history.times}
    title=${{ kW: "Power", "%": "State of charge" }[unit] || "Price"} digits=${unit === "%" ? 0 : 2}
    series=${Object.values(history.lines).filter((l) => l.unit === unit)} />`);
}

function Clock({ machine }) {
  if (!machine.steerable) return null;
  return html`<span class="clock">
    <button onClick=${() => post("/api/clock", { paused: !machine.paused })}>${machine.paused ? "▶ Run" : "❚❚ Pause"}</button>${" "}
    <button onClick=${() => post("/api/clock", { step: true })} disabled=${!machine.paused}>Step</button></span>`;
}

function App() {
  const [state, setState] = useState(null);
  const [linked, setLinked] = useState(true);
  const [history, setHistory] = useState({ times: [], lines: {} });
  const [decisions, setDecisions] = useState([]);
  useEffect(() => live((s) => { setState(s); setHistory((h) => remember(h, s)); }, setLinked), []);
  useEffect(() => {
    if (state) get("/api/decisions?limit=20").then((d) => setDecisions(d.decisions), () => {});
  }, [state?.evidence?.size]);
  useEffect(() => { if (state) document.title = `${state.machine.name} · DAM`; }, [state?.machine.name]);
  if (!state) {
    return html`<main><h1>DAM</h1><p role="status">${linked ? "Waiting for the machine's first word…"
      : "The machine does not answer. This page tries again by itself."}</p></main>`;
  }
  const s = state;
  return html`<a class="skip" href="#decisions">Skip to the decisions</a>
  <header>
    <div><h1>${s.machine.name}</h1>
      <p>${time(s.machine.time)}${s.machine.simulated ? " (simulated plant, measured data)" : ""}
        <span role="status" class=${linked ? "good" : "bad"}>${linked ? " ● live" : " ○ connection lost, trying again"}</span></p></div>
    <div class="controls"><${Clock} machine=${s.machine} /><${Stop} stopped=${s.machine.stopped} /></div>
  </header>
  <main>
    <${Panel} id="flow" title="Now"><${Flow} flow=${s.flow} /><//>
    <${Panel} id="treasury" title="Treasury"><${Treasury} treasury=${s.treasury} /><//>
    <${Panel} id="market" title="Market"><${Market} market=${s.market} now=${s.machine.time} /><//>
    <${Panel} id="charts" title="The last days" wide><${Charts} history=${history} /><//>
    <${Panel} id="decisions" title="Decisions" wide><${Decisions} list=${decisions} /><//>
    <${Panel} id="votes" title="Votes" wide><${Votes} proposals=${s.proposals} chain=${s.chain} voters=${s.voters} now=${s.machine.time} /><//>
    <${Panel} id="jobs" title="Jobs"><${Jobs} jobs=${s.jobs} symbol=${s.treasury?.symbol} decimals=${s.treasury?.decimals} /><//>
    <${Panel} id="oracles" title="Oracles"><${Oracles} oracles=${s.oracles} now=${s.machine.time} /><//>
    <${Panel} id="evidence" title="Evidence"><${Evidence} evidence=${s.evidence} machine=${s.machine} /><//>
    <${Panel} id="law" title="Law"><${Law} law=${s.law} mind=${s.mind} charter=${s.charter} epoch=${s.epoch} /><//>
    <${Panel} id="channels" title="Channels"><${Channels} channels=${s.channels} actuators=${s.actuators} /><//>
  </main>
  <footer><p>dam ${s.machine.version} · chain ${s.chain?.id ?? "none"} · <a href="/api/state">this page as JSON</a></p></footer>`;
}

render(html`<${App} />`, document.getElementById("app"));
