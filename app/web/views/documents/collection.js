// What administrators say of a collection: what it is for, and what becomes of personal data in it.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";

const PERSONAL = ["allow", "mask", "block"];

/** What becomes of personal data: `value` is one of allow, mask and block. */
export const PersonalField = ({ value, onChange }) =>
  html`<label class="field">
    ${t("documents.personal")}
    <select value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${PERSONAL.map((each) => html`<option key=${each} value=${each}>${t(`documents.personal_${each}`)}</option>`)}
    </select>
    <small>${t(`documents.personal_${value}_text`)}</small>
  </label>`;

/** `collection` is the name of the one of `collections` that is shown first; `onSaved` gets one as it is afterwards. */
export function CollectionDialog({ collections, collection, onClose, onSaved }) {
  const [chosen, setChosen] = useState(collection);
  const of = collections.find((each) => each.name === chosen) ?? collections[0];
  return html`<${Dialog} title=${t("documents.collection_settings")} onClose=${onClose}>
    ${
      collections.length > 1 &&
      html`<label class="field">
        ${t("documents.collection")}
        <select value=${of.name} onChange=${(event) => setChosen(event.target.value)}>
          ${collections.map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}
        </select>
      </label>`
    }
    <${Settings} key=${of.name} ...${{ of, onClose, onSaved }} />
  <//>`;
}

function Settings({ of, onClose, onSaved }) {
  const [description, setDescription] = useState(of.description);
  const [personal, setPersonal] = useState(of.personal);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const body = { description: description.trim(), personal };
      onSaved(await api(`/v1/collections/${encodeURIComponent(of.name)}`, { method: "PATCH", body }));
      onClose();
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return html`<form class="documents-form" onSubmit=${submit}>
    <label class="field">
      ${t("documents.collection_description")}
      <textarea
        rows="2"
        maxlength="2000"
        value=${description}
        onInput=${(event) => setDescription(event.target.value)}
      ></textarea>
    </label>
    <${PersonalField} value=${personal} onChange=${setPersonal} />
    ${problem && html`<p class="note bad" role="alert">${problem.message}</p>`}
    <footer class="dialog-foot">
      <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
      <button type="submit" class="button primary" disabled=${busy}>${t("documents.save")}</button>
    </footer>
  </form>`;
}
