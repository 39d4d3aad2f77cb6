// Why an answer is as it is, from top to bottom: what was asked, found, ordered, sent, written, and how far it is carried.
import { html } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { dateTime } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Degraded } from "../../parts/degraded.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Failed, Loading } from "../../parts/states.js";
import { Found, Ordered } from "./why_found.js";
import { Question } from "./why_question.js";
import { Sent, Written } from "./why_sent.js";
import { Statements } from "./why_statements.js";
import { Timings } from "./timings.js";

const ANSWER_STAGES = ["cache", "condense", "retrieve", "generate", "verify"];
const SEARCH_STAGES = ["embed", "search", "check", "rerank"];

/** The view at /answers/:id/why. */
export default function Why({ id }) {
  const path = `/v1/answers/${encodeURIComponent(id)}`;
  const answer = useLoaded((signal) => api(path, { signal }), [path]);
  const trace = useLoaded((signal) => api(`${path}/trace`, { signal }), [path]);
  const again = () => [answer, trace].forEach((each) => each.again());
  return html`<div class="view why">
    <header class="view-head">
      <h1>${t("why.title")}</h1>
      ${answer.value &&
      html`<a class="button" href=${`/c/${answer.value.conversation_id}`}><${Icon} name="message-square-text" />${t("why.back")}</a>`}
    </header>
    ${answer.problem
      ? html`<${Failed} problem=${answer.problem} onRetry=${again} />`
      : answer.value && (trace.value || trace.problem)
        ? html`<${Story} answer=${answer.value} trace=${trace.value} problem=${trace.problem} onRetry=${again} />`
        : html`<${Loading} />`}
  </div>`;
}

function Story({ answer, trace, problem, onRetry }) {
  useTitle(answer.question);
  return html`<p class="why-when muted">${dateTime(answer.created_at)}</p>
    ${answer.error && html`<p class="note bad">${reasonOf(answer.error)}</p>`}
    ${trace
      ? html`<${Steps} answer=${answer} trace=${trace} />`
      : problem.status === 404
        ? html`<${Empty} icon="route" title=${t("why.forgotten")}><p>${problem.message}</p><//>`
        : html`<${Failed} problem=${problem} onRetry=${onRetry} />`}`;
}

function Steps({ answer, trace }) {
  const { search } = trace;
  return html`${trace.withheld && html`<p class="note warn">${t("why.withheld")}</p>`}
    ${trace.reused && html`<p class="note">${t("why.reused", { when: dateTime(trace.reused.written_at) })}</p>`}
    <${Degraded} reasons=${trace.degraded} />
    <ol class="why-steps">
      <${Step} title=${t("why.question")}><${Question} trace=${trace} /><//>
      ${search
        ? html`<${Step} title=${t("why.found")}><${Found} trace=${trace} /><//>
            <${Step} title=${t("why.ordered")}><${Ordered} trace=${trace} /><//>`
        : html`<${Step} title=${t("why.found")}><p>${answer.retrieval?.reason ?? t("why.not_searched")}</p><//>`}
      <${Step} title=${t("why.sent")}><${Sent} trace=${trace} generator=${answer.generator} /><//>
      ${trace.attempts.length > 0 && html`<${Step} title=${t("why.written")}><${Written} trace=${trace} /><//>`}
      <${Step} title=${t("why.answer")}><${Statements} answer=${answer} verdicts=${trace.verdicts} /><//>
      <${Step} title=${t("why.took")}>
        <div class="why-timings">
          <${Timings} timings=${trace.timings_ms} stages=${ANSWER_STAGES} label=${t("why.took_answer")} />
          ${search && !trace.reused && html`<h3>${t("why.took_search")}</h3>`}
          ${search && !trace.reused && html`<${Timings} timings=${trace.search_ms} stages=${SEARCH_STAGES} label=${t("why.took_search")} />`}
        </div>
      <//>
    </ol>`;
}

const Step = ({ title, children }) =>
  html`<li class="why-step">
    <h2>${title}</h2>
    ${children}
  </li>`;
