// Loading something for a view: its value, its problem, and whether it is on its way.
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { passes, presence } from "./presence.js";

/**
 * Runs `load(signal)` when `dependencies` change. Returns `{value, problem, loading, again, set}`; what was loaded stays
 * while it is loaded again, and an answer that comes too late is dropped. What failed for want of a server is tried
 * again when it is back.
 */
export function useLoaded(load, dependencies) {
  const [state, setState] = useState({ value: null, problem: null, loading: true });
  const running = useRef(null);
  const again = useCallback(async () => {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    setState((old) => ({ ...old, loading: true, problem: null }));
    try {
      const value = await load(mine.signal);
      if (!mine.signal.aborted) setState({ value, problem: null, loading: false });
    } catch (problem) {
      if (!mine.signal.aborted) setState((old) => ({ ...old, problem, loading: false }));
    }
  }, dependencies);
  useEffect(() => {
    again();
    return () => running.current?.abort();
  }, [again]);
  const failed = useRef(null);
  failed.current = state.problem;
  useEffect(() => presence.watch((found) => found === "here" && passes(failed.current) && again()), [again]);
  const set = useCallback(
    (next) => setState((old) => ({ ...old, value: typeof next === "function" ? next(old.value) : next })),
    [],
  );
  return { ...state, again, set };
}
