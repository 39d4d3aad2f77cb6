// What the server found in a recipe: what keeps it from starting, what to mind, and the memory it takes.
import { html } from "../../lib/html.js";
import { bytes } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { words } from "./parts.js";

/** `looked` is `{value, problem}`; before the recipe is whole it says what is awaited. */
export function Looked({ looked: { value, problem }, whole }) {
  if (!whole) return html`<p class="muted small">${t("finetune.lint_waits")}</p>`;
  return html`<div class="learning-looked" role="status">
    ${problem && html`<p class="note bad">${problem.message}</p>`}
    ${value && !value.findings.length && html`<p class="learning-fine"><${Icon} name="circle-check" /> ${t("finetune.lint_fine")}</p>`}
    ${value?.findings.length > 0 &&
    html`<ul class="learning-findings">
      ${value.findings.map((each, n) => html`<${Finding} key=${n} ...${each} />`)}
    </ul>`}
    ${value?.memory && html`<${Memory} ...${value.memory} />`}
  </div>`;
}

const Finding = ({ level, place, message, change }) =>
  html`<li class=${level === "error" ? "note bad" : "note warn"}>
    <b>${t(`finetune.level_${level}`)}</b> ${place && html`<code>${place}</code>`} ${message} ${change}
  </li>`;

function Memory({ needed_bytes: needed, free_bytes: free, parts }) {
  const largest = Object.entries(parts)
    .filter(([, size]) => size > 0)
    .sort((a, b) => b[1] - a[1]);
  return html`<p class=${needed > free ? "note bad" : "small"}>
    ${t("finetune.memory", { needed: bytes(needed), free: bytes(free) })}
    <span class="muted"> ${largest.map(([part, size]) => `${words(part)} ${bytes(size)}`).join(", ")}</span>
  </p>`;
}
