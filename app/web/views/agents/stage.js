// One line above a run, always there: what is being done, and afterwards what it came to.
import { html } from "../../lib/html.js";
import { duration, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { titleOf } from "./tools.js";

export function Stage({ task, names }) {
  if (task.status === "running") {
    return html`<p class="answer-stage running">
      <${Icon} name="loader-circle" spin /><span>${now(task, names)}</span>
    </p>`;
  }
  const [icon, text] = afterwards(task);
  return html`<p class="answer-stage">
    <${Icon} name=${icon} /><span>${[text, summary(task)].filter(Boolean).join(" · ")}</span>
  </p>`;
}

function now(task, names) {
  if (task.stopping) return t("writing.stopping");
  if (task.lost) return t("writing.lost");
  const step = task.steps.findLast((each) => each.status === "running");
  if (!step) return t(task.steps.length ? "agents.thinking" : "agents.begins");
  return `${t("agents.step", { n: step.number })}: ${titleOf(step, names.has(step.tool))}`;
}

function afterwards({ status, incomplete, answer }) {
  if (status === "waiting") return ["hand", t("agents.waits")];
  if (status === "stopped") return ["square", t("agents.stopped")];
  if (status === "failed") return ["triangle-alert", t("agents.failed")];
  if (incomplete) return ["hourglass", t("agents.done_incomplete")];
  return answer?.answerable === false ? ["search", t("agents.done_nothing")] : ["check", t("agents.done")];
}

/** How many steps, and how long at work. */
function summary({ budget, steps }) {
  const n = budget?.steps ?? steps.length;
  if (!n) return "";
  const parts = [t("agents.n_steps", { n })];
  if (budget?.seconds) parts.push(duration(budget.seconds * 1000));
  if (budget?.cost) parts.push(t("agents.cost", { cost: costOf(budget.cost) }));
  return parts.join(" · ");
}

const MILLION = 1_000_000;

/** Millionths, as the reader's language writes them. */
export const costOf = (millionths) => number(millionths / MILLION, { maximumSignificantDigits: 3 });
