// A question and what came of it.
import { html } from "../../lib/html.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { AnswerFoot } from "./answer_foot.js";
import { Footnotes, Nearest } from "./footnotes.js";
import { Stage } from "./stage.js";
import { Statement } from "./statement.js";
import { abstained, citedIn } from "./turns.js";

/**
 * `current` is the id of this turn's source that is shown beside, if one is. `acts` are what can be done:
 * `open(turn, sourceId)`, `again(turn)`, `edit(turn)`, `said(turn, feedback)`.
 */
export function Turn({ turn, last, current, acts }) {
  const sources = new Map(turn.sources.map((source) => [source.id, source]));
  const cited = citedIn(turn);
  const numbers = new Map(cited.map((id, n) => [id, n + 1]));
  const onOpen = (id) => acts.open(turn, id);
  const over = turn.status !== "running";
  return html`<article class=${last && turn.live ? "turn live" : "turn"} aria-label=${t("chat.turn")}>
    <div class="turn-question"><h2>${turn.question}</h2></div>
    <div class="turn-answer" aria-busy=${!over}>
      <${Stage} turn=${turn} />
      <div class="statements">
        ${turn.statements.map(
          (statement, n) => html`<${Statement} key=${n} ...${{ statement, sources, numbers, current, onOpen }} />`,
        )}
      </div>
      ${over && cited.length > 0 && html`<${Footnotes} ids=${cited} ...${{ sources, current, onOpen }} />`}
      ${over && html`<${Outcome} turn=${turn} last=${last} current=${current} acts=${acts} onOpen=${onOpen} />`}
      ${turn.status === "done" && html`<${AnswerFoot} turn=${turn} last=${last} acts=${acts} />`}
    </div>
  </article>`;
}

/** What there is to say where there is no answer. */
function Outcome({ turn, last, current, acts, onOpen }) {
  if (turn.status === "failed") return html`<${Broken} turn=${turn} last=${last} acts=${acts} />`;
  if (turn.status === "stopped") {
    return last && html`<div class="answer-again"><${Again} turn=${turn} acts=${acts} /></div>`;
  }
  if (turn.statements.length) return null;
  if (!turn.answer.retrieval?.used) return html`<p>${t("chat.no_question")}</p>`;
  if (!abstained(turn)) return null;
  return html`<div class="answer-abstention">
    <p class="answer-abstention-word">
      <${Icon} name="circle-question-mark" size=${1.4} /><span>${t("chat.abstained")}</span>
    </p>
    <p>${t(turn.sources.length ? "chat.abstained_hint" : "chat.nothing_found")}</p>
    ${
      turn.sources.length > 0 &&
      html`<h3>${t("chat.nearest")}</h3>
        <${Nearest} sources=${turn.sources} current=${current} onOpen=${onOpen} />`
    }
  </div>`;
}

function Broken({ turn, last, acts }) {
  const { requestId } = turn.problem;
  return html`<div class="answer-broken" role="alert">
    <p>${reasonOf(turn.problem)}</p>
    ${requestId && html`<p class="muted small">${t("error.request", { id: requestId })}</p>`}
    ${last && html`<${Again} turn=${turn} acts=${acts} />`}
  </div>`;
}

const Again = ({ turn, acts }) =>
  html`<button type="button" class="button small" onClick=${() => acts.again(turn)}>
      <${Icon} name="rotate-ccw" />${t("chat.again")}
    </button>
    <button type="button" class="button small quiet" onClick=${() => acts.edit(turn)}>
      <${Icon} name="pencil" />${t("chat.edit")}
    </button>`;
