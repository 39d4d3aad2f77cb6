// Loading something for a view: its value, its problem, and whether it is on its way.
import { useCallback, useEffect, useRef, useState } from "./html.js";

/**
 * Runs `load(signal)` when `dependencies` change. Returns `{value, problem, loading, again, set}`; what was loaded stays
 * while it is loaded again, and an answer that comes too late is dropped.
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
  const set = useCallback(
    (next) => setState((old) => ({ ...old, value: typeof next === "function" ? next(old.value) : next })),
    [],
  );
  return { ...state, again, set };
}
