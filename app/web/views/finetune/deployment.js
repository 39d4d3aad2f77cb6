// One deployment: where it stands, what its guards say, and how it came there.
import { html } from "../../lib/html.js";
import { dateTime } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Failed, Loading } from "../../parts/states.js";
import { Actions } from "./deployments_actions.js";
import { Signs } from "./deployments_row.js";
import { Guards } from "./guards.js";
import { Moves } from "./history.js";
import { useDeployments } from "./loop.js";
import { Facts, ForAdministrators, Page, Section } from "./parts.js";
import { useWatched } from "./rollout_live.js";
import { DEPLOYMENTS, Served, Stage, percent, scopeName } from "./rollout_parts.js";

/** The view at /finetune/deployments/:id. */
export default function DeploymentPage({ id }) {
  return html`<${ForAdministrators}><${Shown} key=${id} id=${id} /><//>`;
}

function Shown({ id }) {
  const { value, problem, again } = useWatched(`${DEPLOYMENTS}/${encodeURIComponent(id)}`);
  const list = useDeployments();
  useTitle(value?.version ?? t("rollout.deployment"));
  const changed = () => {
    again();
    list.again();
  };
  const actions = value && list.value && html`<${Actions} deployment=${value} list=${list.value} onChanged=${changed} />`;
  return html`<${Page} title=${value?.version ?? t("rollout.deployment")} actions=${actions} back=${["/finetune/rollout", t("rollout.title")]}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : value ? html`<${Told} deployment=${value} />` : html`<${Loading} />`}
  <//>`;
}

function Told({ deployment }) {
  const { id, scope, version, stage, share, by, why, gate, problem, created_at: made, changed_at: changed, judged } = deployment;
  return html`<${Section} title=${t("finetune.where")} action=${html`<span><${Stage} stage=${stage} /> <${Signs} deployment=${deployment} /></span>`}>
      ${problem && html`<p class="note warn" role="alert">${problem}</p>`}
      <${Facts}
        pairs=${[
          [t("rollout.version"), html`<${Served} name=${version} />`],
          [t("rollout.scope"), scopeName(scope)],
          [t("rollout.share"), stage === "canary" ? percent(share) : null],
          [t("rollout.by"), by],
          [t("rollout.why"), why],
          [t("rollout.gate"), gate && html`<a href=${`/finetune/gates/${encodeURIComponent(gate)}`}>${t("rollout.its_gate")}</a>`],
          [t("rollout.created"), dateTime(made)],
          [t("rollout.changed"), dateTime(changed)],
        ]}
      />
    <//>
    ${judged && html`<${Section} title=${t("rollout.guards")}><${Guards} judged=${judged} /><//>`}
    <${Moves} scope=${scope} of=${id} signature=${changed} />`;
}
