// Short words at the edge of the page, with a way back where there is one.
import { html } from "../lib/html.js";
import { createStore, useStore } from "../lib/store.js";
import { t } from "../lib/texts.js";
import { Icon } from "./icon.js";

const shown = createStore([]);
let count = 0;

/**
 * Shows `text` for some seconds. `action` is `{label, run}`; `kind` is "info", "good" or "bad". A bad one stays until it
 * is closed. Returns how to take it away.
 */
export function toast(text, { kind = "info", action = null, seconds = 6 } = {}) {
  const id = ++count;
  const close = () => shown.set((all) => all.filter((item) => item.id !== id));
  shown.set((all) => [...all.slice(-3), { id, text, kind, action, close }]);
  if (kind !== "bad") setTimeout(close, seconds * 1000);
  return close;
}

/** Where they appear. */
export function Toasts() {
  const all = useStore(shown);
  return html`<div class="toasts" role="region" aria-label=${t("toasts.label")} aria-live="polite">
    ${all.map(
      ({ id, text, kind, action, close }) =>
        html`<div key=${id} class=${`toast ${kind}`}>
          <span>${text}</span>
          ${action &&
          html`<button
            type="button"
            class="button small"
            onClick=${() => {
              close();
              action.run();
            }}
          >
            ${action.label}
          </button>`}
          <button type="button" class="icon-button small" aria-label=${t("action.close")} onClick=${close}>
            <${Icon} name="x" />
          </button>
        </div>`,
    )}
  </div>`;
}
