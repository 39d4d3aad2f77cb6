// The raw hits of a search with what led to them: the page to learn from why an answer was as it was.
import { html, useEffect, useMemo, useRef, useState } from "../../lib/html.js";
import { announce } from "../../lib/announce.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Degraded } from "../../parts/degraded.js";
import { Empty, Failed, Loading } from "../../parts/states.js";
import { SourcePanel } from "../chat/source_panel.js";
import { addressOf, askedOf, bodyOf } from "./asked.js";
import { Dropped } from "./dropped.js";
import { SearchForm } from "./form.js";
import { Hit } from "./hit.js";
import { scalesOf } from "./legs.js";
import { stemsOf } from "./marks.js";
import { Timings } from "./timings.js";

const STAGES = ["embed", "search", "check", "rerank"];

/** The view at /search; `query` is the address's. */
export default function Search({ query }) {
  const asked = askedOf(query);
  const wanted = asked.text.trim() ? JSON.stringify(bodyOf(asked)) : null;
  const { value, problem, loading, again } = useLoaded(
    async (signal) => wanted && { wanted, found: await api("/v1/search", { method: "POST", body: JSON.parse(wanted), signal }) },
    [wanted],
  );
  const [open, setOpen] = useState(null);
  const back = useRef(null);
  const found = value?.found;
  useEffect(() => setOpen(null), [wanted]);
  useEffect(() => {
    if (found) announce(t("search.found", { n: found.hits.length }));
  }, [found]);
  const hits = found?.hits ?? [];
  const at = hits.findIndex((hit) => hit.chunk_id === open);
  const close = () => {
    setOpen(null);
    back.current?.isConnected && back.current.focus();
  };
  return html`<div class=${at >= 0 ? "search with-source" : "search"}>
    <div class="search-column">
      <div class="view">
        <header class="view-head"><h1>${t("nav.search")}</h1></header>
        <${SearchForm}
          asked=${asked}
          onAsk=${(next) => {
            const address = addressOf(next);
            if (address === location.pathname + location.search) again();
            else navigate(address);
          }}
        />
        ${problem && html`<${Failed} problem=${problem} onRetry=${again} />`}
        ${!wanted && html`<${Empty} icon="search" title=${t("search.begin")}><p>${t("search.begin_text")}</p><//>`}
        ${wanted && !found && !problem && html`<${Loading} label=${t("search.searching")} />`}
        ${wanted &&
        found &&
        !problem &&
        html`<${Results}
          found=${found}
          text=${asked.text}
          stale=${loading}
          open=${open}
          onOpen=${(id) => {
            back.current = document.activeElement;
            setOpen(id === open ? null : id);
          }}
        />`}
      </div>
    </div>
    ${at >= 0 &&
    html`<${SourcePanel}
      list=${hits.map((hit) => ({ ...hit, id: hit.chunk_id }))}
      at=${at}
      quotes=${[]}
      numbered=${false}
      onGo=${setOpen}
      onClose=${close}
    />`}
  </div>`;
}

function Results({ found, text, stale, open, onOpen }) {
  const { hits, trace, degraded, timings_ms: timings } = found;
  const stems = useMemo(() => stemsOf(text), [text]);
  const scales = useMemo(() => scalesOf(hits), [hits]);
  const proposed = useMemo(() => new Map(trace.candidates.map((one) => [one.chunk_id, one])), [trace]);
  return html`<section class=${stale ? "results stale" : "results"} aria-label=${t("search.results")} aria-busy=${stale}>
    <div class="results-head">
      <p class="results-count">${t("search.found", { n: hits.length })}</p>
      <${Timings} timings=${timings} stages=${STAGES} label=${t("search.timings")} />
    </div>
    <${Degraded} reasons=${degraded} />
    ${trace.mode !== "hybrid" && !degraded.length && html`<${Narrowed} mode=${trace.mode} />`}
    ${hits.length
      ? html`<ol class="hits">
          ${hits.map(
            (hit, n) =>
              html`<${Hit}
                key=${hit.chunk_id}
                hit=${hit}
                n=${n + 1}
                stems=${stems}
                candidate=${proposed.get(hit.chunk_id)}
                of=${trace.proposed}
                scales=${scales}
                open=${open === hit.chunk_id}
                onOpen=${() => onOpen(hit.chunk_id)}
              />`,
          )}
        </ol>`
      : html`<${Empty} icon="search" title=${t("search.none")}><p>${t("search.none_text")}</p><//>`}
    <${Dropped} trace=${trace} shown=${new Set(hits.map((hit) => hit.chunk_id))} />
  </section>`;
}

/** Said where it was not chosen: a question that the embedder cannot read, or one of nothing but common words. */
function Narrowed({ mode }) {
  if (askedOf(new URLSearchParams(location.search)).mode === mode) return null;
  return html`<p class="note">${t(`search.only_${mode}`)}</p>`;
}
