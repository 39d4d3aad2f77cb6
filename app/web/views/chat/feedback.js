// What a reader says of an answer, on its way to the server.
import { announce } from "../../lib/announce.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { toast } from "../../parts/toasts.js";

/** The short list of reasons, by rating. */
export const REASONS = {
  up: ["correct", "complete", "well_sourced"],
  down: ["wrong", "incomplete", "bad_sources", "outdated", "misunderstood", "other"],
};

/** What is sent for a turn: everything that was said before, with `changes`. A reason of the other thumb falls away. */
export function saying(turn, changes) {
  const { reason = null, comment = null, corrected = null, citations = [], rating = null } = turn.feedback ?? {};
  const said = { rating, reason, comment, corrected, citations, ...changes };
  const fits = REASONS[said.rating]?.includes(said.reason) || said.rating === rating;
  return { answer_id: turn.id, ...said, reason: fits ? said.reason : null };
}

/** Sends it; `onSaid(turn, feedback)` is told what holds now. Throws `Problem`. */
export async function say(turn, changes, onSaid) {
  onSaid(turn, await api("/v1/feedback", { method: "POST", body: saying(turn, changes) }));
  announce(t("feedback.thanks"));
}

/** A thumb: shown at once, and taken back if the server does not take it. Returns whether it did. */
export async function rate(turn, rating, onSaid) {
  const before = turn.feedback;
  onSaid(turn, { citations: [], ...before, rating });
  try {
    await say(turn, { rating }, onSaid);
    return true;
  } catch (problem) {
    onSaid(turn, before);
    toast(problem.message, { kind: "bad" });
    return false;
  }
}

/** Takes back all that was said: gone at once, and there again if the server does not let it go or it is undone. */
export async function takeBack(turn, onSaid) {
  const before = turn.feedback;
  onSaid(turn, null);
  try {
    await api(`/v1/feedback/${encodeURIComponent(before.id)}`, { method: "DELETE" });
  } catch (problem) {
    if (problem.status !== 404) {
      onSaid(turn, before);
      toast(problem.message, { kind: "bad" });
      return;
    }
  }
  const undo = async () => {
    try {
      await say(turn, saidOf(before), onSaid);
    } catch (problem) {
      toast(problem.message, { kind: "bad" });
    }
  };
  toast(t("feedback.taken_back"), { action: { label: t("action.undo"), run: undo } });
}

const saidOf = ({ rating, reason, comment, corrected, citations }) => ({ rating, reason, comment, corrected, citations });

/** The answer's own text, as a correction begins. */
export const ownText = (turn) => turn.statements.map((statement) => statement.text).join("\n\n");
