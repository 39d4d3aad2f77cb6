// How long each stage of searches, answers and jobs took.
import { html, useState } from "../../lib/html.js";
import { duration, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Segments } from "../../parts/segments.js";
import { Figure } from "./figure.js";

const OPERATIONS = ["search", "answer", "job"];
const QUANTILES = ["p50", "p95", "p99"];
const ORDER = [
  ...["cache", "condense", "retrieve", "generate", "first_token", "first_statement", "verify"],
  ...["queued", "store", "parse", "chunk", "embed", "search", "check", "rerank", "index", "publish", "sweep"],
];
const NOTHING = 0.05; // milliseconds of a stage that has nothing to do, such as reranking without a reranker
const COLOURS = ["--plot-1", "--plot-2", "--plot-3", "--plot-4", "--plot-5"];

export function Latency({ latency }) {
  const counted = latency.stages.filter((stage) => stage.stage === "total" || stage.whole.p99 > NOTHING);
  const there = OPERATIONS.filter((name) => counted.some((stage) => stage.operation === name));
  const [operation, setOperation] = useState(null);
  const [quantile, setQuantile] = useState("p50");
  const chosen = there.includes(operation) ? operation : (there[0] ?? "search");
  const stages = counted.filter((stage) => stage.operation === chosen).sort((a, b) => placeOf(a) - placeOf(b));
  const lines = stages.map(({ stage, [quantile]: values }, n) => ({
    label: t(`stage.${stage}`),
    values,
    colour: stage === "total" ? "--text" : COLOURS[n % COLOURS.length],
    dash: stage === "total" ? false : n >= COLOURS.length,
  }));
  const whole = stages.find(({ stage }) => stage === "total") ?? stages[0];
  return html`<${Figure}
    title=${t("status.latency")}
    times=${latency.times}
    step=${latency.step}
    lines=${lines}
    format=${duration}
    summary=${whole && t(`status.latency_${chosen}`, said(whole))}
    empty=${t("status.latency_empty")}
    controls=${there.length > 0 &&
    html`<div class="figure-controls">
      <${Segments}
        small
        label=${t("status.operation")}
        all=${there}
        chosen=${chosen}
        text=${(name) => t(`status.${name}`)}
        onChoose=${setOperation}
      />
      <${Segments}
        small
        label=${t("status.quantile")}
        all=${QUANTILES}
        chosen=${quantile}
        text=${(name) => t(`status.${name}`)}
        onChoose=${setQuantile}
      />
    </div>`}
  >
    <${Stages} stages=${stages} />
  <//>`;
}

/** The total first, stages in the order they happen in, those that are not known here last. */
const placeOf = ({ stage }) => (stage === "total" ? -1 : ORDER.includes(stage) ? ORDER.indexOf(stage) : ORDER.length);

const said = ({ counts, whole }) => ({
  n: counts.reduce((sum, count) => sum + count, 0),
  p50: duration(whole.p50),
  p95: duration(whole.p95),
  p99: duration(whole.p99),
});

/** Each stage over the whole span. */
const Stages = ({ stages }) =>
  html`<div class="figure-rows" tabindex="0" role="region" aria-label=${t("status.stages")}>
    <table class="stages">
      <thead>
        <tr>
          <th scope="col">${t("status.stage")}</th>
          <th scope="col">${t("status.runs")}</th>
          ${QUANTILES.map((quantile) => html`<th key=${quantile} scope="col">${t(`status.${quantile}`)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${stages.map(
          ({ stage, counts, whole }) =>
            html`<tr key=${stage}>
              <th scope="row">${t(`stage.${stage}`)}</th>
              <td>${number(counts.reduce((sum, count) => sum + count, 0))}</td>
              ${QUANTILES.map((quantile) => html`<td key=${quantile}>${duration(whole[quantile])}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
