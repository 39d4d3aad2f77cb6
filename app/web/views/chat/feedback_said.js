// What was said of an answer, shown again, with the way to say something else.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { REASONS } from "./feedback.js";

/** Nothing where nothing was said. */
export function FeedbackSaid({ feedback, onChange }) {
  if (!feedback) return null;
  const { rating, reason, comment, corrected, citations } = feedback;
  const known = REASONS.up.includes(reason) || REASONS.down.includes(reason);
  const wrong = citations.filter((mark) => !mark.correct).length;
  const parts = [
    t(`feedback.said_${rating}`),
    reason && (known ? t(`feedback.reason_${reason}`) : reason),
    citations.length > wrong && t("feedback.n_right", { n: citations.length - wrong }),
    wrong > 0 && t("feedback.n_wrong", { n: wrong }),
    corrected && t("feedback.said_corrected"),
  ].filter(Boolean);
  return html`<div class="feedback-said">
    <p>
      ${parts.map((part) => html`<span>${part}</span>`)}
      <button type="button" class="link-button" onClick=${onChange}>${t("feedback.change")}</button>
    </p>
    ${comment && html`<blockquote>${comment}</blockquote>`}
  </div>`;
}
