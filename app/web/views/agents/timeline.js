// A run's steps in their order, those of sub-agents below the step that called them.
import { html, useEffect, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { useWanted } from "./going.js";
import { Step } from "./step.js";
import { treeOf } from "./tools.js";

/** `open` at first; folded away it is one line. */
export function Timeline({ task, acts, names, open: first }) {
  const [open, setOpen] = useState(first);
  const { steps } = task;
  const wanted = useWanted(task.key);
  useEffect(() => {
    if (wanted) setOpen(true);
  }, [wanted]);
  const n = steps.length || (task.budget?.steps ?? 0); // they may not be loaded yet
  if (!n) return null;
  const toggle = () => {
    acts.steps(task);
    setOpen(!open);
  };
  return html`<section class="timeline" aria-label=${t("agents.steps")}>
    <button type="button" class="timeline-head" aria-expanded=${open} onClick=${toggle}>
      <${Icon} name=${open ? "chevron-down" : "chevron-right"} />${t("agents.n_steps", { n })}
    </button>
    ${open && html`<${Steps} nodes=${treeOf(steps)} ...${{ task, acts, names }} />`}
  </section>`;
}

function Steps({ nodes, task, acts, names }) {
  return html`<ol class="steps">
    ${nodes.map(
      ({ step, children }) =>
        html`<${Step}
          key=${step.number}
          ...${{ step, task, acts }}
          handed=${names.has(step.tool) || (children.length > 0 && step.tool !== "answer")}
        >
          ${children.length > 0 && html`<${Steps} nodes=${children} ...${{ task, acts, names }} />`}
        <//>`,
    )}
  </ol>`;
}
