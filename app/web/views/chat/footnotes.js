// The footnotes under an answer, and, where there is no answer, the passages that came nearest.
import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { placeOf } from "./place.js";

/** `ids` in the order of their numbers; `onOpen(sourceId)`. */
export function Footnotes({ ids, sources, current, onOpen }) {
  return html`<ol class="footnotes" aria-label=${t("footnotes.label")}>
    ${ids.map((id, n) => {
      const source = sources.get(id);
      return html`<li key=${id}>
        <button type="button" class="footnote" aria-pressed=${id === current} onClick=${() => onOpen(id)}>
          <span class="footnote-number">${n + 1}</span>
          <span class="footnote-title">${source.withheld ? t("source.gone") : source.title}</span>
          <span class="footnote-place muted">${placeOf(source)}</span>
        </button>
      </li>`;
    })}
  </ol>`;
}

const BEGINNING = 220;

const FEW = 3;

/** What was found though it does not answer: a few at first. */
export function Nearest({ sources, current, onOpen }) {
  const [all, setAll] = useState(false);
  const list = html`<ul class="answer-nearest">
    ${(all ? sources : sources.slice(0, FEW)).map(
      (source) =>
        html`<li key=${source.id}>
          <button type="button" aria-pressed=${source.id === current} onClick=${() => onOpen(source.id)}>
            <span class="answer-nearest-title">${source.withheld ? t("source.gone") : source.title}</span>
            <span class="muted small">${placeOf(source)}</span>
            <span class="answer-nearest-text">${beginning(source.text)}</span>
          </button>
        </li>`,
    )}
  </ul>`;
  if (all || sources.length <= FEW) return list;
  return html`${list}
    <button type="button" class="button small quiet" onClick=${() => setAll(true)}>
      ${t("chat.all_nearest", { n: sources.length })}
    </button>`;
}

const beginning = (text) => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > BEGINNING ? `${line.slice(0, BEGINNING).replace(/\s+\S*$/, "")}…` : line;
};
