// The question as it was asked and as it was searched for, and what it was narrowed to.
import { html } from "../../lib/html.js";
import { dateTime } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { addressOf, LIMITS } from "./asked.js";
import { EVERYTHING } from "../chat/scope.js";

export function Question({ trace }) {
  const { asked, question, collections, filters } = trace;
  const narrowed = [
    ...collections.map((name) => `${t("search.collection")}: ${name}`),
    filters.document_ids.length > 0 && t("why.documents", { n: filters.document_ids.length }),
    filters.created_after && t("scope.after", { day: dateTime(filters.created_after) }),
    filters.created_before && t("scope.before", { day: dateTime(filters.created_before) }),
    ...Object.entries(filters.metadata).map(([key, value]) => `${key} = ${[value].flat().map(String).join(", ")}`),
  ].filter(Boolean);
  return html`<blockquote class="why-asked">${asked}</blockquote>
    ${question !== asked.trim()
      ? html`<p class="muted">${t("why.rewritten")}</p>
          <blockquote class="why-asked">${question}</blockquote>`
      : html`<p class="muted">${t("why.as_asked")}</p>`}
    ${narrowed.length > 0 &&
    html`<ul class="why-narrowed" aria-label=${t("scope.active")}>
      ${narrowed.map((text, n) => html`<li key=${n} class="badge accent">${text}</li>`)}
    </ul>`}
    ${trace.search && html`<a class="why-again" href=${again(trace)}><${Icon} name="search" />${t("why.search_again")}</a>`}`;
}

/** The same search on the page for searches; days and metadata are left to the reader, who sees them above. */
const again = ({ question, collections, filters }) =>
  addressOf({
    text: question,
    mode: "hybrid",
    limit: LIMITS[0],
    rerank: "",
    scope: {
      ...EVERYTHING,
      collection: collections[0] ?? "",
      documents: filters.document_ids.map((id) => ({ id, title: undefined })),
    },
  });
