// One deployment in a list: its stage, whose word it is, what is in its way, and what can be done with it.
import { html } from "../../lib/html.js";
import { ago } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Actions } from "./deployments_actions.js";
import { Guards } from "./guards.js";
import { ON_TRIAL, Served, Stage, percent } from "./rollout_parts.js";

/** `list` is the whole of which it is one; `guarded` draws the guards of a trial as well. */
export function Row({ deployment, list, onChanged, guarded = false }) {
  const { id, version, stage, problem, judged } = deployment;
  const trial = ON_TRIAL.includes(stage);
  return html`<li class="rollout-row">
    <div class="learning-head">
      <div>
        <p><${Served} name=${version} /> <${Stage} stage=${stage} /> <${Signs} deployment=${deployment} /></p>
        <${Told} deployment=${deployment} />
      </div>
      <${Actions} deployment=${deployment} list=${list} onChanged=${onChanged} />
    </div>
    ${problem && html`<p class="note warn" role="alert">${problem}</p>`}
    ${guarded && trial && judged && html`<${Guards} judged=${judged} />`}
    <p class="small"><a href=${`/finetune/deployments/${encodeURIComponent(id)}`}>${t("rollout.more")}<span class="visually-hidden">: ${version}</span></a></p>
  </li>`;
}

/** What is still to come of a deployment. */
export const Signs = ({ deployment: { stage, wanted, leaving, share } }) =>
  html`${stage === "canary" && html`<span class="badge">${t("rollout.share_of", { share: percent(share) })}</span> `}
    ${wanted && html`<span class="badge warn">${t("rollout.wanted", { stage: t(`rollout.stage_${wanted}`) })}</span> `}
    ${leaving && html`<span class="badge">${t("rollout.leaving")}</span>`}`;

function Told({ deployment: { by, why, gate, changed_at: at } }) {
  return html`<p class="muted small">
    ${t("rollout.told", { by, when: ago(at) })}${why && ` · ${why}`}
    ${gate && html` · <a href=${`/finetune/gates/${encodeURIComponent(gate)}`}>${t("rollout.its_gate")}</a>`}
  </p>`;
}
