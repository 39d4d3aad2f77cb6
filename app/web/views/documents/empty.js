// What stands where the list of documents has nothing to show.
import { html } from "../../lib/html.js";
import { bytes } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Empty } from "../../parts/states.js";

/** An invitation to drop files. */
export const NoDocuments = ({ largest, onChoose }) =>
  html`<div class="documents-invitation">
    <${Icon} name="upload" size=${2.2} />
    <h2>${t(matchMedia("(hover: none)").matches ? "documents.none_touch" : "documents.none")}</h2>
    <p>${t("documents.none_text")}</p>
    <button type="button" class="button primary" onClick=${onChoose}>${t("documents.choose")}</button>
    <p class="muted small">${t("documents.formats")}</p>
    ${Number.isFinite(largest) && html`<p class="muted small">${t("documents.largest", { size: bytes(largest) })}</p>`}
  </div>`;

/** Where a search or a collection has none. */
export const NothingFound = ({ onClear }) =>
  html`<${Empty} icon="search" title=${t("documents.nothing_found")}>
    <p>${t("documents.nothing_found_text")}</p>
    <button type="button" class="button" onClick=${onClear}>${t("documents.show_all")}</button>
  <//>`;
