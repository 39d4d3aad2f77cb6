// What the index proposed, what was kept of it, and in which order it was offered.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { placeOf } from "../chat/place.js";
import { Candidates } from "./candidates.js";
import { scoreText } from "./legs.js";

const offeredIn = (trace) => new Map(trace.offered.map(({ source, chunk_id: chunk }) => [chunk, source]));

/** The candidates in the index's order. */
export function Found({ trace }) {
  const { search } = trace;
  const count = (fate) => search.candidates.filter((candidate) => candidate.fate === fate).length;
  const said = [
    t("why.proposed", { n: search.proposed, mode: t(`mode.${search.mode}`) }),
    search.looks > 1 && t("why.looks", { n: search.looks }),
    search.refused > 0 && t("search.refused", { n: search.refused }),
    count("duplicate") > 0 && t("why.duplicates", { n: count("duplicate") }),
    count("moved") > 0 && t("why.moved", { n: count("moved") }),
    search.candidates.length > 0 && t("why.kept", { n: search.order.length }),
  ];
  return html`<p>${said.filter(Boolean).join(" ")}</p>
    ${search.candidates.length > 0 && html`<${Candidates} trace=${search} offered=${offeredIn(trace)} />`}`;
}

/** What was kept, as it was at the end, with how far each moved. */
export function Ordered({ trace }) {
  const { search, offered } = trace;
  const known = new Map(search.candidates.map((candidate) => [candidate.chunk_id, candidate]));
  const before = search.candidates.filter(({ fate }) => fate === "kept").map(({ chunk_id: chunk }) => chunk);
  const sources = offeredIn(trace);
  if (!search.order.length) return html`<p>${t("why.nothing_kept")}</p>`;
  return html`<p>${t(search.reranked ? "why.reranked" : "why.not_reranked")} ${t("why.offered", { n: offered.length })}</p>
    <ol class="why-order">
      ${search.order.map(
        ({ chunk_id: chunk, rerank }, n) =>
          html`<li key=${chunk} class=${sources.has(chunk) ? "offered" : ""}>
            <span class="why-source">${sources.get(chunk) ?? "–"}</span>
            <span class="why-passage"><${Name} candidate=${known.get(chunk)} /></span>
            ${search.reranked && html`<${Moved} by=${before.indexOf(chunk) - n} />`}
            ${search.reranked && html`<span class="why-score">${rerank === null ? "–" : scoreText(rerank)}</span>`}
          </li>`,
      )}
    </ol>`;
}

const Name = ({ candidate }) =>
  !candidate || candidate.withheld
    ? html`<span class="muted">${t("source.gone")}</span>`
    : html`${candidate.title} <span class="muted">${placeOf(candidate)}</span>`;

function Moved({ by }) {
  if (!by) return html`<span class="why-moved"></span>`;
  const words = t(by > 0 ? "why.up" : "why.down", { n: Math.abs(by) });
  return html`<span class=${by > 0 ? "why-moved up" : "why-moved"} title=${words}>
    <${Icon} name=${by > 0 ? "chevron-up" : "chevron-down"} />${Math.abs(by)}<span class="visually-hidden">${words}</span>
  </span>`;
}
