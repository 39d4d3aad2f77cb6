// Files that are dragged over the view may be dropped anywhere.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { dropped } from "./files.js";

const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Shows where to drop while something is dragged; `onDrop` gets `[{file, path}]`. */
export function DropTarget({ onDrop }) {
  const [over, setOver] = useState(false);
  const given = useRef(onDrop);
  given.current = onDrop;
  // There as soon as the view is: what is dragged in before the first paint would be lost.
  useLayoutEffect(() => {
    let depth = 0; // each element that is entered says so, and each that is left
    const on = {
      dragenter(event) {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        depth += 1;
        setOver(true);
      },
      dragover(event) {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = document.querySelector("dialog[open]") ? "none" : "copy";
        setOver(true); // it was over the window before the view was there
      },
      dragleave(event) {
        if (!holdsFiles(event)) return;
        depth = Math.max(0, depth - 1);
        if (!depth) setOver(false);
      },
      async drop(event) {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        if (!document.querySelector("dialog[open]")) given.current(await dropped(event.dataTransfer));
      },
    };
    for (const [name, listener] of Object.entries(on)) addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(on)) removeEventListener(name, listener);
    };
  }, []);
  if (!over) return null;
  return html`<div class="documents-drop" aria-hidden="true">
    <div><${Icon} name="upload" size=${2} /><strong>${t("documents.drop")}</strong></div>
  </div>`;
}
