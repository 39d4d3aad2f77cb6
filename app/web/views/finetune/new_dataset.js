// Asking for a dataset: out of which answers, and with which files beside them.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { BASE } from "./parts.js";

const load = async (signal) => {
  const [collections, files] = await Promise.all([api("/v1/collections", { signal }), api(`${BASE}/files`, { signal })]);
  return { collections: collections.items.map(({ name }) => name), files: files.items.map(({ name }) => name) };
};

/** The start and the end of a day where the reader is, as the server has times. */
const from = (day) => (day ? new Date(`${day}T00:00:00`).toISOString() : undefined);
const until = (day) => (day ? new Date(`${day}T23:59:59`).toISOString() : undefined);

export function NewDataset({ onClose, onBegun }) {
  const known = useLoaded(load, []);
  const [name, setName] = useState("feedback");
  const [collections, setCollections] = useState([]);
  const [imports, setImports] = useState([]);
  const [since, setSince] = useState("");
  const [end, setEnd] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const body = {
      name,
      ...(collections.length ? { collections } : {}),
      ...(imports.length ? { imports } : {}),
      ...(since ? { since: from(since) } : {}),
      ...(end ? { until: until(end) } : {}),
    };
    try {
      await api(`${BASE}/datasets`, { method: "POST", body });
      onBegun();
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("finetune.new_dataset")} onClose=${onClose}>
    <form class="learning-form" onSubmit=${submit}>
      <p class="muted small">${t("finetune.new_dataset_text")}</p>
      <label class="field">
        ${t("finetune.name")}
        <input required pattern="[A-Za-z0-9_][A-Za-z0-9._\\-]*" maxlength="64" value=${name} onInput=${(event) => setName(event.target.value)} />
        <small>${t("finetune.name_hint")}</small>
      </label>
      <${Choices} title=${t("finetune.collections")} hint=${t("finetune.collections_hint")} all=${known.value?.collections} chosen=${collections} onChange=${setCollections} />
      <div class="learning-pair">
        <label class="field">${t("finetune.since")}<input type="date" value=${since} max=${end} onInput=${(event) => setSince(event.target.value)} /></label>
        <label class="field">${t("finetune.until")}<input type="date" value=${end} min=${since} onInput=${(event) => setEnd(event.target.value)} /></label>
      </div>
      <${Choices} title=${t("finetune.files")} all=${known.value?.files} chosen=${imports} onChange=${setImports} />
      ${(problem ?? known.problem?.message) && html`<p class="note bad" role="alert">${problem ?? known.problem.message}</p>`}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy}>${t("finetune.build")}</button>
      </footer>
    </form>
  <//>`;
}

function Choices({ title, hint, all = [], chosen, onChange }) {
  if (!all.length) return null;
  const toggle = (name) => onChange(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name]);
  return html`<fieldset class="learning-choices">
    <legend>${title}</legend>
    ${hint && html`<small class="muted">${hint}</small>`}
    ${all.map(
      (name) => html`<label key=${name} class="check"><input type="checkbox" checked=${chosen.includes(name)} onChange=${() => toggle(name)} />${name}</label>`,
    )}
  </fieldset>`;
}
