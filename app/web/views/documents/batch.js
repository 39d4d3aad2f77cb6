// Before files are added: where to, who may read them, and what is noted with them.
import { html, useRef, useState } from "../../lib/html.js";
import { api, session } from "../../lib/api.js";
import { bytes } from "../../lib/format.js";
import { createKeptStore, useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Dialog } from "../../parts/dialog.js";
import { PersonalField } from "./collection.js";
import { GroupsField, MetadataField, metadataOf } from "./fields.js";

const NEW = "\n"; // no collection's name
const NAMES_SHOWN = 4;

/** What was chosen last time, to begin with. */
const kept = createKeptStore("footnote.documents.batch", { collection: "default", groups: [] });

/** `choice` is what `sorted` in files.js found; `onAdd` gets `{collection, groups, metadata, title}`. */
export function Batch({ choice, largest, collections, collection, onClose, onAdd }) {
  const last = useStore(kept);
  const admin = useStore(session, (who) => who?.principal?.admin ?? false);
  const known = collections.map(({ name }) => name);
  const [into, setInto] = useState(collection || (known.includes(last.collection) ? last.collection : "default"));
  const [name, setName] = useState("");
  const [personal, setPersonal] = useState("allow");
  const [groups, setGroups] = useState(last.groups);
  const [rows, setRows] = useState([]);
  const [title, setTitle] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const form = useRef(null);
  const { files, left } = choice;
  const n = files.length;

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      const target = into === NEW ? name.trim() : into;
      if (into === NEW) await api("/v1/collections", { method: "POST", body: { name: target, personal } });
      kept.set({ collection: target, groups });
      onAdd({ collection: target, groups, metadata: metadataOf(rows), title: n === 1 ? title.trim() : "" });
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };

  return html`<${Dialog} title=${n ? t("uploads.add", { n }) : t("uploads.nothing")} onClose=${onClose}>
    <form ref=${form} class="documents-form" onSubmit=${submit}>
      <${Chosen} files=${files} />
      <${LeftOut} left=${left} largest=${largest} />
      ${n > 0 &&
      html`<label class="field">
          ${t("documents.collection")}
          <select value=${into} onChange=${(event) => setInto(event.target.value)}>
            ${(known.length ? known : ["default"]).map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
            <option value=${NEW}>${t("documents.new_collection")}</option>
          </select>
        </label>
        ${into === NEW &&
        html`<label class="field">
          ${t("documents.collection_name")}
          <input
            required
            pattern="[a-z0-9][a-z0-9_\\-]{0,63}"
            maxlength="64"
            value=${name}
            onInput=${(event) => setName(event.target.value)}
          />
          <small>${t("documents.collection_name_hint")}</small>
        </label>
        ${admin && html`<${PersonalField} value=${personal} onChange=${setPersonal} />`}`}
        <${GroupsField} value=${groups} onChange=${setGroups} hint=${t("documents.groups_hint")} />
        <details>
          <summary>${t("uploads.more")}</summary>
          <div class="documents-form">
            ${n === 1 &&
            html`<label class="field">
              ${t("documents.title")}
              <input maxlength="1024" value=${title} onInput=${(event) => setTitle(event.target.value)} />
              <small>${t("documents.title_hint")}</small>
            </label>`}
            <${MetadataField} rows=${rows} onChange=${setRows} />
          </div>
        </details>
        <p class="muted small">${t("uploads.versions_hint")}</p>`}
      ${problem && html`<p class="note bad" role="alert">${problem.message}</p>`}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t(n ? "action.cancel" : "action.close")}</button>
        ${n > 0 &&
        html`<button type="submit" class="button primary" disabled=${busy}>
          <${Icon} name="upload" />${t("uploads.go", { n })}
        </button>`}
      </footer>
    </form>
  <//>`;
}

function Chosen({ files }) {
  if (!files.length) return null;
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  return html`<div class="documents-chosen">
    <ul>
      ${files
        .slice(0, NAMES_SHOWN)
        .map(
          ({ file, path }) =>
            html`<li key=${path}>
              <${Icon} name="file-text" /><span class="documents-cut" title=${path}>${path}</span>
              <span class="muted">${bytes(file.size)}</span>
            </li>`,
        )}
    </ul>
    ${files.length > NAMES_SHOWN &&
    html`<p class="muted small">${t("uploads.and_more", { n: files.length - NAMES_SHOWN })} · ${bytes(size)}</p>`}
  </div>`;
}

function LeftOut({ left, largest }) {
  const said = Object.entries(left).filter(([, n]) => n);
  if (!said.length) return null;
  return html`<ul class="note warn documents-left">
    ${said.map(([why, n]) => html`<li key=${why}>${t(`uploads.left_${why}`, { n, size: bytes(largest) })}</li>`)}
  </ul>`;
}
