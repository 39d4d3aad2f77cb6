// What is known of a document.
import { html } from "../../lib/html.js";
import { dateTime, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";

/** A value of metadata in words. */
export const shownValue = (value) =>
  typeof value === "boolean" ? t(value ? "documents.true" : "documents.false") : typeof value === "number" ? number(value, { maximumFractionDigits: 20, useGrouping: false }) : value;

const Fact = ({ name, children }) =>
  html`<div>
    <dt>${name}</dt>
    <dd>${children}</dd>
  </div>`;

export function Facts({ document: shown }) {
  const metadata = Object.entries(shown.metadata);
  return html`<section class="document-facts" aria-label=${t("documents.facts")}>
    <dl>
      <${Fact} name=${t("documents.collection")}>${shown.collection}<//>
      <${Fact} name=${t("documents.path")}>${shown.external_id}<//>
      ${shown.filename &&
      shown.filename !== shown.external_id.split("/").pop() &&
      html`<${Fact} name=${t("documents.filename")}>${shown.filename}<//>`}
      <${Fact} name=${t("documents.added")}>${dateTime(shown.created_at)}<//>
      ${shown.updated_at !== shown.created_at &&
      html`<${Fact} name=${t("documents.updated")}>${dateTime(shown.updated_at)}<//>`}
      ${shown.language &&
      html`<${Fact} name=${t("documents.language")}>${languageName(shown.language)}<//>`}
      <${Fact} name=${t("documents.groups")}>
        <span class="document-badges">
          ${shown.groups.length
            ? shown.groups.map((name) => html`<span key=${name} class="badge"><${Icon} name="users" />${name}</span>`)
            : html`<span class="badge warn">${t("documents.no_groups")}</span>`}
        </span>
      <//>
      ${metadata.map(([name, value]) => html`<${Fact} key=${name} name=${name}>${shownValue(value)}<//>`)}
    </dl>
  </section>`;
}

function languageName(code) {
  try {
    return new Intl.DisplayNames(document.documentElement.lang, { type: "language" }).of(code);
  } catch {
    return code;
  }
}
