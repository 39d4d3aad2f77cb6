// Where a conversation begins.
import { html } from "../../lib/html.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { suggestions } from "./suggestions.js";

/** `onAsk(question)`. */
export function Welcome({ onAsk }) {
  const { value } = useLoaded((signal) => suggestions(signal), []);
  return html`<div class="welcome">
    <h1>${t("welcome.title")}</h1>
    <p class="muted">${t(value?.empty ? "welcome.empty" : "welcome.text")}</p>
    <div class="welcome-more">
      ${
        value?.empty &&
        html`<a class="button primary" href="/documents"><${Icon} name="upload" />${t("welcome.add")}</a>`
      }
      ${
        value?.questions.length > 0 &&
        html`<ul class="welcome-questions" aria-label=${t("welcome.questions")}>
          ${value.questions.map(
            (question) =>
              html`<li key=${question}>
                <button type="button" onClick=${() => onAsk(question)}>${question}</button>
              </li>`,
          )}
        </ul>`
      }
    </div>
  </div>`;
}
