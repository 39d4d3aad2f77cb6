// The passages that the index proposed, as a table: each leg's score and place, and what became of it. The roles are
// named because a narrow screen shows the rows as blocks, and browsers then forget that they were a table.
import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { placeOf } from "../chat/place.js";
import { scalesOf, scoreText, shareOf } from "./legs.js";

const FEW = 12;

/** `offered` maps chunks to the numbers of the sources they became. */
export function Candidates({ trace, candidates = trace.candidates, offered = new Map() }) {
  const [all, setAll] = useState(false);
  const scales = scalesOf(trace.candidates);
  const legs = ["dense", "lexical", "fused"].filter((leg) => leg in scales);
  const places = new Map(trace.candidates.map((candidate) => [candidate.chunk_id, candidate.rank]));
  const shown = all ? candidates : candidates.slice(0, FEW);
  return html`<div class="candidates" tabindex="0" role="region" aria-label=${t("candidates.label")}>
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader" class="candidates-rank"><abbr title=${t("candidates.rank")}>#</abbr></th>
            <th scope="col" role="columnheader">${t("candidates.passage")}</th>
            ${legs.map((leg) => html`<th key=${leg} scope="col" role="columnheader" class="candidates-leg">${t(`leg.${leg}`)}</th>`)}
            <th scope="col" role="columnheader">${t("candidates.fate")}</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${shown.map(
            (candidate) =>
              html`<tr role="row" key=${candidate.chunk_id} class=${`fate-${candidate.fate}`}>
                <td role="cell" class="candidates-rank">${candidate.rank}</td>
                <th scope="row" role="rowheader"><${Passage} candidate=${candidate} /></th>
                ${legs.map((leg) => html`<${Cell} key=${leg} leg=${leg} candidate=${candidate} scales=${scales} />`)}
                <td role="cell" class="candidates-fate">
                  <${Fate} candidate=${candidate} places=${places} source=${offered.get(candidate.chunk_id)} />
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${candidates.length > FEW &&
    html`<button type="button" class="button small" aria-expanded=${all} onClick=${() => setAll(!all)}>
      ${all ? t("candidates.fewer") : t("candidates.all", { n: candidates.length })}
    </button>`}`;
}

const Passage = ({ candidate }) =>
  candidate.withheld
    ? html`<span class="muted">${t("source.gone")}</span>`
    : html`<a class="candidates-title" href=${`/documents/${candidate.document_id}?chunk=${candidate.chunk_id}`}>${candidate.title}</a>
        <span class="candidates-place">${placeOf(candidate)}</span>
        <span class="candidates-excerpt">${candidate.excerpt}</span>`;

function Cell({ leg, candidate, scales }) {
  const score = candidate.scores[leg];
  if (score === undefined) return html`<td role="cell" class="candidates-leg muted"><${LegName} leg=${leg} />–</td>`;
  return html`<td role="cell" class=${`candidates-leg leg-${leg}`}>
    <${LegName} leg=${leg} />
    <span class="leg-score">${scoreText(score)}</span>
    ${candidate.ranks[leg] && html`<span class="leg-rank">${t("leg.place", { n: candidate.ranks[leg] })}</span>`}
    <span class="leg-track" aria-hidden="true"><span style=${{ width: `${shareOf(leg, score, scales) * 100}%` }}></span></span>
  </td>`;
}

/** Named again beside the score where there is no room for columns. */
const LegName = ({ leg }) => html`<span class="candidates-name" aria-hidden="true">${t(`leg.${leg}`)} </span>`;

function Fate({ candidate: { fate, duplicate_of: twin }, places, source }) {
  if (source) return html`<span class="badge accent">${t("candidates.source", { n: source })}</span>`;
  const words =
    fate === "duplicate" && places.has(twin)
      ? t("candidates.duplicate_of", { n: places.get(twin) })
      : t(`candidates.${fate}`);
  return html`<span class="badge">${words}</span>`;
}
