// A value that views can watch.
import { useEffect, useState } from "./html.js";

/** A store: `get()`, `set(value | old => value)`, `watch(listener)` which returns how to stop. */
export function createStore(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      const found = typeof next === "function" ? next(value) : next;
      if (Object.is(found, value)) return;
      value = found;
      for (const listener of [...listeners]) listener(value);
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What `pick` takes of a store's value; the component is drawn again whenever that changes. */
export function useStore(store, pick = (value) => value) {
  const [, redraw] = useState({});
  const picked = pick(store.get());
  useEffect(() => {
    let last = picked;
    const look = (value) => {
      const next = pick(value);
      if (!Object.is(next, last)) {
        last = next;
        redraw({});
      }
    };
    look(store.get()); // it may have changed between drawing and watching
    return store.watch(look);
  }, [store]);
  return picked;
}

/** A store kept in the browser under `key`; what cannot be read or written there is forgotten with the page. */
export function createKeptStore(key, initial) {
  let found = initial;
  try {
    const kept = localStorage.getItem(key);
    if (kept !== null) found = JSON.parse(kept);
  } catch {
    // Forbidden or broken storage: begin anew.
  }
  const store = createStore(found);
  store.watch((value) => {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Full or forbidden.
    }
  });
  return store;
}
