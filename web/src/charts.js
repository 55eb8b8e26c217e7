// SPDX-License-Identifier: Apache-2.0
// Time series with uPlot, and the same numbers as a table for those who do not see a canvas.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { html } from "./html.js";
import { time } from "./format.js";

const INK = ["#0b6e4f", "#b45309", "#1d4ed8", "#9d174d"];

export function Chart({ title, unit, series, times, digits = 1 }) {
  const box = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const css = getComputedStyle(document.documentElement);
    const axis = { stroke: css.getPropertyValue("--dim"), grid: { stroke: css.getPropertyValue("--line") } };
    plot.current = new uPlot({
      width: box.current.clientWidth, height: 190,
      series: [{}, ...series.map((s, i) => ({ label: `${s.label} (${unit})`, stroke: INK[i % INK.length], width: 2,
        dash: i % 2 ? [6, 3] : undefined, value: (_, v) => (v === null ? "–" : v.toFixed(digits)) }))],
      axes: [axis, { ...axis, size: 56 }],
      cursor: { sync: { key: "dam" } },
    }, [times, ...series.map((s) => s.values)], box.current);
    const observer = new ResizeObserver(() => plot.current.setSize({ width: box.current.clientWidth, height: 190 }));
    observer.observe(box.current);
    return () => { observer.disconnect(); plot.current.destroy(); };
  }, [series.length]);
  useEffect(() => { plot.current?.setData([times, ...series.map((s) => s.values)]); }, [times.at(-1)]);
  return html`<figure>
    <figcaption>${title}</figcaption>
    <div ref=${box} aria-hidden="true"></div>
    <details><summary>${title} as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${title + " as a table"}><table>
        <thead><tr><th scope="col">Time</th>${series.map((s) => html`<th scope="col">${s.label} (${unit})</th>`)}</tr></thead>
        <tbody>${times.slice(-24).map((t, i, all) => {
          const at = times.length - all.length + i;
          return html`<tr key=${t}><td>${time(t)}</td>
            ${series.map((s) => html`<td class="num">${s.values[at]?.toFixed(digits) ?? "–"}</td>`)}</tr>`;
        })}</tbody>
      </table></div>
    </details>
  </figure>`;
}
