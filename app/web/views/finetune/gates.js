// Runs of the gate: what was held against what, how far it is, and what came of it.
import { html, useState } from "../../lib/html.js";
import { ago } from "../../lib/format.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { GateActions, GateState, Progress } from "./gate_state.js";
import { NewGate } from "./gates_new.js";
import { Section, Versioned } from "./parts.js";

export const gatePath = (id) => `/finetune/gates/${encodeURIComponent(id)}`;

/** `found` is the list of the gate's runs as `useWatched` tells it. */
export function Gates({ found: { value, problem, again } }) {
  const [adding, setAdding] = useState(false);
  const going = value?.items.some(({ state }) => state === "running") ?? false;
  const action = html`<button type="button" class="button primary" disabled=${going} onClick=${() => setAdding(true)}>
    <${Icon} name="plus" />${t("gate.begin")}
  </button>`;
  return html`<${Section} title=${t("gate.gates")} text=${t("gate.gates_text")} action=${action}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : !value && html`<${Loading} />`}
    ${value?.items.length === 0 && html`<p class="learning-empty muted">${t("gate.empty")}</p>`}
    ${value?.items.length > 0 && html`<ul class="rollout-rows">${value.items.map((gate) => html`<${Row} key=${gate.id} gate=${gate} onChanged=${again} />`)}</ul>`}
    ${adding && html`<${NewGate} onClose=${() => setAdding(false)} onBegun=${(gate) => navigate(gatePath(gate.id))} />`}
  <//>`;
}

function Row({ gate, onChanged }) {
  const { id, candidate, champion, said, error, by, started_at: at } = gate;
  return html`<li class="rollout-row">
    <div class="learning-head">
      <div>
        <p><a href=${gatePath(id)}><${Versioned} name=${candidate} /></a> <${GateState} gate=${gate} /></p>
        <p class="muted small">${t("gate.against", { champion })} · ${t("rollout.told", { by, when: ago(at) })}</p>
      </div>
      <${GateActions} gate=${gate} onChanged=${onChanged} />
    </div>
    <${Progress} gate=${gate} />
    ${(error ?? said) && html`<p class="small">${error ?? said}</p>`}
  </li>`;
}
