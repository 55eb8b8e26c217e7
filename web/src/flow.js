// SPDX-License-Identifier: Apache-2.0
// The live energy picture: four nodes round a bus. Direction is shown by arrow and by words, not by colour alone.
import { html } from "./html.js";
import { withUnit } from "./format.js";

const PLACES = { source: [60, 60], store: [60, 190], load: [340, 60], grid: [340, 190] };

function Edge({ from, watts }) {
  const [x, y] = PLACES[from];
  const width = Math.min(8, 1 + Math.abs(watts) / 3000);
  const still = Math.abs(watts) < 1;
  const towardBus = watts > 0;
  return html`<g class="edge ${still ? "still" : ""}">
    <line x1=${towardBus ? x : 200} y1=${towardBus ? y : 125} x2=${towardBus ? 200 : x} y2=${towardBus ? 125 : y}
      stroke-width=${width} class=${still ? "" : "moves"} />
  </g>`;
}

function Node({ at, label, value, note }) {
  const [x, y] = PLACES[at];
  return html`<g class="node">
    <rect x=${x - 55} y=${y - 30} width="110" height="60" rx="10" />
    <text x=${x} y=${y - 9} class="label">${label}</text>
    <text x=${x} y=${y + 9} class="value">${value}</text>
    <text x=${x} y=${y + 23} class="note">${note}</text>
  </g>`;
}

/** flow: nodes of {role, label, power_w (toward the bus), note}. */
export function Flow({ flow }) {
  if (!flow?.length) {
    return html`<p class="empty">This machine declares no energy flow. Its channels are in the table below.</p>`;
  }
  const words = flow.map((n) => `${n.label}: ${withUnit({ value: Math.abs(n.power_w), unit: "W" })} ${n.note || ""}`);
  return html`<svg viewBox="0 0 400 250" role="img" aria-label=${"Power flow. " + words.join(". ")}>
    ${flow.map((n) => html`<${Edge} key=${n.role} from=${n.role} watts=${n.power_w} />`)}
    <circle cx="200" cy="125" r="9" class="bus" />
    ${flow.map((n) => html`<${Node} key=${n.role} at=${n.role} label=${n.label}
      value=${withUnit({ value: Math.abs(n.power_w), unit: "W" })} note=${n.note || ""} />`)}
  </svg>`;
}
