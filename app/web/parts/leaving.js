// Deleting with a way back: gone from a list at once, from the server some seconds later unless it is undone.
import { send } from "../lib/api.js";
import { toast } from "./toasts.js";
import { t } from "../lib/texts.js";

const UNDO_SECONDS = 6;

/**
 * `remove(id, said)` for what the server has at `pathOf(id)`. `list` is a store whose value has `leaving`, a map of the
 * ids that will be deleted; `gone(id)` is called when one was.
 */
export function createLeaving({ list, pathOf, gone }) {
  const setLeaving = (change) =>
    list.set((old) => {
      const leaving = new Map(old.leaving);
      change(leaving);
      return { ...old, leaving };
    });

  const stay = (id) => {
    clearTimeout(list.get().leaving.get(id));
    setLeaving((leaving) => leaving.delete(id));
  };

  const deleteNow = async (id) => {
    try {
      await send(pathOf(id), { method: "DELETE" });
      gone(id);
    } catch (problem) {
      if (problem.status !== 404) toast(problem.message, { kind: "bad" });
    }
    stay(id);
  };

  // Who closes the page has not taken it back.
  addEventListener("pagehide", () => {
    for (const [id, timer] of list.get().leaving) {
      clearTimeout(timer);
      fetch(pathOf(id), { method: "DELETE", keepalive: true });
    }
  });

  return (id, said) => {
    const close = toast(said, { seconds: UNDO_SECONDS, action: { label: t("action.undo"), run: () => stay(id) } });
    const timer = setTimeout(() => {
      close();
      deleteNow(id);
    }, UNDO_SECONDS * 1000);
    setLeaving((leaving) => leaving.set(id, timer));
  };
}
