// What each leg of a search thought of a passage: its score as a bar, and its place among all that were proposed.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

export const LEGS = ["dense", "lexical", "fused", "rerank"];

/** How a score is written: cosines and fused scores need more digits than BM25's. */
export const scoreText = (score) =>
  number(score, { minimumFractionDigits: Math.abs(score) < 10 ? 2 : 1, maximumFractionDigits: Math.abs(score) < 0.1 ? 3 : 2 });

/** The least and the greatest score of each leg in a list of `{scores}`. */
export function scalesOf(items) {
  const scales = {};
  for (const { scores } of items) {
    for (const [leg, score] of Object.entries(scores)) {
      const [least, most] = scales[leg] ?? [0, 0];
      scales[leg] = [Math.min(least, score), Math.max(most, score)];
    }
  }
  return scales;
}

/** A cosine is shown as it is; other scores mean something beside each other only, so the best of the list is full. */
export function shareOf(leg, score, scales) {
  if (leg === "dense") return Math.max(0, Math.min(1, score));
  const [least, most] = scales[leg] ?? [0, 0];
  return most > least ? (score - least) / (most - least) : 0;
}

/** `ranks` are places by leg; `of` is how many were proposed. */
export function Legs({ scores, ranks, of, scales }) {
  const named = LEGS.filter((leg) => leg in scores || ((leg === "dense" || leg === "lexical") && "fused" in scores));
  return html`<dl class="legs">
    ${named.map(
      (leg) =>
        html`<div key=${leg} class=${`leg leg-${leg}`}>
          <dt>${t(`leg.${leg}`)}</dt>
          ${leg in scores
            ? html`<dd>
                <span class="leg-score">${scoreText(scores[leg])}</span>
                <span class="leg-track" aria-hidden="true">
                  <span style=${{ width: `${shareOf(leg, scores[leg], scales) * 100}%` }}></span>
                </span>
                <span class="leg-rank">${ranks?.[leg] ? t("leg.rank", { n: ranks[leg], of }) : ""}</span>
              </dd>`
            : html`<dd><span class="leg-none muted">${t("leg.none")}</span></dd>`}
        </div>`,
    )}
  </dl>`;
}
