// Something of the server that is asked for again and again, for as long as the reader can see it.
import { useEffect, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { usePolled } from "./parts.js";

export const EVERY_MS = 2000;

/** What is at `path`, as `useLoaded` tells it; asked for again `every` milliseconds after each answer, or refusal. */
export function useWatched(path, every = EVERY_MS) {
  const visible = useVisible();
  const found = useLoaded((signal) => api(path, { signal }), [path]);
  usePolled(visible && !found.loading, found.again, path, every);
  return found;
}

function useVisible() {
  const [visible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const look = () => setVisible(!document.hidden);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return visible;
}
