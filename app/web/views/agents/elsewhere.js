// A thread in which something happens elsewhere: in another tab, from the command line, through the API.
import { api, url } from "../../lib/api.js";
import { useEffect } from "../../lib/html.js";
import { ended } from "./tasks.js";
import { load } from "./threads.js";

const EVERY_MS = 4000;

/** Looks now and then, while the page is seen, whether the thread's newest run is the one that is shown. */
export function useElsewhere(thread) {
  useEffect(() => {
    let timer = null;
    let over = false;
    let seen = null;
    const look = async () => {
      clearTimeout(timer);
      if (!document.hidden) seen = (await newest(thread, seen)) ?? seen;
      clearTimeout(timer); // who came back meanwhile has begun another look
      if (!over) timer = setTimeout(look, EVERY_MS);
    };
    const back = () => document.hidden || look();
    timer = setTimeout(look, EVERY_MS);
    document.addEventListener("visibilitychange", back);
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", back);
    };
  }, [thread]);
}

/** The newest run and how it stands, as one word; the thread is loaded where that is neither shown nor `seen`. */
async function newest(thread, seen) {
  if (!isQuiet(thread)) return null;
  const { id } = thread.get();
  try {
    const [run] = await api(url(`/v1/threads/${encodeURIComponent(id)}/runs`, { limit: 1 }));
    if (!run || !isQuiet(thread)) return null;
    const word = `${run.run_id} ${run.status}`;
    const last = thread.get().tasks.at(-1);
    const shown = last?.run === run.run_id && ended(last, run).status === last.status;
    if (!shown && word !== seen) await load(thread);
    return word;
  } catch {
    return null; // the next look will tell
  }
}

/** Whether nothing is on its way that tells of the thread anyhow. */
function isQuiet(thread) {
  const { id, loading, tasks } = thread.get();
  return id && !loading && tasks.every((task) => task.status !== "running" && task.id !== null);
}
