// SPDX-License-Identifier: Apache-2.0
// The live energy picture: four nodes round a bus. Direction is shown by movement and by words, not by colour alone.
import { html } from "./html.js";
import { withUnit } from "./format.js";

const PLACES = { source: [75, 44], load: [325, 44], store: [75, 186], grid: [325, 186] };
const ICONS = { // 20 x 20, drawn as lines
  source: "M3 15h14l-3-9H6zM10 6v9M5 10h10M10 15v3",
  load: "M3 10l7-6 7 6M5 9v8h10V9M8.5 17v-4h3v4",
  store: "M3 6h13v9H3zM17 9v3M6 9v3M9 9v3",
  grid: "M10 2L5 18M10 2l5 16M7 8h6M6 12h8M3 5h14",
};

const path = ([x, y]) => `M${x} ${y}H${x < 200 ? 160 : 240}Q200 ${y} 200 115`;

function Edge({ role, watts }) {
  const still = Math.abs(watts) < 1;
  const width = still ? 1.5 : Math.min(7, 2 + Math.abs(watts) / 4000);
  return html`<g class="edge ${role} ${still ? "still" : ""}">
    <path d=${path(PLACES[role])} stroke-width=${width} />
    ${!still && html`<path d=${path(PLACES[role])} stroke-width=${width} class=${watts > 0 ? "moves" : "moves back"} />`}
  </g>`;
}

function Node({ role, label, value, note }) {
  const [x, y] = PLACES[role];
  return html`<g class="node ${role}" transform="translate(${x - 70} ${y - 34})">
    <rect width="140" height="68" rx="10" />
    <path d=${ICONS[role]} transform="translate(10 10)" />
    <text x="36" y="24" class="label">${label}</text>
    <text x="12" y="46" class="value">${value}</text>
    <text x="12" y="60" class="note">${note}</text>
  </g>`;
}

/** flow: nodes of {role, label, power_w (toward the bus), note}. */
export function Flow({ flow }) {
  if (!flow?.length) {
    return html`<p class="empty">This machine declares no energy flow. Its channels are in the table below.</p>`;
  }
  const power = (n) => withUnit({ value: Math.abs(n.power_w), unit: "W" });
  const words = flow.map((n) => `${n.label}: ${power(n)} ${n.note || ""}`);
  return html`<svg viewBox="0 0 400 230" role="img" class="flow" aria-label=${"Power flow. " + words.join(". ")}>
    ${flow.map((n) => html`<${Edge} key=${n.role} role=${n.role} watts=${n.power_w} />`)}
    <circle cx="200" cy="115" r="7" class="bus" />
    ${flow.map((n) => html`<${Node} key=${n.role} role=${n.role} label=${n.label} value=${power(n)} note=${n.note || ""} />`)}
  </svg>`;
}
