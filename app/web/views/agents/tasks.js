// What a task for an agent and its run look like to the page: a plain value that events change.

let count = 0;

/**
 * A task that is about to be given. `id` is the run that began it and `run` the one that goes on with it; `known` says
 * that its steps are here. `status` is "running", "waiting" for a person, "done", "failed" or "stopped"; `live` ones
 * were given, or watched, in this visit.
 */
export const giving = (text, agent) => ({
  key: `new-${++count}`,
  id: null,
  run: null,
  agent,
  text,
  status: "running",
  lost: false,
  stopping: false,
  known: true,
  steps: [],
  sources: [],
  budget: null,
  answer: null,
  incomplete: null,
  interrupt: null,
  problem: null,
  live: true,
});

/** The tasks behind a thread's runs, which come newest first; each goes on in its last run. */
export function tasksOf(runs) {
  const found = new Map();
  for (const run of [...runs].reverse()) {
    const id = run.task_id;
    const first = found.get(id) ?? giving(run.task, run.agent);
    const task = { ...first, key: id, id, run: run.run_id, known: false, live: false };
    found.set(id, ended(withValues(task, run.output ?? {}), run));
  }
  return [...found.values()];
}

/** The task after an event of its run's stream. */
export function changed(task, { name, data }) {
  const heard = { ...task, lost: false };
  if (name === "metadata") return { ...heard, run: data.run_id, id: task.id ?? data.run_id };
  if (name === "error") return { ...heard, problem: { code: data.error, message: data.message } };
  if (name === "custom") return told(heard, data);
  return heard;
}

function told(task, data) {
  if (data.type === "step") return { ...task, steps: withSteps(task.steps, [data.step]) };
  if (data.type === "sources") return { ...task, sources: withSources(task.sources, data.sources) };
  if (data.type === "budget") return { ...task, budget: data.budget };
  if (data.type === "answer") return { ...withAnswer(task, data.answer), incomplete: data.incomplete };
  return task;
}

/**
 * The task with a thread's values, as far as they are there. Its steps are not taken from there: the log of steps knows
 * how those ended that were broken off.
 */
export function withValues(task, values) {
  const known = { ...task, sources: values.sources ?? task.sources };
  return {
    ...withAnswer(known, values.answer ?? task.answer),
    budget: values.budget ?? task.budget,
    incomplete: values.incomplete ?? task.incomplete,
  };
}

/** The task with its answer. Its sources stand in it as the reader may see them: what agents read may be masked. */
function withAnswer(task, answer) {
  return { ...task, answer, sources: withSources(task.sources, answer?.sources ?? []) };
}

/** Steps by their number; what was known of one and is not said again stays. */
export function withSteps(known, steps) {
  const found = new Map(known.map((step) => [step.number, step]));
  for (const step of steps) {
    const old = found.get(step.number);
    const data = Object.keys(step.data ?? {}).length ? step.data : (old?.data ?? {});
    found.set(step.number, { ...old, ...step, data });
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

function withSources(known, sources) {
  const found = new Map(known.map((source) => [source.id, source]));
  for (const source of sources) found.set(source.id, source);
  return [...found.values()];
}

/** The task as its last run left it, or where that run is. `interrupt` of null is what the thread no longer asks. */
export function ended(task, run, interrupt = task.interrupt) {
  const problem = run.error ?? task.problem;
  const rest = { ...task, run: run.run_id, interrupt: null, stopping: false, lost: false };
  if (run.status === "pending" || run.status === "running") return { ...rest, status: "running" };
  if (run.status === "success") return { ...rest, status: "done", problem: null };
  if (run.status !== "interrupted") return { ...rest, status: "failed", problem: problem ?? { code: run.status } };
  if (interrupt && !problem) return { ...rest, status: "waiting", interrupt };
  return { ...rest, status: "stopped" };
}

/** The task's answer as a turn of a conversation, for what shows and copies those. */
export const turnOf = (task) => ({
  key: task.key,
  id: task.id,
  status: task.status,
  statements: (task.answer?.statements ?? []).map((statement) => ({ ...statement, whole: true })),
  sources: task.sources,
  answer: task.answer,
});

/**
 * The step that feedback on the answer belongs to: the one with which the whole run was answered. Where a limit cut the
 * run off there is none, and it is the last step that was taken.
 */
export const answerStep = (task) =>
  task.steps.findLast((step) => step.tool === "answer" && step.parent === null) ??
  (task.incomplete ? (task.steps.findLast((step) => step.parent === null) ?? task.steps.at(-1)) : undefined);

/** The step that waits for a person. */
export const waitingStep = (task) => task.steps.find((step) => step.number === task.interrupt?.value.step) ?? null;
