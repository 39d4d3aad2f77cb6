// Deleting documents, and taking it back while that is possible.
import { announce } from "../../lib/announce.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { toast } from "../../parts/toasts.js";
import { chosen, refreshHead, take } from "./library.js";

const PARALLEL = 4;
const LONGEST = 12; // seconds for which undoing is offered, where the server allows that long

/** Runs `work(item)` for all, a few at a time; `{good: [...], bad: [{item, problem}]}`. */
async function each(items, work) {
  const left = [...items];
  const good = [];
  const bad = [];
  const worker = async () => {
    while (left.length) {
      const item = left.shift();
      try {
        good.push({ item, value: await work(item) });
      } catch (problem) {
        bad.push({ item, problem });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return { good, bad };
}

/** Deletes documents and offers to undo it. Resolves once the server has taken note, to whether all are gone. */
export async function remove(documents) {
  const putBack = take(documents.map((document) => document.id));
  const { good, bad } = await each(documents, (document) => api(`/v1/documents/${document.id}`, { method: "DELETE" }));
  if (bad.length) {
    const still = bad.filter(({ problem }) => problem.status !== 404);
    putBack(still.map(({ item }) => item.id));
    if (still.length) toast(t("documents.not_deleted", { n: still.length, reason: still[0].problem.message }), { kind: "bad" });
  }
  if (!good.length) return false;
  const gone = good.map(({ item }) => item);
  const text =
    gone.length === 1 ? t("documents.deleted_one", { title: gone[0].title }) : t("documents.deleted", { n: gone.length });
  const left = Math.min(...good.map(({ value }) => secondsUntil(value.restorable_until)));
  const undo = left > 1 ? { label: t("documents.undo"), run: () => restore(gone, putBack) } : null;
  toast(text, { action: undo, seconds: undo ? left : undefined });
  chosen.set(new Set());
  return !bad.length;
}

/** The server's clock may differ from this one's, so a second is kept back; none where nothing can be undone. */
const secondsUntil = (time) => (time ? Math.min((Date.parse(time) - Date.now()) / 1000 - 1, LONGEST) : 0);

async function restore(documents, putBack) {
  const { good, bad } = await each(documents, (document) =>
    api(`/v1/documents/${document.id}/restore`, { method: "POST" }),
  );
  putBack(good.map(({ item }) => item.id));
  refreshHead();
  if (bad.length) toast(t("documents.not_restored", { n: bad.length, reason: bad[0].problem.message }), { kind: "bad" });
  if (good.length) announce(t("documents.restored", { n: good.length }));
}
