// SPDX-License-Identifier: Apache-2.0
// Time series with uPlot, and the same numbers as a table for those who do not see a canvas.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { html } from "./html.js";
import { time } from "./format.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

/* Local hours; midnight is the day's name. */
const hours = (ticks) => ticks.map((t) => {
  const at = new Date(t * 1000);
  return at.getHours() === 0 && at.getMinutes() === 0 ? at.toLocaleDateString([], { weekday: "short", day: "numeric" })
    : at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
});

const INKS = 4;
const inkOf = (s, i) => s.ink || (i % INKS) + 1;
const room = (box) => ({ width: box.clientWidth, height: box.clientHeight });

function options(box, unit, series, digits) {
  const font = "11px system-ui, sans-serif";
  const axis = { stroke: css("--dim"), font, grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
  return {
    ...room(box), scales: unit === "%" ? { y: { range: [0, 100] } } : {}, legend: { show: false }, cursor: { sync: { key: "dam" }, drag: { x: false, y: false } },
    series: [{}, ...series.map((s, i) => {
      const ink = css(`--ink-${inkOf(s, i)}`);
      return { label: s.label, stroke: ink, width: 1.5, dash: s.dash ?? (i < INKS ? undefined : [5, 3]), fill: i === 0 ? ink + "22" : undefined, points: { show: false } };
    })],
    axes: [{ ...axis, size: 24, space: 64, values: (_, ticks) => hours(ticks) }, { ...axis, size: 44, space: 24, values: (_, ticks) => ticks.map((v) => v.toFixed(digits > 1 ? digits : 0)) }],
  };
}

export function Chart({ title, unit, series, times, digits = 1 }) {
  const box = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const place = box.current;
    plot.current = new uPlot(options(place, unit, series, digits), [times, ...series.map((s) => s.values)], place);
    const observer = new ResizeObserver(() => plot.current.setSize(room(place)));
    observer.observe(place);
    return () => { observer.disconnect(); plot.current.destroy(); };
  }, [series.length]);
  useEffect(() => { plot.current?.setData([times, ...series.map((s) => s.values)]); }, [times.at(-1)]);
  const last = (s) => s.values.at(-1);
  return html`<figure>
    <figcaption><span>${title}, ${unit}</span>${series.map((s, i) => html`<span class="key k${inkOf(s, i)}">${s.label}${" "}
      <b>${last(s) === null || last(s) === undefined ? "–" : last(s).toFixed(digits)}</b></span>`)}</figcaption>
    <div ref=${box} class="plot" aria-hidden="true"></div>
    <details><summary>${title} as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${title + " as a table"}><table>
        <thead><tr><th scope="col">Time</th>${series.map((s) => html`<th scope="col" class="num">${s.label} (${unit})</th>`)}</tr></thead>
        <tbody>${times.slice(-24).reverse().map((t, i) => {
          const at = times.length - 1 - i;
          return html`<tr key=${t}><td>${time(t)}</td>
            ${series.map((s) => html`<td class="num">${s.values[at]?.toFixed(digits) ?? "–"}</td>`)}</tr>`;
        })}</tbody>
      </table></div>
    </details>
  </figure>`;
}
