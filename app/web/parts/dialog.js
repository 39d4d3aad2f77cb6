// Dialogs on the browser's own <dialog>: focus is kept inside, Escape closes, and focus returns to where it was.
import { html, useEffect, useId, useRef, useState } from "../lib/html.js";
import { t } from "../lib/texts.js";
import { Icon } from "./icon.js";

/** A dialog that is open for as long as it is drawn. `onClose` is called when the reader closes it. */
export function Dialog({ title, onClose, children, wide = false }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return html`<dialog
    ref=${element}
    class=${wide ? "dialog wide" : "dialog"}
    aria-labelledby=${id}
    onCancel=${(event) => {
      event.preventDefault();
      onClose();
    }}
    onMouseDown=${(event) => event.target === element.current && onClose()}
  >
    <div class="dialog-inside">
      <header class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="icon-button" aria-label=${t("action.close")} onClick=${onClose}>
          <${Icon} name="x" />
        </button>
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** Asks before something that cannot be taken back. `onConfirm` may take its time; an error of it is shown. */
export function Confirm({ title, text, action, onConfirm, onClose, danger = true }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    ${problem && html`<p class="note bad" role="alert">${problem}</p>`}
    <footer class="dialog-foot">
      <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
      <button type="button" class=${danger ? "button danger" : "button primary"} disabled=${busy} onClick=${confirm}>
        ${action}
      </button>
    </footer>
  <//>`;
}
