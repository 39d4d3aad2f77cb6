// Which rung of the ladder is next, why, and how much is missing for the others.
import { html } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";
import { BASE, Section } from "./parts.js";

const RUNGS = ["gather", "prompt", "retrieval", "adapter", "full"];

/** The server's advice, in one glance. */
export function Advice() {
  const { value, problem, again } = useLoaded((signal) => api(`${BASE}/advice`, { signal }), []);
  if (problem?.status === 404) return null; // a server without this part
  return html`<${Section} title=${t("finetune.advice")}>
    ${problem ? html`<${Failed} problem=${problem} onRetry=${again} />` : value ? html`<${Told} advice=${value} />` : html`<${Loading} />`}
  <//>`;
}

function Told({ advice: { rung, why, methods, missing, counts } }) {
  const lacking = Object.entries(missing);
  return html`<ol class="learning-rungs" aria-label=${t("finetune.rungs")}>
      ${RUNGS.map(
        (name) => html`<li key=${name} class=${name === rung ? "badge accent" : "badge"} aria-current=${name === rung ? "step" : undefined}>
          ${t(`finetune.rung_${name}`)}
        </li>`,
      )}
    </ol>
    <p><b>${t(`finetune.rung_${rung}_do`)}</b> ${reasonOf({ code: `rung_${rung}`, message: why })}</p>
    ${counts.judged > 0 && html`<p class="small">${t("finetune.judged", { n: counts.judged, good: counts.good, missing: counts.missing, misused: counts.misused })}</p>`}
    ${methods.length > 0 && html`<p class="small">${t("finetune.ready", { methods: methods.map((each) => t(`finetune.method_${each}`)).join(", ") })}</p>`}
    ${lacking.length > 0 &&
    html`<p class="muted small">
      ${t("finetune.missing")} ${lacking.map(([method, n]) => t("finetune.missing_rows", { method: t(`finetune.method_${method}`), n })).join(", ")}
    </p>`}`;
}
