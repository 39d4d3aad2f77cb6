// One line above the answer, always there: what is being done, and afterwards what the answer rests on.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { abstained, citedIn } from "./turns.js";

const STAGES = { accepted: "begin", condense: "begin", retrieve: "search", generate: "read", verify: "check" };

/** The line. */
export function Stage({ turn }) {
  if (turn.status === "running") {
    return html`<p class="answer-stage running"><${Icon} name="loader-circle" spin /><span>${now(turn)}</span></p>`;
  }
  const [icon, text] = afterwards(turn);
  return html`<p class="answer-stage"><${Icon} name=${icon} /><span>${text}</span></p>`;
}

function now(turn) {
  if (turn.stopping) return t("writing.stopping");
  if (turn.lost) return t("writing.lost");
  return t(`writing.${STAGES[turn.stage] ?? "begin"}`, { n: turn.sources.length });
}

function afterwards(turn) {
  if (turn.status === "stopped") return ["square", t("chat.stopped")];
  if (turn.status === "failed") return ["triangle-alert", t("chat.failed")];
  if (!turn.answer.retrieval?.used) return ["message-square-text", t("chat.without_documents")];
  if (abstained(turn)) return ["search", t("writing.searched", { n: turn.sources.length })];
  const cited = new Set(citedIn(turn));
  const documents = new Set(turn.sources.filter((source) => cited.has(source.id)).map((source) => source.document_id));
  const passages = t("writing.passages", { n: cited.size });
  return ["book-open", t("writing.from", { passages, documents: t("writing.documents", { n: documents.size }) })];
}
