// The report of a gate: why a candidate was stopped, and both versions measure by measure.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Section, figure } from "./parts.js";
import { measureName, saidOf } from "./gate_words.js";
import { Slices } from "./gate_slices.js";
import { Interval, inWords, reachOf } from "./rollout_interval.js";
import { percent } from "./rollout_parts.js";

const RATIO = /_ratio$/;
const NARROWEST = 0.05;

/** `report` as `GateReport.to_row` writes it. */
export function Report({ report: { passed, reasons, measures, speed, slices, general, tasks, judge, rules } }) {
  const ratios = [...measures.filter(isRatio), ...speed];
  return html`<${Section} title=${t(passed ? "gate.why_passed" : "gate.why_stopped")}>
      ${passed ? html`<p>${t("gate.nothing_worse")}</p>` : html`<ul class="gate-reasons">${reasons.map(({ said }, n) => html`<li key=${n}>${said}</li>`)}</ul>`}
    <//>
    ${measures.length > 0 && html`<${Measures} title=${t("gate.measures")} text=${t("gate.measures_text", { confidence: percent(rules.confidence) })} all=${measures.filter((each) => !isRatio(each))} />`}
    ${ratios.length > 0 && html`<${Measures} title=${t("gate.ratios")} text=${t("gate.ratios_text")} all=${ratios} middle=${1} />`}
    <${Slices} slices=${slices} />
    ${general && html`<${Measures} title=${t("gate.general")} text=${t("gate.general_text")} all=${[general, ...tasks]} />`}
    ${judge && html`<${Judge} judge=${judge} />`}`;
}

const isRatio = ({ measure }) => RATIO.test(measure);

function Measures({ title, text, all, middle = 0 }) {
  const reach = reachOf(all.flatMap(({ difference, low, high }) => [difference, low, high]), middle, NARROWEST);
  return html`<${Section} title=${title} text=${text}>
    <ul class="rollout-measures gate-measures" aria-label=${title}>
      ${all.map((each) => html`<${Measure} key=${`${each.measure} ${each.slice}`} compared=${each} middle=${middle} reach=${reach} />`)}
    </ul>
  <//>`;
}

function Measure({ compared: { measure, slice, candidate, champion, difference, low, high, n, said }, middle, reach }) {
  const { text, kind } = saidOf(said);
  return html`<li class=${kind === "bad" ? "rollout-measure bad" : "rollout-measure"}>
    <div>
      <b>${measureName(measure, slice)}</b> <span class=${`badge ${kind}`}>${text}</span>
      <p class="muted small">${t("gate.on", { n })}</p>
    </div>
    <dl class="rollout-arms small">
      <div><dt>${t("rollout.candidate")}</dt><dd>${figure(candidate)}</dd></div>
      <div><dt>${t("rollout.champion")}</dt><dd>${figure(champion)}</dd></div>
    </dl>
    <div>
      <${Interval} value=${difference} low=${low} high=${high} middle=${middle} reach=${reach} kind=${kind || "open"} />
      <p class="small">${t(middle ? "gate.ratio" : "gate.difference")} ${inWords(difference, low, high, middle ? figure : undefined)}</p>
    </div>
  </li>`;
}

const Judge = ({ judge: { wins, ties, losses, unsure, kappa, people, trusted } }) =>
  html`<${Section} title=${t("gate.judge")}>
    <p>${t("gate.judge_said", { wins, ties, losses, unsure })}</p>
    <p class="small">${t("gate.judge_agrees", { kappa: figure(kappa), n: people })} ${t(trusted ? "gate.judge_trusted" : "gate.judge_not")}</p>
  <//>`;
