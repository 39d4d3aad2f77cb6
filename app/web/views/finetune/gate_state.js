// How a run of the gate fares, and what can be done about it.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { toast } from "../../parts/toasts.js";
import { Share, State, named } from "./parts.js";
import { GATES } from "./rollout_parts.js";

const RESUMED = ["interrupted", "cancelled", "failed"];

/** Where it stands; of one that is done, what it said. */
export function GateState({ gate: { state, passed } }) {
  if (state !== "done") return html`<${State} state=${state} />`;
  return html`<span class=${passed ? "badge good" : "badge bad"}>${t(passed ? "gate.passed" : "gate.stopped")}</span>`;
}

/** How far it is, while it is at work. */
export function Progress({ gate: { state, stage, done, of, candidate } }) {
  if (state !== "running") return null;
  const doing = named(t(`gate.doing_${stage || "checks"}`), stage);
  const told = [doing, of > 0 && t("finetune.of", { done, total: of })].filter(Boolean).join(" · ");
  return html`<div class="learning-going">
    <${Share} share=${of ? done / of : 0} label=${candidate} />
    <span class="muted small">${told}</span>
  </div>`;
}

/** `onChanged` hears of it when something was done. */
export function GateActions({ gate: { id, state, candidate }, onChanged }) {
  const [busy, setBusy] = useState(false);
  const act = async (what) => {
    setBusy(true);
    try {
      await api(`${GATES}/${encodeURIComponent(id)}/${what}`, { method: "POST" });
    } catch (error) {
      toast(error.message, { kind: "bad" });
    }
    setBusy(false);
    onChanged();
  };
  const button = (what, text) => html`<button type="button" class="button small" disabled=${busy} onClick=${() => act(what)}>
    ${text}<span class="visually-hidden">: ${candidate}</span>
  </button>`;
  if (state === "running") return button("cancel", t("action.cancel"));
  return RESUMED.includes(state) ? button("resume", t("finetune.resume")) : null;
}
