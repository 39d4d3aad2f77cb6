// A newer file for a document that is there: it takes the old one's place once it was read.
import { html, useRef } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { toast } from "../../parts/toasts.js";
import { ACCEPTED } from "./kinds.js";
import { add } from "./queue.js";

export function NewVersion({ document }) {
  const field = useRef(null);
  const choose = (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    add([{ file, path: document.external_id }], { collection: document.collection, groups: [], metadata: {}, title: "" });
    toast(t("documents.version_begun", { name: file.name }));
  };
  return html`<input
      ref=${field}
      class="visually-hidden"
      type="file"
      accept=${ACCEPTED}
      tabindex="-1"
      aria-hidden="true"
      onChange=${choose}
    />
    <button type="button" class="button" onClick=${() => field.current.click()}>
      <${Icon} name="upload" />${t("documents.new_version")}
    </button>`;
}
