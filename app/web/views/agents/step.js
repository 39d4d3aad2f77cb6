// A step in a run's timeline: what was done and what came of it in a few lines, all of it on demand.
import { html, useEffect, useId, useRef, useState } from "../../lib/html.js";
import { duration } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { arrived, useWanted } from "./going.js";
import { StepMore } from "./step_more.js";
import { briefOf, iconOf, outcomeOf, titleOf, tookOf } from "./tools.js";

const PREVIEW = 300;
/** `handed` says that a sub-agent took the step over; its steps are the `children`. */
export function Step({ step, task, acts, handed, children }) {
  const [open, setOpen] = useState(false);
  const element = useRef(null);
  const id = useId();
  const wanted = useWanted(task.key, step.number);
  useEffect(() => {
    if (!wanted) return;
    setOpen(true);
    arrived();
    requestAnimationFrame(() => {
      element.current?.scrollIntoView({ block: "center" });
      element.current?.querySelector("button").focus({ preventScroll: true });
    });
  }, [wanted]);
  return html`<li ref=${element} class=${classOf(step)}>
    <span class="step-icon"><${Icon} name=${iconOf(step, handed)} /></span>
    <div class="step-inside">
      <button
        type="button"
        class="step-head"
        aria-expanded=${open}
        aria-controls=${open ? id : undefined}
        onClick=${() => setOpen(!open)}
      >
        <span class="visually-hidden">${t("agents.step", { n: step.number })}:</span>
        <span class="step-title">${titleOf(step, handed)}</span>
        <span class="step-brief muted">${briefOf(step)}</span>
        <${Outcome} step=${step} />
        <${Icon} name=${open ? "chevron-up" : "chevron-down"} />
      </button>
      ${step.thought && html`<p class=${open ? "step-thought" : "step-thought short"}>${step.thought}</p>`}
      ${!open && step.observation && !handed && html`<p class="step-preview muted">${beginning(step.observation)}</p>`}
      ${open && html`<${StepMore} id=${id} ...${{ step, task, acts }} />`} ${children}
    </div>
  </li>`;
}

const classOf = ({ status, failure }) => ["step", status, failure && "failed"].filter(Boolean).join(" ");

function Outcome({ step }) {
  const badge = outcomeOf(step);
  const took = tookOf(step);
  if (step.status === "running") {
    return html`<span class="step-state"
      ><${Icon} name="loader-circle" spin /><span class="visually-hidden">${t("agents.at_work")}</span></span
    >`;
  }
  return html`<span class="step-state">
    ${badge && html`<span class=${`badge ${badge.kind}`}>${badge.text}</span>`}
    ${took !== null && step.status === "done" && html`<span class="step-took muted">${duration(took)}</span>`}
  </span>`;
}

const beginning = (text) => text.slice(0, PREVIEW).replace(/\s+/g, " ").trim();
