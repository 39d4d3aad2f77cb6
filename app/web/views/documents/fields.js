// Fields that adding and editing documents share: the groups that may read, and metadata.
import { html, useId, useState } from "../../lib/html.js";
import { session } from "../../lib/api.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";

/** Group names as removable words, and a field for more. `value` is a list; `onChange` gets the next one. */
export function GroupsField({ value, onChange, hint }) {
  const id = useId();
  const [text, setText] = useState("");
  const mine = useStore(session, (who) => who?.principal?.groups) ?? [];
  const addAll = (given) => {
    const names = given
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean);
    if (names.length) onChange([...new Set([...value, ...names])]);
    setText("");
  };
  const onKeyDown = (event) => {
    if ((event.key === "Enter" || event.key === ",") && text.trim()) {
      event.preventDefault();
      addAll(text);
    } else if (event.key === "Backspace" && !text && value.length) onChange(value.slice(0, -1));
  };
  return html`<div class="field">
    <label for=${id}>${t("documents.groups")}</label>
    <div class="documents-words">
      ${value.map(
        (name) =>
          html`<span key=${name} class="badge accent">
            <span class="documents-cut">${name}</span>
            <button
              type="button"
              class="documents-word-remove"
              aria-label=${t("documents.remove_group", { name })}
              onClick=${() => onChange(value.filter((other) => other !== name))}
            >
              <${Icon} name="x" size=${0.9} />
            </button>
          </span>`,
      )}
      <input
        id=${id}
        value=${text}
        list=${`${id}-known`}
        maxlength="128"
        placeholder=${value.length ? "" : "everyone"}
        onInput=${(event) => setText(event.target.value)}
        onKeyDown=${onKeyDown}
        onBlur=${() => addAll(text)}
      />
      <datalist id=${`${id}-known`}>
        ${mine.filter((name) => !value.includes(name)).map((name) => html`<option key=${name} value=${name} />`)}
      </datalist>
    </div>
    ${hint && html`<small>${hint}</small>`}
  </div>`;
}

const typeOf = (value) => (typeof value === "boolean" ? "yes" : typeof value === "number" ? "number" : "text");

/** A metadata object as rows to edit: `[{key, type, text}]`. */
export const rowsOf = (metadata) =>
  Object.entries(metadata).map(([key, value]) => ({ key, type: typeOf(value), text: String(value) }));

/** What rows say, as an object. Rows without a name are left out. */
export function metadataOf(rows) {
  const named = rows.filter(({ key }) => key.trim());
  return Object.fromEntries(
    named.map(({ key, type, text }) => [
      key.trim(),
      type === "yes" ? text === "true" : type === "number" ? Number(text.replace(",", ".")) || 0 : text,
    ]),
  );
}

/** Rows of a name, a kind and a value. */
export function MetadataField({ rows, onChange }) {
  const edit = (n, change) => onChange(rows.map((row, place) => (place === n ? { ...row, ...change } : row)));
  return html`<fieldset class="documents-metadata">
    <legend>${t("documents.metadata")}</legend>
    ${rows.map(
      ({ key, type, text }, n) =>
        html`<div key=${n} class="documents-metadata-row">
          <input
            class="input"
            value=${key}
            maxlength="128"
            aria-label=${t("documents.metadata_name")}
            placeholder=${t("documents.metadata_name")}
            onInput=${(event) => edit(n, { key: event.target.value })}
          />
          <select
            class="input"
            value=${type}
            aria-label=${t("documents.metadata_kind")}
            onChange=${(event) => edit(n, { type: event.target.value, text: event.target.value === "yes" ? "true" : "" })}
          >
            ${["text", "number", "yes"].map(
              (kind) => html`<option key=${kind} value=${kind}>${t(`documents.metadata_${kind}`)}</option>`,
            )}
          </select>
          ${type === "yes"
            ? html`<select
                class="input"
                value=${text}
                aria-label=${t("documents.metadata_value")}
                onChange=${(event) => edit(n, { text: event.target.value })}
              >
                <option value="true">${t("documents.true")}</option>
                <option value="false">${t("documents.false")}</option>
              </select>`
            : html`<input
                class="input"
                value=${text}
                type=${type === "number" ? "number" : "text"}
                step="any"
                maxlength="4096"
                aria-label=${t("documents.metadata_value")}
                placeholder=${t("documents.metadata_value")}
                onInput=${(event) => edit(n, { text: event.target.value })}
              />`}
          <button
            type="button"
            class="icon-button"
            aria-label=${t("documents.metadata_remove", { name: key || n + 1 })}
            onClick=${() => onChange(rows.filter((_, place) => place !== n))}
          >
            <${Icon} name="x" />
          </button>
        </div>`,
    )}
    <button
      type="button"
      class="button small quiet"
      onClick=${() => onChange([...rows, { key: "", type: "text", text: "" }])}
    >
      <${Icon} name="plus" />${t("documents.metadata_add")}
    </button>
  </fieldset>`;
}
