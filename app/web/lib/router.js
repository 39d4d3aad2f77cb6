// Where the reader is: the address, and going elsewhere without loading the page anew.
import { createStore } from "./store.js";

const here = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });

/** The address now: `{path, query}`. */
export const route = createStore(here());

/** Goes to `path` (with its query). `replace` leaves no entry in the history. */
export function navigate(path, { replace = false } = {}) {
  if (path !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", path);
  route.set(here());
}

/** The parts of a path that fits `pattern` ("/documents/:id"), null for another path. */
export function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/").map(decoded);
  if (wanted.length !== given.length) return null;
  const found = {};
  for (const [n, part] of wanted.entries()) {
    if (part.startsWith(":") && given[n]) found[part.slice(1)] = given[n];
    else if (part !== given[n]) return null;
  }
  return found;
}

/** A part of a path as it was meant; one that is not well written ("%zz") is none at all. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** Follows links inside the page, and the browser's back and forward. */
export function startRouter() {
  addEventListener("popstate", () => route.set(here()));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || to.pathname.startsWith("/v1/") || to.pathname === "/openapi.json") return;
    event.preventDefault();
    navigate(to.pathname + to.search);
  });
}
