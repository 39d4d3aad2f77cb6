// The conversations that this page has open. They live outside the view: an answer is written on while its reader looks
// at something else.
import { announce } from "../../lib/announce.js";
import { Problem, api, send } from "../../lib/api.js";
import { reasonOf } from "../../lib/reasons.js";
import { follow } from "../../lib/sse.js";
import { createStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { touched } from "./list.js";
import { asking, changed, failed, turnOf } from "./turns.js";

const MOST_KEPT = 20;
const kept = new Map();

/** A conversation that does not exist yet: a store of `{id, title, turns, problem, loading}`. */
export const newThread = () => createStore({ id: null, title: "", turns: [], problem: null, loading: false });

/** The conversation `id`, loaded, or loaded anew behind what is known of it. */
export function threadOf(id) {
  const known = kept.get(id);
  const thread = known ?? createStore({ id, title: "", turns: [], problem: null, loading: true });
  keep(id, thread);
  if (!known?.get().turns.some((turn) => turn.status === "running")) load(thread);
  return thread;
}

function keep(id, thread) {
  kept.delete(id);
  kept.set(id, thread);
  for (const [old, other] of kept) {
    if (kept.size <= MOST_KEPT) break;
    if (!other.get().turns.some((turn) => turn.status === "running")) kept.delete(old);
  }
}

/** Loads a conversation, and follows the answer in it that is being written. */
export async function load(thread) {
  const { id } = thread.get();
  thread.set((old) => ({ ...old, loading: old.turns.length === 0, problem: null }));
  try {
    const { title, answers } = await api(`/v1/conversations/${encodeURIComponent(id)}`);
    const before = new Map(thread.get().turns.map((turn) => [turn.id, turn]));
    const turns = answers.map((answer) => {
      const old = before.get(answer.id);
      // What is being followed already knows more than the server's list.
      if (old?.status === "running") return old;
      return turnOf(answer, { key: old?.key, live: old?.live ?? answer.status === "running" });
    });
    const unsent = thread.get().turns.filter((turn) => turn.id === null);
    thread.set((old) => ({ ...old, title, turns: [...turns, ...unsent], loading: false }));
    for (const turn of turns) {
      if (turn.status === "running" && !before.has(turn.id)) resume(thread, turn);
    }
  } catch (problem) {
    thread.set((old) => ({ ...old, loading: false, problem }));
  }
}

/** Changes the turn `key` of a thread. */
export const setTurn = (thread, key, change) =>
  thread.set((old) => ({ ...old, turns: old.turns.map((turn) => (turn.key === key ? change(turn) : turn)) }));

const turnIn = (thread, key) => thread.get().turns.find((turn) => turn.key === key);

/** Asks in a thread. `scope` is `{collection, filters, cache}`; `onBegun(id)` is told the conversation's id. */
export function ask(thread, question, scope, onBegun) {
  const turn = asking(question);
  thread.set((old) => ({ ...old, title: old.title || question, turns: [...old.turns, turn] }));
  const body = { question, stream: true, ...scope, conversation_id: thread.get().id ?? undefined };
  const key = randomKey();
  const open = async (last, signal) => {
    const { id } = turnIn(thread, turn.key);
    if (id) return read(id, last, signal);
    const response = await send("/v1/answers", { method: "POST", body, headers: { "Idempotency-Key": key }, signal });
    setTurn(thread, turn.key, (old) => ({ ...old, id: response.headers.get("X-Answer-Id") }));
    if (turnIn(thread, turn.key).stopping) cancel(thread, turn.key);
    return response;
  };
  announce(t("chat.say_asked"));
  return watch(thread, turn.key, open, onBegun);
}

const resume = (thread, turn) => watch(thread, turn.key, (last, signal) => read(turn.id, last, signal));

const read = (id, last, signal) =>
  send(`/v1/answers/${encodeURIComponent(id)}/events`, {
    headers: last ? { "Last-Event-ID": String(last) } : {},
    signal,
  });

async function watch(thread, key, open, onBegun) {
  const onEvent = (event) => {
    setTurn(thread, key, (turn) => changed(turn, event));
    if (event.name === "status" && event.data.conversation_id) begun(thread, event.data.conversation_id, onBegun);
    return event.name === "done" || event.name === "error";
  };
  const onLost = () => setTurn(thread, key, (turn) => ({ ...turn, lost: true }));
  try {
    await follow(open, { onEvent, onLost });
    if (turnIn(thread, key).status === "running") await settle(thread, key);
  } catch (problem) {
    setTurn(thread, key, (turn) => failed(turn, problemShown(problem)));
  }
  say(turnIn(thread, key));
}

/** The stream is over and its end was not told: the server's record has it. */
async function settle(thread, key) {
  const turn = turnIn(thread, key);
  const answer = await api(`/v1/answers/${encodeURIComponent(turn.id)}`);
  setTurn(thread, key, () => turnOf(answer, turn));
}

function begun(thread, id, onBegun) {
  const { title } = thread.get();
  thread.set((old) => ({ ...old, id }));
  keep(id, thread);
  touched({ id, title, updated_at: new Date().toISOString() });
  onBegun?.(id);
}

const problemShown = (problem) =>
  problem instanceof Problem ? problem : { code: "unknown", message: t("chat.broken"), requestId: null };

function say(turn) {
  if (turn.status === "failed") announce(reasonOf(turn.problem), { urgent: true });
  else if (turn.status === "stopped") announce(t("chat.stopped"));
  else if (turn.statements.length) announce(turn.statements.map((statement) => statement.text).join(" "));
  else announce(t(turn.answer.retrieval?.used ? "chat.abstained" : "chat.no_question"));
}

/** Stops the answer that is being written; its stream then says so. */
export function stop(thread, key) {
  setTurn(thread, key, (turn) => ({ ...turn, stopping: true }));
  if (turnIn(thread, key).id) cancel(thread, key);
}

async function cancel(thread, key) {
  try {
    await api(`/v1/answers/${encodeURIComponent(turnIn(thread, key).id)}/cancel`, { method: "POST" });
  } catch (problem) {
    // 409: it was finished in the meantime, and its stream tells that.
    if (problem.status !== 409) setTurn(thread, key, (turn) => ({ ...turn, stopping: false }));
  }
}

// crypto.randomUUID is only there over HTTPS and on this machine itself.
const randomKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
