// The documents as far as they were loaded, kept while other views are shown, and the newest job of each.
import { api, url } from "../../lib/api.js";
import { passes, presence } from "../../lib/presence.js";
import { createStore } from "../../lib/store.js";
import { follow, unfinished } from "./jobs.js";

const PART = 100;
const JOBS_FOR = 50;

/** `{items, next, query, collection, loading, loaded, problem}`. `next` is the cursor of the part that follows. */
export const library = createStore({
  items: [],
  next: null,
  query: "",
  collection: "",
  loading: false,
  loaded: false,
  problem: null,
});

/** The newest job of each document that was asked for: id → job. A document that is live and idle has none. */
export const jobs = createStore(new Map());

/** The ids of the chosen documents. */
export const chosen = createStore(new Set());

/** What was deleted here, so that a list that was asked for before does not bring it back. */
const gone = new Set();

let asked = 0;
let headTimer = null;

async function listing(cursor) {
  const { query, collection } = library.get();
  const part = await api(url("/v1/documents", { query, collection, cursor, limit: PART }));
  return { ...part, items: part.items.filter((document) => !gone.has(document.id)) };
}

async function load(cursor) {
  const mine = ++asked;
  library.set((old) => ({ ...old, loading: true, problem: null }));
  try {
    const part = await listing(cursor);
    if (mine !== asked) return; // something else was asked for in the meantime
    library.set((old) => ({
      ...old,
      items: cursor ? joined(old.items, part.items) : part.items,
      next: part.next_cursor,
      loading: false,
      loaded: true,
    }));
    lookForJobs(part.items);
  } catch (problem) {
    if (mine === asked) library.set((old) => ({ ...old, loading: false, problem }));
  }
}

presence.watch((found) => found === "here" && passes(library.get().problem) && load(null));

function joined(items, more) {
  const known = new Set(items.map((document) => document.id));
  return [...items, ...more.filter((document) => !known.has(document.id))];
}

/** Loads the list from its beginning. */
export const reload = () => load(null);

/** Loads the next part, if there is one and it is not on its way. */
export function more() {
  const { next, loading } = library.get();
  if (next && !loading) load(next);
}

/** Shows what fits `query` and lies in `collection` (empty: in any). */
export function seek(query, collection) {
  const old = library.get();
  if (old.loaded && old.query === query && old.collection === collection) return refreshHead();
  library.set({ ...old, query, collection, items: [], next: null, loaded: false });
  chosen.set(new Set());
  return reload();
}

/** Puts in what is new at the list's head, a moment from now, since much may be new at once. */
export function refreshHead() {
  headTimer ??= setTimeout(async () => {
    headTimer = null;
    const mine = asked;
    try {
      const { items } = await listing(null);
      if (mine !== asked || library.get().loading) return;
      const fresh = new Map(items.map((document) => [document.id, document]));
      library.set((old) => {
        const known = new Set(old.items.map((document) => document.id));
        const added = items.filter((document) => !known.has(document.id));
        return { ...old, items: [...added, ...old.items.map((document) => fresh.get(document.id) ?? document)] };
      });
      lookForJobs(items);
    } catch {
      // The list stays as it was; the next change asks again.
    }
  }, 400);
}

/** Puts a document as it now is in its place; one that is gone is taken out. */
export async function refresh(id) {
  if (!library.get().items.some((document) => document.id === id)) return refreshHead();
  try {
    put(await api(`/v1/documents/${id}`));
  } catch (problem) {
    if (problem.status === 404) take([id]);
  }
  return undefined;
}

/** Puts `document` in the place of what was known of it. */
export const put = (document) =>
  library.set((old) => ({ ...old, items: old.items.map((known) => (known.id === document.id ? document : known)) }));

/** Takes documents out of the list; returns how to put them back where they were. */
export function take(ids) {
  const before = library.get().items;
  for (const id of ids) gone.add(id);
  library.set((old) => ({ ...old, items: old.items.filter((document) => !gone.has(document.id)) }));
  chosen.set((old) => new Set([...old].filter((id) => !gone.has(id))));
  return (back = ids) => {
    const wanted = new Set(back);
    for (const id of back) gone.delete(id);
    library.set((old) => {
      const now = new Set(old.items.map((document) => document.id));
      const order = new Map(before.map((document, place) => [document.id, place]));
      const returned = before.filter((document) => wanted.has(document.id) && !now.has(document.id));
      const items = [...old.items];
      for (const document of returned) {
        const place = items.findIndex((other) => (order.get(other.id) ?? -1) > order.get(document.id));
        items.splice(place < 0 ? items.length : place, 0, document);
      }
      return { ...old, items };
    });
  };
}

/** Asks for the newest jobs of documents that nothing answers from yet, or that changed just now, and follows them. */
async function lookForJobs(documents) {
  const wanted = documents.filter(({ version_id, updated_at }) => !version_id || Date.now() - Date.parse(updated_at) < 3e5);
  for (let start = 0; start < wanted.length; start += JOBS_FOR) {
    const ids = wanted.slice(start, start + JOBS_FOR).map((document) => document.id);
    try {
      const { items } = await api(url("/v1/jobs", { document_id: ids, limit: PART }));
      for (const job of items.reverse()) note(job); // oldest first, so that the newest one stays
    } catch {
      return; // a document without a job's state is shown without it
    }
  }
}

/** Notes a job as the newest of its document, and follows it until it is finished. */
export function note(job) {
  const id = job.document_id;
  if (!id || job.kind === "delete") return;
  const known = jobs.get().get(id);
  if (known?.id === job.id && known.status === job.status && known.progress === job.progress) return;
  jobs.set((old) => new Map(old).set(id, job));
  if (!unfinished(job) || known?.id === job.id) return;
  follow(job.id, (now) => {
    if (jobs.get().get(id)?.id !== job.id) return; // a newer one took its place
    if (now) jobs.set((old) => new Map(old).set(id, now));
    if (!now || !unfinished(now)) refresh(id);
  });
}
