// The dialog that narrows what is asked: documents by name, days, metadata.
import { html, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { EVERYTHING } from "./scope.js";

/** `value` is a scope; `onChange` gets the new one when the reader is done. */
export function FiltersDialog({ value, onChange, onClose }) {
  const [draft, setDraft] = useState(value);
  const [backwards, setBackwards] = useState(false);
  const set = (part) => setDraft((old) => ({ ...old, ...part }));
  const submit = (event) => {
    event.preventDefault();
    const metadata = draft.metadata
      .map(({ key, value: wanted }) => ({ key: key.trim(), value: wanted.trim() }))
      .filter(({ key, value: wanted }) => key && wanted);
    if (draft.after && draft.before && draft.after > draft.before) return setBackwards(true);
    onChange({ ...draft, metadata });
    onClose();
  };
  return html`<${Dialog} title=${t("filters.title")} onClose=${onClose}>
    <form class="chat-filters" onSubmit=${submit}>
      <${DocumentPicker}
        collection=${draft.collection}
        chosen=${draft.documents}
        onChange=${(documents) => set({ documents })}
      />
      <fieldset class="chat-filters-days">
        <legend>${t("filters.added")}</legend>
        <label class="field">
          <span>${t("filters.after")}</span>
          <input type="date" value=${draft.after} onInput=${(event) => set({ after: event.target.value })} />
        </label>
        <label class="field">
          <span>${t("filters.before")}</span>
          <input type="date" value=${draft.before} onInput=${(event) => set({ before: event.target.value })} />
        </label>
        ${backwards && html`<p class="bad small" role="alert">${t("filters.backwards")}</p>`}
      </fieldset>
      <${Metadata} pairs=${draft.metadata} onChange=${(metadata) => set({ metadata })} />
      <footer class="dialog-foot">
        <button
          type="button"
          class="button quiet"
          onClick=${() => setDraft({ ...EVERYTHING, collection: draft.collection })}
        >
          ${t("filters.clear")}
        </button>
        <button class="button primary">${t("filters.apply")}</button>
      </footer>
    </form>
  <//>`;
}

function DocumentPicker({ collection, chosen, onChange }) {
  const [query, setQuery] = useState("");
  const { value, problem } = useLoaded(
    async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, query ? 150 : 0));
      return signal.aborted
        ? null
        : api(url("/v1/documents", { query: query.trim(), collection, limit: 20 }), { signal });
    },
    [query, collection],
  );
  const ids = new Set(chosen.map((document) => document.id));
  const found = (value?.items ?? []).filter((document) => !ids.has(document.id));
  return html`<fieldset class="chat-filters-documents">
    <legend>${t("filters.documents")}</legend>
    <input
      class="input"
      type="search"
      maxlength="200"
      aria-label=${t("filters.find")}
      placeholder=${t("filters.find")}
      onInput=${(event) => setQuery(event.target.value)}
      onKeyDown=${(event) => event.key === "Enter" && event.preventDefault()}
    />
    <div class="chat-filters-found">
      ${[...chosen, ...found].map(
        ({ id, title, filename }) =>
          html`<label key=${id} class="check">
            <input
              type="checkbox"
              checked=${ids.has(id)}
              onChange=${(event) =>
                onChange(event.target.checked ? [...chosen, { id, title }] : chosen.filter((item) => item.id !== id))}
            />
            <span>${title || filename}</span>
          </label>`,
      )}
      ${problem && html`<p class="bad small">${problem.message}</p>`}
      ${value && !found.length && !chosen.length && html`<p class="muted small">${t("filters.none")}</p>`}
    </div>
  </fieldset>`;
}

function Metadata({ pairs, onChange }) {
  const change = (n, part) => onChange(pairs.map((pair, index) => (index === n ? { ...pair, ...part } : pair)));
  return html`<fieldset class="chat-filters-metadata">
    <legend>${t("filters.metadata")}</legend>
    ${pairs.map(
      ({ key, value }, n) =>
        html`<div key=${n} class="chat-filters-pair">
          <input
            class="input"
            aria-label=${t("filters.key")}
            placeholder=${t("filters.key")}
            maxlength="128"
            value=${key}
            onInput=${(event) => change(n, { key: event.target.value })}
          />
          <span aria-hidden="true">=</span>
          <input
            class="input"
            aria-label=${t("filters.value")}
            placeholder=${t("filters.value")}
            maxlength="4096"
            value=${value}
            onInput=${(event) => change(n, { value: event.target.value })}
          />
          <button
            type="button"
            class="icon-button"
            aria-label=${t("filters.remove", { name: key })}
            onClick=${() => onChange(pairs.filter((_, index) => index !== n))}
          >
            <${Icon} name="x" />
          </button>
        </div>`,
    )}
    <button type="button" class="button small" onClick=${() => onChange([...pairs, { key: "", value: "" }])}>
      <${Icon} name="plus" />${t("filters.add")}
    </button>
  </fieldset>`;
}
