// Uploads that an earlier visit began and did not end: choosing the same file again goes on with them.
import { html, useEffect, useState } from "../../lib/html.js";
import { bytes } from "../../lib/format.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { isBusy, queue } from "./queue.js";
import { interrupted } from "./sending.js";
import { remembersUploads } from "./tus.js";

const SHOWN = 5;

/** A note with their names; nothing where there are none. */
export function Interrupted() {
  const [found, setFound] = useState([]);
  const busy = useStore(queue, (items) => items.some(isBusy));
  useEffect(() => {
    if (busy) return setFound([]); // what is being sent now is remembered in the same place
    if (remembersUploads()) interrupted().then(setFound, () => {});
    return undefined;
  }, [busy]);
  if (!found.length) return null;
  const forget = async () => {
    setFound([]);
    await Promise.all(found.map((upload) => upload.forget()));
  };
  return html`<section class="documents-interrupted card" aria-label=${t("uploads.interrupted", { n: found.length })}>
    <${Icon} name="rotate-ccw" />
    <div>
      <p><strong>${t("uploads.interrupted", { n: found.length })}</strong></p>
      <p class="muted small">${t("uploads.interrupted_text")}</p>
      <ul>
        ${found
          .slice(0, SHOWN)
          .map(
            ({ key, name, size }) =>
              html`<li key=${key}><span class="documents-cut">${name}</span> <span class="muted">${bytes(size)}</span></li>`,
          )}
        ${found.length > SHOWN && html`<li class="muted">${t("uploads.and_more", { n: found.length - SHOWN })}</li>`}
      </ul>
    </div>
    <button type="button" class="button small" onClick=${forget}>${t("uploads.forget")}</button>
  </section>`;
}
