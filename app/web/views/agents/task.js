// A task and what became of it: how far the run is, what it may still use, its steps, what it asks, its answer.
import { html } from "../../lib/html.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Approval } from "./approval.js";
import { Answer } from "./answer.js";
import { Budget } from "./budget.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";

/**
 * `names` are those of all agents; `current` is the id of the source that is shown beside. `acts` are what can be done:
 * `open(task, sourceId)`, `decide(task, decision)`, `edit(task)`, `rate(task, number, said)`, `steps(task)`,
 * `stop(task)`, `late()`.
 */
export function Task({ task, last, current, acts, names }) {
  const over = task.status !== "running" && task.status !== "waiting";
  return html`<article class=${last && task.live ? "turn live" : "turn"} aria-label=${t("agents.task_and_run")}>
    <div class="turn-question"><h2>${task.text || t("agents.untold")}</h2></div>
    <div class="turn-answer" aria-busy=${task.status === "running"}>
      <${Stage} task=${task} names=${names} />
      <${Budget} budget=${task.budget} />
      <${Timeline} ...${{ task, acts, names }} open=${task.live || !over} />
      ${task.status === "waiting" && html`<${Approval} key=${task.interrupt.id} task=${task} acts=${acts} />`}
      ${task.answer && html`<${Answer} ...${{ task, current, acts }} />`}
      ${over && !task.answer && html`<${Outcome} ...${{ task, last, acts }} />`}
    </div>
  </article>`;
}

/** What there is to say where there is no answer. */
function Outcome({ task, last, acts }) {
  const again = html`<button type="button" class="button small" onClick=${() => acts.edit(task)}>
    <${Icon} name="pencil" />${t("agents.edit")}
  </button>`;
  if (task.status !== "failed") return last && task.text && html`<div class="answer-again">${again}</div>`;
  const { requestId } = task.problem ?? {};
  return html`<div class="answer-broken" role="alert">
    <p>${(task.problem && reasonOf(task.problem)) ?? t("agents.failed")}</p>
    ${requestId && html`<p class="muted small">${t("error.request", { id: requestId })}</p>`}
    ${last && task.text && again}
  </div>`;
}
