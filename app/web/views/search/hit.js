// A passage that was found: where it stands, its words with the question's marked, and what each leg thought of it.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { placeOf } from "../chat/place.js";
import { Legs } from "./legs.js";
import { marked } from "./marks.js";

/** `onOpen` shows the passage where it stands; `open` says that it is being shown. */
export function Hit({ hit, n, stems, candidate, of, scales, open, onOpen }) {
  const place = placeOf(hit);
  return html`<li class=${open ? "hit open" : "hit"}>
    <article class="hit-inside" aria-labelledby=${`hit-${hit.chunk_id}`}>
      <div class="hit-text">
        <h2 id=${`hit-${hit.chunk_id}`}>
          <span class="hit-number" aria-hidden="true">${n}</span>
          <button type="button" class="hit-title" aria-expanded=${open} onClick=${onOpen}>${hit.title}</button>
        </h2>
        ${place && html`<p class="hit-place">${place}</p>`}
        <${Words} text=${hit.text} stems=${stems} />
        <p class="hit-links">
          <a href=${`/documents/${hit.document_id}?chunk=${hit.chunk_id}`}>
            <${Icon} name="file-text" />${t("search.in_document")}
          </a>
        </p>
      </div>
      <${Legs} scores=${hit.scores} ranks=${candidate?.ranks} of=${of} scales=${scales} />
    </article>
  </li>`;
}

/** The passage, cut to some lines where it is long. */
function Words({ text, stems }) {
  const [whole, setWhole] = useState(false);
  const [long, setLong] = useState(false);
  const box = useRef(null);
  useLayoutEffect(() => setLong(box.current.scrollHeight > box.current.clientHeight + 2), [text]);
  return html`<div ref=${box} class=${whole ? "hit-words whole" : "hit-words"}>${marked(text.trim(), stems)}</div>
    ${(long || whole) &&
    html`<button type="button" class="hit-more" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>
      ${t(whole ? "search.less" : "search.more")}
    </button>`}`;
}
