// The versions of a document, newest first.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { bytes, dateTime } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";

/** They are asked for when they are opened. */
export function Versions({ document }) {
  const [open, setOpen] = useState(false);
  return html`<details class="document-versions" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${t("documents.versions")}</summary>
    ${open && html`<${Listed} key=${document.version_id} document=${document} />`}
  </details>`;
}

function Listed({ document }) {
  const found = useLoaded((signal) => api(`/v1/documents/${document.id}/versions`, { signal }), [document.id]);
  if (found.problem) return html`<${Failed} problem=${found.problem} onRetry=${found.again} />`;
  if (!found.value) return html`<${Loading} />`;
  return html`<ol>
    ${found.value.items.map(
      (version) =>
        html`<li key=${version.id}>
          <strong>${t("documents.version_n", { n: version.seq })}</strong>
          <span class=${version.status === "live" ? "badge good" : version.status === "failed" ? "badge bad" : "badge"}>
            ${t(`documents.version_${version.status}`)}
          </span>
          <span class="documents-cut">${version.filename}</span>
          <span class="muted">${bytes(version.size)}</span>
          <span class="muted">${dateTime(version.published_at ?? version.created_at)}</span>
          ${version.error && html`<span class="bad">${reasonOf(version.error)}</span>`}
        </li>`,
    )}
  </ol>`;
}
