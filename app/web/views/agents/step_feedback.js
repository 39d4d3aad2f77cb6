// What the reader thinks of a step: a thumb, and a word.
import { html, useState } from "../../lib/html.js";
import { announce } from "../../lib/announce.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { toast } from "../../parts/toasts.js";

/** `label` names what is rated to a screen reader; a step without one is named by its number. `acts` as in `Task`. */
export function StepFeedback({ step, task, acts, label }) {
  const [writing, setWriting] = useState(false);
  const { rating = null, comment = null } = step;
  const keep = async (said) => {
    try {
      await acts.rate(task, step.number, said);
      if (said.rating) announce(t("feedback.thanks"));
    } catch (problem) {
      toast(problem.message, { kind: "bad" });
    }
  };
  const onThumb = (pressed) => {
    const chosen = rating === pressed;
    setWriting(!chosen);
    keep({ rating: chosen ? null : pressed, comment: chosen ? null : comment });
  };
  const name = label ?? t("agents.step", { n: step.number });
  return html`<div class="step-feedback" role="group" aria-label=${t("agents.feedback_on", { name })}>
    ${["up", "down"].map(
      (each) =>
        html`<button
          key=${each}
          type="button"
          class="icon-button small"
          aria-label=${t(`agents.thumb_${each}`, { name })}
          title=${t(`agents.thumb_${each}`, { name })}
          aria-pressed=${rating === each ? "true" : "false"}
          onClick=${() => onThumb(each)}
        >
          <${Icon} name=${`thumbs-${each}`} />
        </button>`,
    )}
    ${rating && !writing && html`<${Said} comment=${comment} onChange=${() => setWriting(true)} />`}
    ${
      rating &&
      writing &&
      html`<${Word}
        comment=${comment}
        onEnd=${(text) => {
          setWriting(false);
          if (text !== null && text !== (comment ?? "")) keep({ rating, comment: text || null });
        }}
      />`
    }
  </div>`;
}

const Said = ({ comment, onChange }) =>
  html`<span class="small">
    ${comment && html`<q>${comment}</q>`}
    <button type="button" class="link-button" onClick=${onChange}>
      ${t(comment ? "feedback.change" : "agents.add_word")}
    </button>
  </span>`;

/** `onEnd(text)`; null where nothing is to be said. */
function Word({ comment, onEnd }) {
  const [text, setText] = useState(comment ?? "");
  return html`<form
    class="step-word"
    onSubmit=${(event) => {
      event.preventDefault();
      onEnd(text.trim());
    }}
    onKeyDown=${(event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onEnd(null);
    }}
  >
    <input
      class="input"
      aria-label=${t("agents.word")}
      placeholder=${t("agents.word")}
      maxlength="2000"
      value=${text}
      onInput=${(event) => setText(event.target.value)}
    />
    <button class="button small primary">${t("feedback.send")}</button>
  </form>`;
}
