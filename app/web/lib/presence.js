// Whether the server is there. Requests that meet nobody say so here; it is then asked until it answers.
import { createStore } from "./store.js";

/** "here", "starting" while its parts open, or "away". */
export const presence = createStore("here");

const EVERY_MS = 1500;
const PATIENCE_MS = 5000;
let looking = false;

/** To be called when a request met nobody. A single lost request, while the server is there, changes nothing. */
export async function doubt() {
  if (looking) return;
  looking = true;
  for (;;) {
    const found = await look();
    presence.set(found);
    if (found === "here") break;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  looking = false;
}

async function look() {
  try {
    const response = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    const { status } = await response.json(); // a proxy's own page is no JSON
    return status === "starting" ? "starting" : "here";
  } catch {
    return "away";
  }
}

/** Whether a `Problem` is of the kind that passes when the server is back. */
export const passes = (problem) => problem?.status === 0 || problem?.code === "starting";
