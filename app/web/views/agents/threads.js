// The threads of tasks that this page has open. They live outside the view: a run goes on, and is followed, while its
// reader looks at something else.
import { announce } from "../../lib/announce.js";
import { Problem, api, send, url } from "../../lib/api.js";
import { reasonOf } from "../../lib/reasons.js";
import { follow } from "../../lib/sse.js";
import { createStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { touched } from "./list.js";
import { changed, ended, giving, tasksOf, turnOf, withSteps, withValues } from "./tasks.js";
import { saidOf } from "./tools.js";

const MOST_KEPT = 20;
const MOST_RUNS = 100;
const TITLE = 80;
const MODES = ["custom"]; // whole values would be told again with every step
const kept = new Map();

/** A thread that does not exist yet: a store of `{id, title, tasks, problem, loading}`. */
export const newThread = () => createStore({ id: null, title: "", tasks: [], problem: null, loading: false });

const goesOn = (thread) => thread.get().tasks.some((task) => task.status === "running");

/** The thread `id`, loaded, or loaded anew behind what is known of it. */
export function threadOf(id) {
  const known = kept.get(id);
  const thread = known ?? createStore({ id, title: "", tasks: [], problem: null, loading: true });
  keep(id, thread);
  if (!known || !goesOn(known)) load(thread);
  return thread;
}

function keep(id, thread) {
  kept.delete(id);
  kept.set(id, thread);
  for (const [old, other] of kept) {
    if (kept.size <= MOST_KEPT) break;
    if (!goesOn(other)) kept.delete(old);
  }
}

const pathOf = (thread) => `/v1/threads/${encodeURIComponent(thread.get().id)}`;
const runPath = (thread, run) => `${pathOf(thread)}/runs/${encodeURIComponent(run)}`;

/** Loads a thread, and follows the run in it that goes on. */
export async function load(thread) {
  thread.set((old) => ({ ...old, loading: old.tasks.length === 0, problem: null }));
  try {
    const path = pathOf(thread);
    const [about, runs] = await Promise.all([api(path), api(url(`${path}/runs`, { limit: MOST_RUNS }))]);
    const before = new Map(thread.get().tasks.map((task) => [task.id, task]));
    const followed = (id) => before.get(id)?.status === "running";
    const tasks = tasksOf(runs).map((task) => asBefore(task, before.get(task.id)));
    const last = tasks.at(-1);
    if (last && !followed(last.id)) {
      const run = runs.find((each) => each.task_id === last.id);
      tasks[tasks.length - 1] = await withLog(thread, ended(latest(last, about), run, waitsWith(about)));
    }
    thread.set((old) => ({
      ...old,
      title: about.metadata?.title ?? "",
      tasks: joined(old.tasks, tasks),
      loading: false,
    }));
    if (last && !followed(last.id) && tasks.at(-1).status === "running") resume(thread, tasks.at(-1));
    for (const { key } of tasks.toReversed()) await loadSteps(thread, key);
  } catch (problem) {
    thread.set((old) => ({ ...old, loading: false, problem }));
  }
}

/** A task with what the page keeps of it: its place, its steps. */
const asBefore = (task, old) =>
  old ? { ...task, key: old.key, live: old.live, known: old.known, steps: old.steps } : task;

/** With the log of its steps. */
async function withLog(thread, task) {
  return { ...task, known: true, steps: await logged(thread, task.run) };
}

const logged = async (thread, run) => (await api(`${runPath(thread, run)}/steps`)).items;

/** What was loaded, but for what is followed, which knows more, and what the server has not been told yet. */
function joined(now, loaded) {
  const followed = new Map(now.filter((task) => task.status === "running").map((task) => [task.id, task]));
  return [...loaded.map((task) => followed.get(task.id) ?? task), ...now.filter((task) => task.id === null)];
}

/** A thread's values are its last task's. */
const latest = (task, { values }) => (values?.run_id === task.id ? withValues(task, values) : task);

const waitsWith = ({ interrupts }) => Object.values(interrupts ?? {}).flat()[0] ?? null;

/** Changes the task `key` of a thread. */
export const setTask = (thread, key, change) =>
  thread.set((old) => ({ ...old, tasks: old.tasks.map((task) => (task.key === key ? change(task) : task)) }));

const taskIn = (thread, key) => thread.get().tasks.find((task) => task.key === key);

/** Loads the steps of a task with what was said of them, once. */
export async function loadSteps(thread, key) {
  const { known = true, run } = taskIn(thread, key) ?? {};
  if (known) return;
  setTask(thread, key, (task) => ({ ...task, known: true }));
  try {
    const steps = await logged(thread, run);
    // What the stream has told meanwhile is newer.
    setTask(thread, key, (task) => ({ ...task, steps: withSteps(steps, task.steps) }));
  } catch {
    setTask(thread, key, (task) => ({ ...task, known: false })); // opening the timeline tries again
  }
}

/** Gives an agent a task. `scope` is `{collection, filters}`; `onBegun(id)` is told the thread's id when it is new. */
export async function give(thread, text, agent, scope, onBegun) {
  const task = giving(text, agent);
  thread.set((old) => ({ ...old, title: old.title || text.slice(0, TITLE), tasks: [...old.tasks, task] }));
  announce(t("agents.say_given"));
  const { collection, filters } = scope;
  const configurable = { ...(collection ? { collections: [collection] } : {}), filters };
  const body = {
    assistant_id: agent,
    input: { messages: [{ role: "user", content: text }] },
    config: { configurable },
  };
  try {
    if (!thread.get().id) await create(thread, onBegun);
    await begin(thread, task.key, body);
  } catch (problem) {
    setTask(thread, task.key, (old) => ({ ...old, status: "failed", problem: problemShown(problem) }));
    announce(reasonOf(taskIn(thread, task.key).problem), { urgent: true });
  }
}

async function create(thread, onBegun) {
  const { title } = thread.get();
  const { thread_id: id } = await api("/v1/threads", { method: "POST", body: { metadata: { title } } });
  thread.set((old) => ({ ...old, id }));
  keep(id, thread);
  onBegun?.(id);
}

/**
 * Says what a person decided of what a task waits for: `{type, edited_action?, message?}`. Throws `Problem` where the
 * server does not take it, and the question stands.
 */
export async function decide(thread, key, decision) {
  const before = taskIn(thread, key);
  // By its id: somebody else may have settled it meanwhile, and another question be asked in its place.
  const resume = { [before.interrupt.id]: { decisions: [decision] } };
  const body = { assistant_id: before.agent, command: { resume } };
  await begin(thread, key, body, (task) => ({ ...task, status: "running", interrupt: null, live: true }));
}

/** Begins a run and follows it; returns once it was begun. Throws `Problem`. */
async function begin(thread, key, body, change = (task) => task) {
  let response = await send(`${pathOf(thread)}/runs/stream`, {
    method: "POST",
    body: {
      ...body,
      stream_mode: MODES,
      on_disconnect: "continue",
      multitask_strategy: "reject",
    },
  });
  setTask(thread, key, change);
  listed(thread, "busy");
  const open = (last, signal) => {
    const first = response;
    response = null;
    return first ?? read(thread, taskIn(thread, key).run, last, signal);
  };
  watch(thread, key, open);
}

const resume = (thread, { key, run }) => {
  setTask(thread, key, (task) => ({ ...task, live: true }));
  return watch(thread, key, (last, signal) => read(thread, run, last, signal));
};

const read = (thread, run, last, signal) =>
  send(url(`${runPath(thread, run)}/stream`, { stream_mode: MODES }), {
    headers: last ? { "Last-Event-ID": String(last) } : {},
    signal,
  });

async function watch(thread, key, open) {
  const onEvent = (event) => {
    const old = taskIn(thread, key);
    if (!old) return true; // the thread was deleted
    setTask(thread, key, (task) => changed(task, event));
    const now = taskIn(thread, key);
    if (now.steps.length > old.steps.length) announce(saidOf(now.steps.at(-1)));
    if (now.stopping && !old.run && now.run) cancel(thread, key);
    return event.name === "end" || event.name === "error";
  };
  const onLost = () => setTask(thread, key, (task) => ({ ...task, lost: true }));
  try {
    await follow(open, { onEvent, onLost });
    const { run } = taskIn(thread, key);
    const [about, last] = await Promise.all([api(pathOf(thread)), api(runPath(thread, run))]);
    setTask(thread, key, (task) => ended(latest(task, about), last, waitsWith(about)));
    listed(thread, about.status);
  } catch (problem) {
    if (!taskIn(thread, key)) return;
    setTask(thread, key, (task) => ({ ...task, status: "failed", problem: problemShown(problem) }));
  }
  say(taskIn(thread, key));
}

const listed = (thread, status) => {
  const { id, title } = thread.get();
  touched({ thread_id: id, status, metadata: { title }, updated_at: new Date().toISOString() });
};

const problemShown = (problem) =>
  problem instanceof Problem ? problem : { code: "unknown", message: t("agents.broken"), requestId: null };

function say(task) {
  if (task.status === "failed") announce(reasonOf(task.problem) ?? t("agents.failed"), { urgent: true });
  else if (task.status === "waiting") announce(t("agents.say_waiting"), { urgent: true });
  else if (task.status === "stopped") announce(t("agents.stopped"));
  else if (task.status === "done") {
    const text = turnOf(task)
      .statements.map((statement) => statement.text)
      .join(" ");
    announce(text || t("chat.abstained"));
  }
}

/** Stops a run, also one that waits for a person. */
export function stop(thread, key) {
  setTask(thread, key, (task) => ({ ...task, stopping: true }));
  if (taskIn(thread, key).run) return cancel(thread, key);
  return undefined; // as soon as its run has a name
}

async function cancel(thread, key) {
  const { run, status } = taskIn(thread, key);
  try {
    await send(`${runPath(thread, run)}/cancel`, { method: "POST" });
  } catch (problem) {
    // 409: it was over in the meantime, and its stream tells that.
    if (problem.status !== 409) setTask(thread, key, (task) => ({ ...task, stopping: false }));
  }
  if (status === "waiting") load(thread); // no stream tells of it
}

/** Keeps what the reader thinks of a step: `{rating, comment}`; a rating of null takes it back. Throws `Problem`. */
export async function rate(thread, key, number, said) {
  const { run, steps } = taskIn(thread, key);
  const { rating = null, comment = null } = steps.find((step) => step.number === number);
  const show = (what) =>
    setTask(thread, key, (task) => ({ ...task, steps: withSteps(task.steps, [{ number, ...what }]) }));
  show(said);
  try {
    await api(`${runPath(thread, run)}/steps/${number}/feedback`, { method: "PUT", body: said });
  } catch (problem) {
    show({ rating, comment });
    throw problem;
  }
}
