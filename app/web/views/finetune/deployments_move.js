// Having a version go to another stage: what that means, how many people it answers, and why.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { DEPLOYMENTS, Refused, Why, wayName } from "./rollout_parts.js";

const ROUTES = { shadow: "shadow", canary: "canary", champion: "promote" };

/** `answers` is who answers beside it, or instead of it, in its scope. */
export function Move({ deployment: { id, version, stage, share, judged }, to, answers, onClose, onDone }) {
  const [percent, setPercent] = useState(String(Math.round(share * 1000) / 10));
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const body = { why, ...(to === "canary" ? { share: Number(percent) / 100 } : {}) };
    try {
      await api(`${DEPLOYMENTS}/${encodeURIComponent(id)}/${ROUTES[to]}`, { method: "POST", body });
      onDone();
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  const name = wayName(stage, to);
  return html`<${Dialog} title=${name} onClose=${onClose}>
    <form class="learning-form" onSubmit=${submit}>
      <p>${t(`rollout.to_${to}_text`, { version, name: answers })}</p>
      ${to === "champion" && judged && !judged.ready && html`<p class="note warn">${judged.said}</p>`}
      ${to === "canary" && html`<${Percent} value=${percent} onChange=${setPercent} />`}
      ${to !== stage && html`<${Why} value=${why} onChange=${setWhy} />`}
      <${Refused} problem=${problem} />
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy}>${name}</button>
      </footer>
    </form>
  <//>`;
}

/** The share of people whom a canary answers. */
export const Percent = ({ value, onChange }) =>
  html`<label class="field">
    ${t("rollout.percent")}
    <input type="number" required min="0.1" max="100" step="any" value=${value} onInput=${(event) => onChange(event.target.value)} />
    <small>${t("rollout.percent_hint")}</small>
  </label>`;
