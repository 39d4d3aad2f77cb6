// The arguments of a call, to the letter, as text whatever stands in them; and the same to be changed.
import { html, useId } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { TextBox } from "./text_box.js";
import { argumentText, visible } from "./tools.js";

/** `given` by name. */
export function Arguments({ given }) {
  const entries = Object.entries(given ?? {});
  if (!entries.length) return null;
  return html`<div>
    <h3>${t("agents.arguments")}</h3>
    <dl class="arguments">
      ${entries.map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${visible(name)}</dt>
            <dd><${TextBox} text=${visible(argumentText(value))} label=${visible(name)} /></dd>
          </div>`,
      )}
    </dl>
  </div>`;
}

/** What is written in the fields, by name: text stays text, everything else is JSON. */
export const draftOf = (given) =>
  Object.fromEntries(Object.entries(given ?? {}).map(([name, value]) => [name, argumentText(value)]));

/** The arguments that a draft means; `{problem: name}` where a field's JSON is not well written. */
export function argumentsOf(draft, given) {
  const meant = {};
  for (const [name, text] of Object.entries(draft)) {
    if (typeof given[name] === "string") {
      meant[name] = text;
      continue;
    }
    try {
      meant[name] = JSON.parse(text);
    } catch {
      return { problem: name };
    }
  }
  return { meant };
}

const ROWS = 12;

/** A field for each argument; `onChange` gets the new draft. */
export function ArgumentFields({ draft, given, problem, onChange }) {
  const id = useId();
  return Object.entries(draft).map(([name, text]) => {
    const json = typeof given[name] !== "string";
    const wrong = problem === name;
    return html`<label key=${name} class="field arguments-field">
      <code>${name}</code>
      <textarea
        class=${json ? "arguments-json" : undefined}
        rows=${Math.min(ROWS, text.split("\n").length + Math.floor(text.length / 70))}
        spellcheck=${!json}
        aria-invalid=${wrong}
        aria-describedby=${wrong ? `${id}-${name}` : undefined}
        value=${text}
        onInput=${(event) => onChange({ ...draft, [name]: event.target.value })}
      ></textarea>
      ${wrong && html`<small id=${`${id}-${name}`} class="bad" role="alert">${t("agents.not_json")}</small>`}
    </label>`;
  });
}
