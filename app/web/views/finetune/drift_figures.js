// The figures of one scope over time, side by side: drawn, in a sentence, and as a table.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { measureName } from "./drift_alarms.js";
import { Plot } from "./drift_plot.js";
import { day, figuresOf } from "./drift_series.js";
import { Section } from "./parts.js";

const KEYS = 5; // lines that can be told apart by colour

/** `scope` as the server tells it, `looks` what former looks came to, the oldest first. */
export const Figures = ({ scope, looks, action }) =>
  html`<${Section} title=${t("drift.figures")} text=${t("drift.figures_text")} action=${action}>
    <div class="drift-figures">${figuresOf(scope, looks).map((each) => html`<${Figure} key=${each.name} of=${each} />`)}</div>
  <//>`;

function Figure({ of }) {
  const { name, by, lines, alarms } = of;
  const title = measureName(name);
  const some = lines.some(({ points }) => points.length > 0);
  return html`<figure class="learning-figure" aria-label=${title}>
    <figcaption>
      <b>${title}</b> <span class="muted small">${t(`drift.by_${by}`)}</span>
      ${alarms.length > 0 && html` <span class="badge bad">${t("drift.alarms", { n: alarms.length })}</span>`}
    </figcaption>
    ${some ? html`<${Told} of=${of} /><${Plot} of=${of} /><${Table} title=${title} of=${of} />` : html`<p class="learning-empty muted small">${t(name === "entropy" ? "drift.no_entropy" : name === "cost" ? "drift.no_cost" : "drift.no_points")}</p>`}
  </figure>`;
}

/** Each line in words: where it began and where it is. */
const Told = ({ of: { lines, before, borne, show } }) =>
  html`<ul class="figure-legend">
    ${lines.map(({ name, points }, n) => {
      const [from, to] = [points[0][1], points.at(-1)[1]].map(show);
      return html`<li key=${name}>
        <span class=${`figure-key drift-line-${(n % KEYS) + 1}`} aria-hidden="true"></span>
        ${lines.length > 1 || before === null ? `${measureName(name)}: ` : ""}${points.length > 1 ? t("drift.from_to", { from, to }) : to}
      </li>`;
    })}
    ${before !== null && html`<li><span class="figure-key dashed drift-level" aria-hidden="true"></span>${t("drift.before", { value: show(before) })}</li>`}
    ${borne !== null && html`<li><span class="figure-key dashed drift-level" aria-hidden="true"></span>${t("drift.borne", { value: show(borne) })}</li>`}
  </ul>`;

function Table({ title, of: { lines, show, alarms } }) {
  const rows = new Map();
  for (const [n, { points }] of lines.entries()) {
    for (const [at, value] of points) rows.set(at, Object.assign(rows.get(at) ?? [], { [n]: value }));
  }
  const raised = new Set(alarms.map(day));
  return html`<details class="figure-table">
    <summary>${t("status.as_table")}<span class="visually-hidden">: ${title}</span></summary>
    <div class="figure-rows" tabindex="0" role="region" aria-label=${title}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("drift.day")}</th>
            ${lines.map(({ name }) => html`<th key=${name} scope="col">${measureName(name)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${[...rows]
            .sort((a, b) => a[0] - b[0])
            .map(
              ([at, values]) => html`<tr key=${at}>
                <th scope="row">${day(at)}${raised.has(day(at)) && ` · ${t("drift.alarm")}`}</th>
                ${lines.map(({ name }, n) => html`<td key=${name}>${values[n] === undefined ? "–" : show(values[n])}</td>`)}
              </tr>`,
            )}
        </tbody>
      </table>
    </div>
  </details>`;
}
