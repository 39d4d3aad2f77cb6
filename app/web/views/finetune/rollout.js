// Gates and rollouts: the loop of learning, what is in service, what the gate said, and who moved what.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Deployments } from "./deployments.js";
import { Gates } from "./gates.js";
import { Moves } from "./history.js";
import { Loop, useDeployments } from "./loop.js";
import { ForAdministrators, Page } from "./parts.js";
import { useWatched } from "./rollout_live.js";
import { GATES, Part, usePart } from "./rollout_parts.js";

/** The view at /finetune/rollout. */
export default function RolloutPage({ query }) {
  return html`<${ForAdministrators}><${Shown} query=${query} /><//>`;
}

function Shown({ query }) {
  useTitle(t("rollout.title"));
  const deployments = useDeployments();
  const gates = useWatched(GATES);
  usePart(query);
  const moved = deployments.value?.items.map(({ id, changed_at: at }) => `${id} ${at}`).join();
  return html`<${Page} title=${t("rollout.title")}>
    <${Loop} deployments=${deployments.value} gates=${gates.value} />
    <${Part} id="deployments"><${Deployments} found=${deployments} /><//>
    <${Part} id="gates"><${Gates} found=${gates} /><//>
    <${Part} id="history"><${Moves} signature=${moved} /><//>
  <//>`;
}
