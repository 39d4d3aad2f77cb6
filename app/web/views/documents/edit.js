// Changing a document's title, groups and metadata; its text stays as it is and is not read again.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { GroupsField, MetadataField, metadataOf, rowsOf } from "./fields.js";

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** `onSaved` gets the document as it is afterwards. */
export function Edit({ document, onClose, onSaved }) {
  const [title, setTitle] = useState(document.title);
  const [groups, setGroups] = useState(document.groups);
  const [rows, setRows] = useState(() => rowsOf(document.metadata));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);

  const submit = async (event) => {
    event.preventDefault();
    const metadata = metadataOf(rows);
    const readers = groups.length ? groups : ["everyone"];
    const body = {
      ...(title.trim() !== document.title ? { title: title.trim() } : {}),
      ...(same(readers, document.groups) ? {} : { groups: readers }),
      ...(same(metadata, document.metadata) ? {} : { metadata }),
    };
    if (!Object.keys(body).length) return onClose();
    setBusy(true);
    try {
      onSaved(await api(`/v1/documents/${document.id}`, { method: "PATCH", body }));
      onClose();
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
    return undefined;
  };

  return html`<${Dialog} title=${t("documents.edit_title")} onClose=${onClose}>
    <form class="documents-form" onSubmit=${submit}>
      <label class="field">
        ${t("documents.title")}
        <input required maxlength="1024" value=${title} onInput=${(event) => setTitle(event.target.value)} />
      </label>
      <${GroupsField} value=${groups} onChange=${setGroups} hint=${t("documents.groups_edit_hint")} />
      <${MetadataField} rows=${rows} onChange=${setRows} />
      ${problem && html`<p class="note bad" role="alert">${problem.message}</p>`}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy}>${t("documents.save")}</button>
      </footer>
    </form>
  <//>`;
}
