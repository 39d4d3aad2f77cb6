// One of a few choices, side by side: radio buttons that look like one switch.
import { html, useId } from "../lib/html.js";

/** `all` are the choices, `text` gives each its words. */
export function Segments({ label, all, chosen, text, onChoose, small = false }) {
  const name = useId();
  return html`<fieldset class=${small ? "segments small" : "segments"}>
    <legend class="visually-hidden">${label}</legend>
    ${all.map(
      (each) =>
        html`<label key=${each} class="segment">
          <input type="radio" name=${name} value=${each} checked=${each === chosen} onChange=${() => onChoose(each)} />
          <span>${text(each)}</span>
        </label>`,
    )}
  </fieldset>`;
}
