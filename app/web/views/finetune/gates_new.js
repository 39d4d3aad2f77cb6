// Asking the gate: which candidate, on which questions, by which rules.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { BASE } from "./parts.js";
import { GATES, Refused } from "./rollout_parts.js";

const RULES = "min_items: 60\nmeasures:\n  support: {margin: 0.05, floor: 0.6}";

async function load(signal) {
  const [registry, datasets, files] = await Promise.all(["registry", "datasets", "files"].map((part) => api(`${BASE}/${part}`, { signal })));
  return {
    versions: registry.items.filter(({ kind }) => kind === "adapter").map(({ name }) => name),
    datasets: datasets.items.map(({ version }) => version),
    files: files.items.map(({ name }) => name),
  };
}

/** `onBegun` gets the run. */
export function NewGate({ onClose, onBegun }) {
  const known = useLoaded(load, []);
  const [fields, setFields] = useState({ candidate: "", dataset: "", rules: "", harmful: "" });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const change = (some) => setFields((old) => ({ ...old, ...some }));
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { harmful, ...body } = fields;
    try {
      onBegun(await api(GATES, { method: "POST", body: { ...body, ...(harmful ? { harmful } : {}) } }));
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  const { versions, datasets, files } = known.value ?? {};
  return html`<${Dialog} title=${t("gate.begin")} onClose=${onClose} wide>
    <form class="learning-form" onSubmit=${submit}>
      <p class="muted small">${t("gate.begin_text")}</p>
      <${Choice} title=${t("gate.candidate")} all=${versions} value=${fields.candidate} onChange=${(candidate) => change({ candidate })} required />
      <${Choice} title=${t("gate.dataset")} hint=${t("gate.dataset_hint")} all=${datasets} value=${fields.dataset} onChange=${(dataset) => change({ dataset })} required />
      <${Choice} title=${t("gate.harmful")} hint=${t("gate.harmful_hint")} all=${files} value=${fields.harmful} onChange=${(harmful) => change({ harmful })} />
      <label class="field">
        ${t("gate.rules")}
        <textarea class="learning-yaml" rows="8" spellcheck="false" placeholder=${RULES} value=${fields.rules} onInput=${(event) => change({ rules: event.target.value })}></textarea>
        <small>${t("gate.rules_hint")}</small>
      </label>
      <${Refused} problem=${problem ?? known.problem?.message} />
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy || !fields.candidate || !fields.dataset}>${t("finetune.start")}</button>
      </footer>
    </form>
  <//>`;
}

const Choice = ({ title, hint, all = [], value, onChange, required = false }) =>
  html`<label class="field">
    ${title}
    <select required=${required} value=${value} onChange=${(event) => onChange(event.target.value)}>
      <option value="">${t(required ? "rollout.choose" : "gate.none")}</option>
      ${all.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    </select>
    ${hint && html`<small>${hint}</small>`}
  </label>`;
