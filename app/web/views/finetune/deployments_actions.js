// What can be done with a deployment from the stage that it is at.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { Confirm } from "../../parts/dialog.js";
import { Move } from "./deployments_move.js";
import { DEPLOYMENTS, answering, wayName } from "./rollout_parts.js";

const WAYS = {
  candidate: ["shadow", "canary", "champion"],
  shadow: ["canary", "champion"],
  canary: ["canary", "shadow", "champion"],
  retired: ["champion"],
  rolled_back: ["champion"],
};

/** `onChanged` hears of it when something was done. */
export function Actions({ deployment, list, onChanged }) {
  const [to, setTo] = useState(null);
  const [calling, setCalling] = useState(false);
  const { id, stage, wanted, version } = deployment;
  const callOff = async () => {
    await api(`${DEPLOYMENTS}/${encodeURIComponent(id)}/rollback`, { method: "POST", body: {} });
    onChanged();
  };
  return html`<div class="learning-actions">
    ${wanted
      ? html`<button type="button" class="button small" onClick=${() => setCalling(true)}>${t("rollout.call_off")}<${For} version=${version} /></button>`
      : (WAYS[stage] ?? []).map(
          (way) => html`<button key=${way} type="button" class=${way === "champion" ? "button small primary" : "button small"} onClick=${() => setTo(way)}>
            ${wayName(stage, way)}<${For} version=${version} />
          </button>`,
        )}
    ${to && html`<${Move} deployment=${deployment} to=${to} answers=${answering(list, deployment.scope, id)} onClose=${() => setTo(null)} onDone=${onChanged} />`}
    ${calling &&
    html`<${Confirm}
      title=${t("rollout.call_off")}
      text=${t("rollout.call_off_text", { version, name: answering(list, deployment.scope, stage === "champion" ? null : id) })}
      action=${t("rollout.call_off")}
      onConfirm=${callOff}
      onClose=${() => setCalling(false)}
    />`}
  </div>`;
}

const For = ({ version }) => html`<span class="visually-hidden">: ${version}</span>`;
