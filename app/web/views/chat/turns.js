// What a question and its answer look like to the page: a plain value that events change.

let count = 0;

/** A turn that is about to be asked. `live` ones were asked, or watched, in this visit. */
export const asking = (question) => ({
  key: `new-${++count}`,
  id: null,
  question,
  status: "running",
  stage: "accepted",
  lost: false,
  stopping: false,
  statements: [],
  sources: [],
  answer: null,
  problem: null,
  feedback: null,
  live: true,
});

/** The turn of an answer as the server tells it. */
export function turnOf(answer, { key = answer.id, live = false } = {}) {
  const { id, question, status, statements, sources, error } = answer;
  return {
    ...asking(question),
    key,
    id,
    live,
    status: error?.code === "cancelled" ? "stopped" : status,
    stage: "accepted",
    statements: statements.map((statement) => ({ ...statement, whole: true })),
    sources,
    answer: status === "done" ? answer : null,
    problem: error,
    feedback: answer.feedback ?? null,
  };
}

/** The turn after an event of its stream. */
export function changed(turn, { name, data }) {
  switch (name) {
    case "status":
      // Writing begins anew: what was written before does not stand.
      return { ...turn, lost: false, stage: data.stage, statements: data.stage === "generate" ? [] : turn.statements };
    case "sources":
      return { ...turn, lost: false, sources: data.sources };
    case "delta":
      return withStatement(turn, data.index, (old) => ({ ...old, text: (old?.text ?? "") + data.text }));
    case "statement":
    case "verdict": // a judge's word on a statement that was there before
      return withStatement(turn, data.index, () => ({ ...data.statement, whole: true }));
    case "done":
      return { ...turnOf(data, turn), feedback: turn.feedback };
    case "error":
      return failed(turn, { code: data.code, message: data.detail, requestId: data.request_id });
    default:
      return turn;
  }
}

/** The turn after its stream could not be read, or asked for. */
export const failed = (turn, problem) => ({
  ...turn,
  status: problem.code === "cancelled" ? "stopped" : "failed",
  problem,
});

function withStatement(turn, index, change) {
  const statements = [...turn.statements];
  statements[index] = change(statements[index] ?? { text: "", sources: [], whole: false });
  return { ...turn, lost: false, statements };
}

/** The ids of the sources that a turn cites, in the order of their first citation: the first is footnote 1. */
export function citedIn(turn) {
  const known = new Set(turn.sources.map((source) => source.id));
  return [...new Set(turn.statements.flatMap((statement) => (statement.whole ? statement.sources : [])))].filter((id) =>
    known.has(id),
  );
}

/** Whether it was looked for and not found, which is not the same as a message that asks nothing. */
export const abstained = (turn) =>
  turn.status === "done" && !turn.answer.answerable && Boolean(turn.answer.retrieval?.used);

/** Failed tries that were asked again right after are not shown. */
export const shownOf = (turns) =>
  turns.filter((turn, n) => {
    const next = turns[n + 1];
    return !(next && ["failed", "stopped"].includes(turn.status) && next.question === turn.question);
  });
