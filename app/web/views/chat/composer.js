// Where questions are written: a field that grows, what is asked, and send or stop.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { session } from "../../lib/api.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { FiltersDialog } from "./filters.js";
import { scope } from "./scope.js";
import { ScopeBar, ScopeChips } from "./scope_bar.js";

const NEAR_THE_LIMIT = 0.85;

/**
 * `draft` is `{text, at}`: its text is put into the field whenever `at` changes. `running` shows stop in the place of
 * send; `onAsk(question)`, `onStop()`. `label` and `placeholder` are the field's; `children` stand before the scope.
 */
export function Composer({ draft, running, stopping, onAsk, onStop, label, placeholder, children }) {
  const most = useStore(session, (who) => who?.limits?.question_chars ?? 4000);
  const [text, setText] = useState("");
  const [filtering, setFiltering] = useState(false);
  const field = useRef(null);
  useEffect(() => {
    setText(draft.text);
    // Where fingers write, the keyboard would cover half of what is there to read.
    if (draft.at > 0 || matchMedia("(pointer: fine)").matches) field.current.focus();
  }, [draft.at]);
  useLayoutEffect(() => grow(field.current), [text]);

  const length = [...text.trim()].length;
  const ready = length > 0 && length <= most && !running;
  const ask = () => {
    if (!ready) return;
    onAsk(text.trim());
    setText("");
  };
  // The dialog has a form of its own, so it cannot lie in this one.
  return html`${
      filtering &&
      html`<${FiltersDialog}
        value=${scope.get()}
        onChange=${(next) => scope.set(next)}
        onClose=${() => setFiltering(false)}
      />`
    }
    <form
      class="composer"
      onSubmit=${(event) => {
        event.preventDefault();
        ask();
      }}
    >
      <${ScopeChips} />
      <textarea
        ref=${field}
        class="composer-field"
        rows="1"
        aria-label=${label ?? t("composer.label")}
        aria-describedby="composer-count"
        placeholder=${placeholder ?? t("composer.placeholder")}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
        onKeyDown=${(event) => {
          // While a word is being composed (Chinese, Japanese …), Enter belongs to it.
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          ask();
        }}
      ></textarea>
      <div class="composer-tools">
        ${children}<${ScopeBar} onFilters=${() => setFiltering(true)} />
        <span id="composer-count" class=${length > most ? "composer-count bad" : "composer-count muted"} role="status">
          ${length > most * NEAR_THE_LIMIT && t("composer.count", { n: length, most })}
        </span>
        ${
          running
            ? html`<button
                type="button"
                class="composer-go"
                aria-label=${t("composer.stop")}
                title=${t("composer.stop")}
                disabled=${stopping}
                onClick=${onStop}
              >
                <${Icon} name="square" />
              </button>`
            : html`<button
                class="composer-go"
                aria-label=${t("composer.send")}
                title=${t("composer.send")}
                disabled=${!ready}
              >
                <${Icon} name="arrow-up" />
              </button>`
        }
      </div>
    </form>`;
}

/** As high as what is written in it; the sheet says how high at most. */
function grow(element) {
  element.style.height = "auto";
  element.style.height = `${element.scrollHeight}px`;
}
