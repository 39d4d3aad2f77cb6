// Following jobs: one question for all that are not finished, again and again.
import { api, url } from "../../lib/api.js";

const AT_ONCE = 100;
const SOON = 700;
const LATER = 4000;

const followed = new Map(); // job id → listeners
let timer = null;

export const unfinished = (job) => job.status === "queued" || job.status === "running";

/** Calls `listener(job)` whenever the job has changed, until it is finished; null when it is gone. Returns how to stop. */
export function follow(id, listener) {
  if (!followed.has(id)) followed.set(id, { listeners: new Set(), last: "" });
  const entry = followed.get(id);
  entry.listeners.add(listener);
  if (timer === null) timer = setTimeout(look, 200);
  return () => {
    entry.listeners.delete(listener);
    if (!entry.listeners.size) followed.delete(id);
  };
}

async function look() {
  // Jobs are done in the order in which they came, so the oldest ones are those that change.
  const ids = [...followed.keys()].slice(0, AT_ONCE);
  try {
    const { items } = await api(url("/v1/jobs", { id: ids, limit: AT_ONCE }));
    const found = new Map(items.map((job) => [job.id, job]));
    for (const id of ids) tell(id, found.get(id) ?? null);
  } catch {
    // It is asked again; whatever else the page does says that the server is away.
  }
  timer = followed.size ? setTimeout(look, document.hidden ? LATER : SOON) : null;
}

function tell(id, job) {
  const entry = followed.get(id);
  const state = JSON.stringify(job);
  if (!entry || state === entry.last) return;
  entry.last = state;
  if (!job || !unfinished(job)) followed.delete(id);
  for (const listener of [...entry.listeners]) listener(job);
}
