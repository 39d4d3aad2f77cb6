// The agents there are, and the list of the reader's threads of tasks, as far as it was loaded.
import { api } from "../../lib/api.js";
import { passes, presence } from "../../lib/presence.js";
import { createKeptStore, createStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { createLeaving } from "../../parts/leaving.js";

const PART = 20;
const MOST_AGENTS = 100;
const STARTING_TRIES = 20;
const STARTING_MS = 1000;
const TOLD = ["thread_id", "status", "metadata", "created_at", "updated_at"];

/** The name of the agent that was chosen last. */
export const chosen = createKeptStore("footnote.agent", "");

/** Who may be given tasks, the usual one first: `{graph_id, name, description, metadata}`. Throws `Problem`. */
export async function agents(signal) {
  const found = await startedUp(() =>
    api("/v1/assistants/search", { method: "POST", body: { limit: MOST_AGENTS }, signal }),
  );
  return [...found.filter(isUsual), ...found.filter((each) => !isUsual(each))];
}

/** What `ask` brings, once the agents have started: they are there some seconds after the server is. */
async function startedUp(ask) {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (problem) {
      if (problem.code !== "starting" || tries === STARTING_TRIES) throw problem;
      await new Promise((resolve) => setTimeout(resolve, STARTING_MS));
    }
  }
}

const isUsual = (agent) => Boolean(agent.metadata?.default);

/** `{items, more, loading, problem}`; `leaving` are the ids that will be deleted unless it is undone. */
export const threads = createStore({ items: [], more: false, loading: true, problem: null, leaving: new Map() });

let asked = 0;

async function fetchPart(offset) {
  const mine = ++asked;
  threads.set((old) => ({ ...old, loading: true, problem: null }));
  const body = { limit: PART + 1, offset, sort_by: "updated_at", sort_order: "desc", select: TOLD };
  try {
    const found = await api("/v1/threads/search", { method: "POST", body });
    if (mine !== asked) return;
    threads.set((old) => ({
      ...old,
      items: [...old.items.slice(0, offset), ...found.slice(0, PART)],
      more: found.length > PART,
      loading: false,
    }));
  } catch (problem) {
    if (mine === asked) threads.set((old) => ({ ...old, loading: false, problem }));
  }
}

/** Loads the list from its beginning. */
export const refresh = () => fetchPart(0);

/** Loads the next part. */
export const more = () => fetchPart(threads.get().items.length);

presence.watch((found) => found === "here" && passes(threads.get().problem) && refresh());

/** Something happened in a thread: it stands at the top now. */
export const touched = (thread) =>
  threads.set((old) => ({
    ...old,
    items: [thread, ...old.items.filter((item) => item.thread_id !== thread.thread_id)],
  }));

/** Gives a thread another title. Throws `Problem`. */
export async function rename(id, title) {
  const path = `/v1/threads/${encodeURIComponent(id)}`;
  const renamed = await api(path, { method: "PATCH", body: { metadata: { title } } });
  threads.set((old) => ({
    ...old,
    items: old.items.map((item) => (item.thread_id === id ? { ...item, metadata: renamed.metadata } : item)),
  }));
  return { id, title };
}

const leave = createLeaving({
  list: threads,
  pathOf: (id) => `/v1/threads/${encodeURIComponent(id)}`,
  gone: (id) => threads.set((old) => ({ ...old, items: old.items.filter((item) => item.thread_id !== id) })),
});

/** Takes a thread away, and deletes it some seconds later unless that is undone. */
export const remove = ({ id, title }) => leave(id, t("agents.deleted", { title }));
