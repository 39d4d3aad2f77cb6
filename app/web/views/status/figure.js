// A plot with its heading, its legend with the values under the pointer, the same in words, and as a table.
import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Plot } from "./plot.js";
import { stepTime } from "./times.js";

/**
 * `lines` as in `Plot`; `summary` is the plot in a sentence. `empty` says what there would be where there is nothing yet.
 * `controls` stand beside the heading, `children` below.
 */
export function Figure({ title, times, step, lines, format, summary, empty, controls, children, ...look }) {
  const [at, setAt] = useState(null);
  const some = lines.some((line) => line.values.some((value) => value));
  return html`<section class="figure card">
    <header class="figure-head">
      <h2>${title}</h2>
      ${controls}
    </header>
    ${some
      ? html`<${Legend} lines=${lines} />
          <div class="figure-plot">
            <${Plot} times=${times} step=${step} lines=${lines} format=${format} onPoint=${setAt} ...${look} />
            ${at !== null &&
            lines.some((line) => (line.values[at] ?? null) !== null) &&
            html`<${Readout} ...${{ times, step, lines, at, format }} />`}
          </div>
          <p class="muted small">${summary}</p>
          ${children}
          <${Table} title=${title} times=${times} step=${step} lines=${lines} format=${format} />`
      : html`<p class="figure-empty muted">${empty}</p>`}
  </section>`;
}

const Legend = ({ lines }) =>
  html`<ul class="figure-legend">
    ${lines.map((line) => html`<li key=${line.label}><${Key} ...${line} />${line.label}</li>`)}
  </ul>`;

const Key = ({ colour, dash }) =>
  html`<span
    class=${dash ? "figure-key dashed" : "figure-key"}
    style=${{ borderColor: `var(${colour})` }}
    aria-hidden="true"
  ></span>`;

/** What stands under the pointer, on the side where the pointer is not. */
const Readout = ({ times, step, lines, at, format }) =>
  html`<div class=${at * 2 < times.length ? "readout after" : "readout"} aria-hidden="true">
    <p class="muted">${stepTime(times[at], step)}</p>
    ${lines.map(
      (line) =>
        html`<p key=${line.label}>
          <${Key} ...${line} /><span>${line.label}</span>
          <b>${(line.values[at] ?? null) === null ? "–" : format(line.values[at])}</b>
        </p>`,
    )}
  </div>`;

/** Only the steps in which there was something. */
function Table({ title, times, step, lines, format }) {
  const rows = times.map((time, n) => [time, lines.map((line) => line.values[n] ?? null)]);
  const filled = rows.filter(([, values]) => values.some((value) => value)).reverse();
  return html`<details class="figure-table">
    <summary>${t("status.as_table")}<span class="visually-hidden">: ${title}</span></summary>
    <div class="figure-rows" tabindex="0" role="region" aria-label=${title}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("status.time")}</th>
            ${lines.map(({ label }) => html`<th key=${label} scope="col">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${filled.map(
            ([time, values]) =>
              html`<tr key=${time}>
                <th scope="row">${stepTime(time, step)}</th>
                ${values.map((value, n) => html`<td key=${n}>${value === null ? "–" : format(value)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
