// What was counted over time: answers, feedback, the queue, errors.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { degradedText } from "../../parts/degraded.js";
import { Figure } from "./figure.js";

const DAY = 86_400;
const per = (name, step) => t(step >= DAY ? `status.${name}_day` : `status.${name}_time`);
const whole = (value) => number(value, { maximumFractionDigits: 0 });

export function Answers({ stats: { answers, totals } }) {
  const { series, times, step } = answers;
  const lines = [
    { label: t("status.answered"), values: series.answered, colour: "--plot-1" },
    { label: t("status.abstained"), values: series.abstained, colour: "--plot-2" },
    { label: t("status.failed"), values: series.failed, colour: "--plot-4" },
  ];
  return html`<${Figure}
    title=${per("answers", step)}
    ...${{ times, step, lines, format: whole }}
    bars
    whole
    summary=${t("status.answers_said", totals.answers)}
    empty=${t("status.answers_empty")}
  />`;
}

export function Feedback({ stats: { feedback, totals } }) {
  const { series, times, step } = feedback;
  const lines = [
    { label: t("status.up"), values: series.up, colour: "--plot-3" },
    { label: t("status.down"), values: series.down, colour: "--plot-2" },
  ];
  return html`<${Figure}
    title=${per("feedback", step)}
    ...${{ times, step, lines, format: whole }}
    bars
    whole
    summary=${t("status.feedback_said", totals.feedback)}
    empty=${t("status.feedback_empty")}
  />`;
}

export function Queue({ stats: { queue } }) {
  const { series, times, step } = queue;
  const lines = [
    { label: t("status.queued"), values: series.queued, colour: "--plot-1" },
    { label: t("status.running"), values: series.running, colour: "--plot-2" },
  ];
  const most = Math.max(0, ...series.queued.map((value) => value ?? 0));
  return html`<${Figure}
    title=${t("status.queue")}
    ...${{ times, step, lines, format: whole }}
    whole
    summary=${t("status.queue_said", { n: most })}
    empty=${t("status.queue_empty")}
  />`;
}

export function Errors({ stats: { errors, totals } }) {
  const { series, times, step } = errors;
  const lines = [{ label: t("status.errors"), values: series.errors, colour: "--plot-4" }];
  const codes = Object.entries(totals.errors).sort((a, b) => b[1] - a[1]);
  return html`<${Figure}
    title=${t("status.errors")}
    ...${{ times, step, lines, format: whole }}
    bars
    whole
    summary=${codes.map(([code, count]) => `${code}: ${number(count)}`).join(", ")}
    empty=${t("status.errors_empty")}
  />
  ${Object.keys(totals.degraded).length > 0 && html`<${Degradations} counts=${totals.degraded} />`}`;
}

const Degradations = ({ counts }) =>
  html`<section class="card figure">
    <h2>${t("status.degraded")}</h2>
    <ul class="status-list">
      ${Object.entries(counts).map(
        ([code, count]) => html`<li key=${code}><b>${number(count)}</b> ${degradedText(code)}</li>`,
      )}
    </ul>
  </section>`;
