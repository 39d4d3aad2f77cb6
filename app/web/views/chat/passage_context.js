// A passage of a document without pages, between its neighbours.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";
import { PassageBody } from "./passage_body.js";

const STEPS = [3, 9, 21, 51, 99];

/** `quotes` are the statements that cite it. */
export function PassageContext({ source, quotes }) {
  const [step, setStep] = useState(0);
  const frame = useRef(null);
  const lit = useRef(null);
  const { value, problem, loading, again } = useLoaded(
    (signal) =>
      api(url(`/v1/documents/${source.document_id}/chunks`, { around: source.chunk_id, limit: STEPS[step] }), {
        signal,
      }),
    [source.document_id, source.chunk_id, step],
  );
  const mine = value?.items.some((item) => item.id === source.chunk_id) ? value : null;
  useLayoutEffect(() => {
    if (!mine) return;
    const { offsetTop } = lit.current;
    frame.current.scrollTop = offsetTop - frame.current.clientHeight * 0.2;
  }, [mine]);
  if (problem?.status === 404) return html`<${Stored} source=${source} quotes=${quotes} />`;
  if (problem) return html`<${Failed} problem=${problem} onRetry=${again} />`;
  if (!mine) return html`<${Loading} />`;
  const whole = mine.items[0].ordinal === 0 && !mine.next_cursor;
  return html`<div ref=${frame} class="source-passages" tabindex="0" role="region" aria-label=${t("source.passage")}>
    ${mine.items.map((item) => {
      const own = item.id === source.chunk_id;
      return html`<section
        key=${item.id}
        ref=${own ? lit : undefined}
        class=${own ? "source-passage lit" : "source-passage"}
      >
        ${item.heading_path.length > 0 && html`<p class="source-heading">${item.heading_path.join(" › ")}</p>`}
        <${PassageBody} text=${item.text} quotes=${own ? quotes : []} />
      </section>`;
    })}
    ${
      !whole &&
      step < STEPS.length - 1 &&
      html`<button type="button" class="button small" disabled=${loading} onClick=${() => setStep(step + 1)}>
        ${t("source.more")}
      </button>`
    }
  </div>`;
}

/** The passage as the answer kept it: the document has changed since. */
export const Stored = ({ source, quotes }) =>
  html`<div class="source-passages" tabindex="0" role="region" aria-label=${t("source.passage")}>
    <p class="note warn">${t("source.changed")}</p>
    <section class="source-passage lit">
      ${source.heading_path.length > 0 && html`<p class="source-heading">${source.heading_path.join(" › ")}</p>`}
      <${PassageBody} text=${source.text} quotes=${quotes} />
    </section>
  </div>`;
