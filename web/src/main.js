// SPDX-License-Identifier: Apache-2.0
// The dashboard: one stream of snapshots in, panels out. /accounts is the page to print.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get, live, post } from "./api.js";
import { decimal, time, withUnit } from "./format.js";
import { Accounts } from "./accounts.js";
import { Chart } from "./charts.js";
import { Decisions } from "./decisions.js";
import { Flow } from "./flow.js";
import { Channels, Evidence, Jobs, Law, Market, Oracles, Panel, Stop, Treasury } from "./panels.js";
import { Votes } from "./votes.js";

const POINTS_MAX = 7 * 96;

/* A channel's readings as a line: watts as kilowatts. values: decimal strings or null. */
function lineOf(channel, values) {
  const scale = 10 ** channel.decimals * (channel.unit === "W" ? 1000 : 1);
  return { label: channel.title || channel.name, unit: channel.unit === "W" ? "kW" : channel.unit, values: values.map((v) => (v === null ? null : Number(v) / scale)) };
}

/* What a machine tells of itself where no skill draws for it. */
const drawn = (channels) => channels.filter((c) => c.unit).map((c) => lineOf(c, [c.quality ? null : c.value])).map((l) => ({ ...l, value: l.values[0] }));

const ownPast = ({ channels, rows }) => ({ times: rows.map((r) => r[0]).slice(-POINTS_MAX), lines: Object.fromEntries(channels
  .map((c, i) => [c, rows.map((r) => r[i + 1] ?? null).slice(-POINTS_MAX)]).filter(([c]) => c.unit)
  .map(([c, values]) => lineOf(c, values)).map((line) => [line.label, line])) });

/* The last week of powers, state of charge and price, by the machine's clock. */
function remember(history, state) {
  const now = state.machine.time;
  if (history.times.at(-1) >= now) return history;
  const next = { times: [...history.times, now].slice(-POINTS_MAX), lines: {} };
  for (const line of state.series ?? drawn(state.channels)) {
    const before = history.lines[line.label]?.values || history.times.map(() => null);
    next.lines[line.label] = { ...line, values: [...before, line.value].slice(-POINTS_MAX) };
  }
  return next;
}

const titleOf = (unit, lines) => (unit === "kW" ? "Power" : lines.length === 1 ? lines[0].label : "Readings");

function Charts({ history }) {
  const units = [...new Set(Object.values(history.lines).map((l) => l.unit))];
  if (history.times.length < 2) return html`<p class="empty">Waiting for the second turn…</p>`;
  return units.map((unit) => html`<${Chart} key=${unit} unit=${unit} times=${history.times}
    title=${titleOf(unit, Object.values(history.lines).filter((l) => l.unit === unit))} digits=${unit === "%" ? 0 : unit === "kW" ? 1 : 3}
    series=${Object.values(history.lines).filter((l) => l.unit === unit)} />`);
}

/* Only where time can be held: in the demo, by its skill. */
function Clock({ demo }) {
  const [error, setError] = useState(null);
  if (!demo) return null;
  const tell = (what) => post(`/api/skills/${demo.skill}/clock`, what).then(() => setError(null), (e) => setError(e.message));
  return html`<span class="clock" role="group" aria-label="the demo's time">
    <button onClick=${() => tell({ paused: !demo.paused })}>${demo.paused ? "▶ Run" : "❚❚ Pause"}</button>
    <button onClick=${() => tell({ step: 1 })} disabled=${!demo.paused}>Step 15 min</button>
    <label><span class="sr">Speed</span><select value=${String(demo.speed)} onChange=${(e) => tell({ speed: Number(e.target.value) })}>
      ${[...new Set([demo.speed, 60, 600, 3600, 0])].map((v) => html`<option value=${String(v)}>${v === 0 ? "as fast as it goes" : `${v.toLocaleString()} times`}</option>`)}</select></label>
    ${error && html`<span role="alert" class="bad">${error}</span>`}</span>`;
}

function Figures({ state: s }) {
  const node = (role) => s.flow?.find((n) => n.role === role);
  const power = (n) => withUnit({ value: Math.abs(n.power_w), unit: "W" });
  const soc = s.series?.find((l) => l.unit === "%");
  const tiles = [];
  const watts = (n) => [n.label, ...power(n).split(" ")];
  if (node("source")) tiles.push(watts(node("source")));
  if (soc) tiles.push(["Battery", soc.value.toFixed(0), "% " + (Math.abs(node("store")?.power_w ?? 0) < 1 ? "at rest" : node("store").power_w > 0 ? "discharging" : "charging")]);
  if (node("load")) tiles.push(watts(node("load")));
  if (s.market?.last_price) tiles.push(["Price", decimal(s.market.last_price, s.market.decimals, 3), `${s.market.symbol}/kWh`]);
  if (s.treasury) tiles.push(["Balance", decimal(s.treasury.balance, s.treasury.decimals, 2), s.treasury.symbol]);
  if (!s.flow) tiles.push(...s.channels.filter((c) => c.quality === 0 && c.unit).slice(0, 5).map((c) => [c.title || c.name, ...withUnit(c).split(" ")]));
  tiles.push(["Leaves", s.evidence.size.toLocaleString(), "of evidence"]);
  return html`<dl class="figures">${tiles.map(([name, value, unit]) => html`<div><dt>${name}</dt><dd>${value} <small>${unit}</small></dd></div>`)}</dl>`;
}

function useMachine() {
  const [state, setState] = useState(null);
  const [linked, setLinked] = useState(true);
  const [history, setHistory] = useState({ times: [], lines: {} });
  useEffect(() => live((s) => { setState(s); setHistory((h) => remember(h, s)); }, setLinked), []);
  const past = !state ? null : state.series ? state.demo && `/api/skills/${state.demo.skill}/series` : "/api/series";
  useEffect(() => {
    const take = (h) => setHistory((now) => (now.times.length < h.times.length || past === "/api/series" ? h : now));
    if (past) get(past).then((h) => take(h.rows ? ownPast(h) : h), () => {});
  }, [past]);
  return { state, linked, history };
}

function App() {
  const { state: s, linked, history } = useMachine();
  useEffect(() => { if (s) document.title = `${s.machine.title || s.machine.name} · DAM`; }, [s?.machine.name]);
  if (!s) {
    return html`<main class="waiting"><h1>DAM</h1><p role="status">${linked ? "Waiting for the machine's first word…"
      : "The machine does not answer. This page tries again by itself."}</p></main>`;
  }
  const now = s.machine.time;
  const names = { [s.mind.address]: s.mind.name, [s.charter.address]: s.charter.name, ...s.law?.names };
  return html`<a class="skip" href="#decisions">Skip to the decisions</a>
  <header class="top">
    <div><h1>${s.machine.title || s.machine.name}</h1>
      <p>${time(now)}${s.demo?.day ? `, day ${s.demo.day} of ${s.demo.days}` : ""}
        <span role="status" class=${linked ? "good" : "bad"}>${linked ? " ● live" : " ○ connection lost, trying again"}</span>
        ${s.demo && html`<span class="tag">simulated plant, measured data</span>`}</p></div>
    <div class="controls"><${Clock} demo=${s.demo} /><${Stop} stopped=${s.machine.stopped} /></div>
  </header>
  <main>
    ${s.machine.failed && html`<p class="alarm" role="alert">This machine's evidence can no longer be written: it holds its actuators at their safe values and decides
      nothing more. <code>dam doctor</code> and the log of <code>dam up</code> say why.</p>`}
    <${Figures} state=${s} />
    ${s.demo?.news?.length > 0 && html`<ol class="news" aria-label="what happened last">${s.demo.news.map((n) => html`<li>${n}</li>`)}</ol>`}
    <div class="stack s5">
      <${Panel} id="flow" title="Power now"><${Flow} flow=${s.flow} /><//>
      <${Panel} id="treasury" title="Treasury"><${Treasury} treasury=${s.treasury} /><//>
    </div>
    <${Panel} id="charts" title="The last days" span=7><${Charts} history=${history} /><//>
    <${Panel} id="market" title="Market"><${Market} market=${s.market} now=${now} /><//>
    <${Panel} id="oracles" title="Oracles"><${Oracles} oracles=${s.oracles} now=${now} />
      <h3 id="jobs">Jobs</h3><${Jobs} jobs=${s.jobs} symbol=${s.treasury?.symbol} decimals=${s.treasury?.decimals} /><//>
    <${Panel} id="evidence" title="Evidence"><${Evidence} evidence=${s.evidence} anchors=${s.anchors} now=${now} /><//>
    <${Panel} id="decisions" title="Decisions" span=7><${Decisions} size=${s.evidence.size} names=${names} /><//>
    <${Panel} id="votes" title="Votes" span=5><${Votes} proposals=${s.proposals} chain=${s.chain} skill=${s.demo?.skill} voters=${s.demo?.voters} now=${now} /><//>
    <${Panel} id="law" title="Law" span=5><${Law} law=${s.law} mind=${s.mind} charter=${s.charter} epoch=${s.epoch} names=${names} /><//>
    <${Panel} id="channels" title="Channels" span=7><${Channels} channels=${s.channels} actuators=${s.actuators} /><//>
  </main>
  <footer><p>dam ${s.machine.version} · chain ${s.chain?.id ?? "none"} · <a href="/accounts">accounts</a> · <a href="/api/state">this page as JSON</a></p></footer>`;
}

render(location.pathname === "/accounts" ? html`<${Accounts} />` : html`<${App} />`, document.getElementById("app"));
