// The files being added, from choosing them to their documents being ready. They go on while other views are shown.
import { announce } from "../../lib/announce.js";
import { api } from "../../lib/api.js";
import { route } from "../../lib/router.js";
import { createStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { toast } from "../../parts/toasts.js";
import { follow } from "./jobs.js";
import { sendFile } from "./sending.js";

const PARALLEL = 3;
/** States in which closing the page would lose something. */
const GOING = new Set(["waiting", "sending", "paused"]);
const BUSY = new Set([...GOING, "reading"]);

/**
 * Items are `{key, file, path, batch, state, sent, problem, job, documentId, jobId}`; `state` is waiting, sending, paused,
 * reading, done, unchanged, failed or cancelled. They change in place; the list is a new one with each change.
 */
export const queue = createStore([]);

/** Called with `(documentId)` when a document was made or changed by an upload. */
export const changed = createStore({ documentId: null });

let count = 0;
let drawing = null;

const redraw = () => {
  drawing ??= requestAnimationFrame(() => {
    drawing = null;
    queue.set((items) => [...items]);
  });
};

export const isBusy = (item) => BUSY.has(item.state);

/** How many items are in each state, and how far all of them are together. */
export function summary(items) {
  const by = {};
  let share = 0;
  for (const item of items) {
    by[item.state] = (by[item.state] ?? 0) + 1;
    share += shareOf(item);
  }
  const of = (...states) => states.reduce((sum, state) => sum + (by[state] ?? 0), 0);
  return {
    total: items.length,
    done: of("done", "unchanged"),
    failed: of("failed"),
    busy: of(...BUSY),
    paused: of("paused"),
    share: items.length ? share / items.length : 0,
  };
}

/** How far an item is: sending is the first half, reading the second. */
export function shareOf(item) {
  if (!isBusy(item)) return 1;
  if (item.state === "reading") return 0.5 + (item.job?.progress ?? 0) / 2;
  return (item.sent / item.file.size) * 0.5;
}

/** Adds `[{file, path}]` with what was chosen for all of them: `{collection, groups, metadata, title}`. */
export function add(files, batch) {
  const items = files.map(({ file, path }) => ({ key: ++count, file, path, batch, state: "waiting", sent: 0, problem: null }));
  queue.set((old) => [...old, ...items]);
  announce(t("uploads.begun", { n: items.length }));
  pump();
}

function pump() {
  const items = queue.get();
  let free = PARALLEL - items.filter((item) => item.state === "sending" || item.state === "paused").length;
  for (const item of items) {
    if (free <= 0) return;
    if (item.state === "waiting") {
      free -= 1;
      run(item);
    }
  }
}

async function run(item) {
  Object.assign(item, { state: "sending", problem: null, sent: 0, job: null });
  redraw();
  try {
    const became = await sendFile(item, {
      progress: (sent) => {
        item.sent = sent;
        redraw();
      },
      paused: (problem) => {
        Object.assign(item, { state: problem ? "paused" : "sending", problem });
        redraw();
      },
    });
    Object.assign(item, became, { sent: item.file.size });
    if (became.unchanged) settle(item, "unchanged");
    else read(item);
    changed.set({ documentId: item.documentId });
  } catch (problem) {
    settle(item, "failed", problem);
  }
  pump();
}

function read(item) {
  Object.assign(item, { state: "reading", problem: null });
  redraw();
  item.unfollow = follow(item.jobId, (job) => {
    item.job = job;
    if (!job || job.status === "succeeded") settle(item, "done");
    else if (job.status === "failed") settle(item, "failed", job.error);
    else if (job.status === "cancelled") settle(item, "cancelled");
    redraw();
  });
}

function settle(item, state, problem = null) {
  if (item.state === "cancelled") return;
  Object.assign(item, { state, problem });
  if (item.documentId) changed.set({ documentId: item.documentId });
  redraw();
  const items = queue.get();
  if (items.some(isBusy)) return;
  const { done, failed } = summary(items);
  const text = failed ? t("uploads.ended_some", { n: failed, done }) : t("uploads.ended", { n: done });
  announce(text);
  if (!route.get().path.startsWith("/documents")) toast(text, { kind: failed ? "bad" : "good" });
}

/** Tries a failed or cancelled one again: reading it, where the file has arrived, else sending it. */
export async function retry(item) {
  if (!item.jobId) {
    Object.assign(item, { state: "waiting", problem: null, sent: 0 });
    redraw();
    return pump();
  }
  try {
    await api(`/v1/jobs/${item.jobId}/retry`, { method: "POST" });
    read(item);
  } catch (problem) {
    Object.assign(item, { state: "failed", problem });
    redraw();
  }
}

/** Stops an item wherever it is. */
export function cancel(item) {
  const { state } = item;
  if (!isBusy(item)) return;
  Object.assign(item, { state: "cancelled", problem: null });
  if (state === "sending" || state === "paused") item.stop?.(true);
  if (state === "reading") {
    item.unfollow();
    api(`/v1/jobs/${item.jobId}/cancel`, { method: "POST" }).catch(() => {}); // it was finished already
  }
  redraw();
  pump();
}

/** Takes what is finished off the list. */
export const clear = () => queue.set((items) => items.filter(isBusy));

addEventListener("online", () => queue.get().forEach((item) => item.state === "paused" && item.wake()));
addEventListener("beforeunload", (event) => {
  if (queue.get().some((item) => GOING.has(item.state))) event.preventDefault();
});
