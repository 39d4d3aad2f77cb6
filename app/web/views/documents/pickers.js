// The buttons that open the browser's own choice of files, or of a folder.
import { html, useLayoutEffect, useRef } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { ACCEPTED } from "./kinds.js";

/** `onFiles` gets a FileList; `hands.current.files()` opens the choice from elsewhere. */
export function Pickers({ onFiles, hands }) {
  const files = useRef(null);
  const folder = useRef(null);
  useLayoutEffect(() => {
    hands.current = { files: () => files.current.click() };
  }, []);
  const onChange = (event) => {
    onFiles(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  };
  const hidden = { class: "visually-hidden", type: "file", multiple: true, tabindex: -1, "aria-hidden": "true", onChange };
  return html`<div class="documents-pickers">
    <input ref=${files} id="documents-files" accept=${ACCEPTED} ...${hidden} />
    <input ref=${folder} id="documents-folder" webkitdirectory ...${hidden} />
    <button type="button" class="button" onClick=${() => folder.current.click()}>
      <${Icon} name="folder-up" />${t("documents.add_folder")}
    </button>
    <button type="button" class="button primary" onClick=${() => files.current.click()}>
      <${Icon} name="upload" />${t("documents.add")}
    </button>
  </div>`;
}
