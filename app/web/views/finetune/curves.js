// A run's curves: training and what was kept back from it in one figure, with a legend, in words, and as a table.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Drawing } from "./drawing.js";
import { Section, figure, words } from "./parts.js";
import { FIRST, figuresOf } from "./series.js";

const MOST_ROWS = 60;

/** `lines` as the server tells them; `going` while more may come. */
export function Curves({ lines, going }) {
  const figures = figuresOf(lines);
  const first = figures.filter(({ name }) => FIRST.includes(name));
  const rest = figures.filter(({ name }) => !FIRST.includes(name));
  return html`<${Section} title=${t("finetune.curves")}>
    ${!figures.length && html`<p class="learning-empty muted">${t(going ? "finetune.curves_soon" : "finetune.curves_none")}</p>`}
    ${first.length > 0 && html`<div class="learning-curves">${first.map((each) => html`<${Figure} key=${each.name} ...${each} />`)}</div>`}
    ${rest.length > 0 &&
    html`<details class="learning-more" open=${!first.length}>
      <summary>${t("finetune.more_curves", { n: rest.length })}</summary>
      <div class="learning-curves">${rest.map((each) => html`<${Figure} key=${each.name} ...${each} />`)}</div>
    </details>`}
  <//>`;
}

const said = ({ held }) => t(held ? "finetune.held_out" : "finetune.training");

/** The series in a sentence: where it began and where it is. */
function told(series) {
  const [from, to] = [series.points[0][1], series.points.at(-1)[1]].map(figure);
  return series.points.length > 1 ? t("finetune.from_to", { name: said(series), from, to }) : t("finetune.at", { name: said(series), at: to });
}

function Figure({ name, series }) {
  return html`<figure class="learning-figure" aria-label=${words(name)}>
    <figcaption><b>${words(name)}</b></figcaption>
    <ul class="figure-legend">
      ${series.map(
        (each) => html`<li key=${each.name}>
          <span class=${each.held ? "figure-key learning-held" : "figure-key learning-trained"} aria-hidden="true"></span>${told(each)}
        </li>`,
      )}
    </ul>
    <${Drawing} series=${series} />
    <${Table} name=${name} series=${series} />
  </figure>`;
}

function Table({ name, series }) {
  const rows = new Map();
  for (const [n, { points }] of series.entries()) {
    for (const [step, value] of points) rows.set(step, Object.assign(rows.get(step) ?? [], { [n]: value }));
  }
  const all = [...rows].sort((a, b) => a[0] - b[0]);
  const every = Math.ceil(all.length / MOST_ROWS);
  const shown = all.filter(([, values], n) => n % every === 0 || n === all.length - 1 || (series[1] && values[1] !== undefined));
  return html`<details class="figure-table">
    <summary>${t("status.as_table")}<span class="visually-hidden">: ${words(name)}</span></summary>
    <div class="figure-rows" tabindex="0" role="region" aria-label=${words(name)}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("finetune.steps")}</th>
            ${series.map((each) => html`<th key=${each.name} scope="col">${said(each)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            ([step, values]) => html`<tr key=${step}>
              <th scope="row">${step}</th>
              ${series.map((each, n) => html`<td key=${each.name}>${figure(values[n])}</td>`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
