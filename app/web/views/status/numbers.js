// The numbers at the top.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

export function Numbers({ stats: { totals } }) {
  const { jobs, answers_today: today, answers, feedback } = totals;
  const told = answers.answered + answers.abstained;
  const unread = totals.documents - totals.live_documents;
  return html`<dl class="numbers">
    <${Number} name="documents" value=${totals.live_documents}>
      ${unread > 0 ? t("status.unread", { n: unread }) : t("status.collections", { n: totals.collections })}
    <//>
    <${Number} name="passages" value=${totals.chunks} />
    <${Number} name="queue" value=${jobs.queued + jobs.running} bad=${jobs.failed > 0}>
      ${jobs.failed > 0 ? t("status.failed_jobs", { n: jobs.failed }) : t("status.running_jobs", { n: jobs.running })}
    <//>
    <${Number} name="today" value=${today.answered + today.abstained}>
      ${t("status.abstained_today", { n: today.abstained })}
    <//>
    <${Number} name="rate" value=${told ? number(answers.abstained / told, { style: "percent" }) : "–"}>
      ${t("status.of_answers", { n: told })}
    <//>
    <${Number} name="thumbs" value=${`${number(feedback.up)} / ${number(feedback.down)}`} />
  </dl>`;
}

const Number = ({ name, value, bad = false, children }) =>
  html`<div class="number">
    <dt>${t(`status.number_${name}`)}</dt>
    <dd>
      <b>${typeof value === "number" ? number(value) : value}</b>
      ${children && html`<span class=${bad ? "bad" : "muted"}>${children}</span>`}
    </dd>
  </div>`;
