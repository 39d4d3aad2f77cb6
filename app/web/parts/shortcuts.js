// The keyboard: every shortcut is registered here, so that the list under "?" is always whole.
import { html, useEffect, useRef } from "../lib/html.js";
import { createStore, useStore } from "../lib/store.js";
import { t } from "../lib/texts.js";
import { Dialog } from "./dialog.js";

const registered = createStore([]);
const listOpen = createStore(false);

/**
 * While the component is drawn, `keys` ("/", "g d", "Escape", "Mod+k") runs `run`. `label` is its text in the list.
 * Single letters are not heard while something is being typed; `Mod` is ⌘ or Ctrl and always is.
 */
export function useShortcut(keys, label, run) {
  const entry = useRef({}).current;
  Object.assign(entry, { keys, label, run }); // the language, and what `run` closes over, may have changed
  useEffect(() => {
    registered.set((all) => [...all, entry]);
    return () => registered.set((all) => all.filter((item) => item !== entry));
  }, []);
}

export const showShortcuts = () => listOpen.set(true);

const typing = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
const name = (event) => `${event.metaKey || event.ctrlKey ? "Mod+" : ""}${event.key}`;

/** Listens for the whole page. */
export function startShortcuts() {
  let before = "";
  let at = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    const key = name(event);
    if (typing(event.target) && !key.startsWith("Mod+") && key !== "Escape") return;
    const chord = Date.now() - at < 1000 ? `${before} ${key}` : "";
    const all = registered.get();
    // The last one registered is the innermost.
    const found = all.findLast((item) => item.keys === chord) ?? all.findLast((item) => item.keys === key);
    [before, at] = [key, Date.now()];
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

const keyNames = (keys) => keys.split(/[ +]/).map((key) => (key === "Mod" ? (/Mac/.test(navigator.platform) ? "⌘" : "Ctrl") : key));

/** The list under "?". */
export function Shortcuts() {
  const open = useStore(listOpen);
  const all = useStore(registered);
  useShortcut("?", t("shortcut.list"), showShortcuts);
  if (!open) return null;
  const seen = new Map(all.map((item) => [item.keys, item]));
  return html`<${Dialog} title=${t("shortcut.title")} onClose=${() => listOpen.set(false)}>
    <dl class="shortcuts">
      ${[...seen.values()].map(
        ({ keys, label }) =>
          html`<div key=${keys}>
            <dt>${keyNames(keys).map((key) => html`<kbd>${key}</kbd>`)}</dt>
            <dd>${label}</dd>
          </div>`,
      )}
    </dl>
  <//>`;
}
