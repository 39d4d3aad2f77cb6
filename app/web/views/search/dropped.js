// What else the index proposed and what became of it, folded away under the hits.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Candidates } from "./candidates.js";

/** `trace` is the search's own. Nothing where all that was proposed is shown. */
export function Dropped({ trace, shown }) {
  const hidden = trace.candidates.filter((candidate) => !shown.has(candidate.chunk_id));
  if (!hidden.length && !trace.refused) return null;
  return html`<details class="dropped">
    <summary>${t("search.dropped", { n: hidden.length + trace.refused })}</summary>
    ${trace.refused > 0 && html`<p class="muted small">${t("search.refused", { n: trace.refused })}</p>`}
    ${hidden.length > 0 && html`<${Candidates} trace=${trace} candidates=${hidden} />`}
  </details>`;
}
