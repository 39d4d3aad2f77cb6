// The list of the reader's conversations, as far as it was loaded.
import { api, url } from "../../lib/api.js";
import { passes, presence } from "../../lib/presence.js";
import { createStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { createLeaving } from "../../parts/leaving.js";

const PART = 40;

/** `{items, next, query, loading, problem}`; `leaving` are the ids that will be deleted unless it is undone. */
export const conversations = createStore({
  items: [],
  next: null,
  query: "",
  loading: true,
  problem: null,
  leaving: new Map(),
});

let asked = 0;

async function fetchPart(cursor) {
  const mine = ++asked;
  const { query } = conversations.get();
  conversations.set((old) => ({ ...old, loading: true, problem: null }));
  try {
    const part = await api(url("/v1/conversations", { q: query, limit: PART, cursor }));
    if (mine !== asked) return; // something else was asked for in the meantime
    conversations.set((old) => ({
      ...old,
      items: cursor ? [...old.items, ...part.items] : part.items,
      next: part.next_cursor,
      loading: false,
    }));
  } catch (problem) {
    if (mine === asked) conversations.set((old) => ({ ...old, loading: false, problem }));
  }
}

/** Loads the list from its beginning. */
export const refresh = () => fetchPart(null);

presence.watch((found) => found === "here" && passes(conversations.get().problem) && refresh());

/** Loads the next part. */
export const more = () => fetchPart(conversations.get().next);

/** Looks for `query` from now on. */
export function seek(query) {
  if (query === conversations.get().query) return;
  conversations.set((old) => ({ ...old, query }));
  refresh();
}

/** A conversation was begun or continued: it stands at the top now. */
export function touched(conversation) {
  const { query, items } = conversations.get();
  if (query && !items.some((item) => item.id === conversation.id)) return; // whether it fits, the server knows
  conversations.set((old) => ({
    ...old,
    items: [conversation, ...old.items.filter((item) => item.id !== conversation.id)],
  }));
}

/** Gives a conversation another title. Throws `Problem`. */
export async function rename(id, title) {
  const renamed = await api(`/v1/conversations/${encodeURIComponent(id)}`, { method: "PATCH", body: { title } });
  conversations.set((old) => ({ ...old, items: old.items.map((item) => (item.id === id ? renamed : item)) }));
  return renamed;
}

const leave = createLeaving({
  list: conversations,
  pathOf: (id) => `/v1/conversations/${encodeURIComponent(id)}`,
  gone: (id) => conversations.set((old) => ({ ...old, items: old.items.filter((item) => item.id !== id) })),
});

/** Takes a conversation away, and deletes it some seconds later unless that is undone. */
export const remove = ({ id, title }) => leave(id, t("conversations.deleted", { title }));
