// The small form behind a thumb: why, in one's own words, which footnotes are right, the answer as it should have been.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { REASONS, ownText, say } from "./feedback.js";
import { citedIn } from "./turns.js";

/** `onSaid(turn, feedback)` after it was sent. */
export function FeedbackForm({ turn, onSaid, onClose }) {
  const said = turn.feedback ?? {};
  const [named, setReason] = useState(said.reason ?? null);
  // The other thumb may have been pressed while the form was open.
  const reason = REASONS[said.rating].includes(named) || named === said.reason ? named : null;
  const [comment, setComment] = useState(said.comment ?? "");
  const [corrected, setCorrected] = useState(said.corrected ?? null);
  const [marks, setMarks] = useState(() => new Map((said.citations ?? []).map((mark) => [mark.source, mark.correct])));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const form = useRef(null);
  useEffect(() => form.current.scrollIntoView({ block: "nearest" }), [corrected === null]);
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    const own = corrected?.trim();
    try {
      await say(
        turn,
        {
          reason,
          comment: comment.trim() || null,
          corrected: own && own !== ownText(turn).trim() ? own : null,
          citations: [...marks].map(([source, correct]) => ({ source, correct })),
        },
        onSaid,
      );
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<form
    ref=${form}
    class="feedback"
    aria-label=${t("feedback.label")}
    onSubmit=${send}
    onKeyDown=${(event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onClose();
    }}
  >
    <${Reasons} key=${said.rating} turn=${turn} rating=${said.rating} chosen=${reason} onChoose=${setReason} />
    <${Marks} turn=${turn} marks=${marks} onChange=${setMarks} />
    <label class="field">
      <span>${t("feedback.comment")}</span>
      <textarea
        rows="2"
        maxlength="5000"
        value=${comment}
        onInput=${(event) => setComment(event.target.value)}
      ></textarea>
    </label>
    ${
      corrected === null
        ? html`<button type="button" class="button small" onClick=${() => setCorrected(ownText(turn))}>
            <${Icon} name="pencil" />${t("feedback.correct")}
          </button>`
        : html`<${Correction} text=${corrected} onChange=${setCorrected} />`
    }
    ${problem && html`<p class="note bad" role="alert">${problem}</p>`}
    <div class="feedback-acts">
      <button type="button" class="button small quiet" onClick=${onClose}>${t("action.cancel")}</button>
      <button class="button small primary" disabled=${busy}>${t("feedback.send")}</button>
    </div>
  </form>`;
}

function Reasons({ turn, rating, chosen, onChoose }) {
  const first = useRef(null);
  useEffect(() => first.current?.focus(), []);
  return html`<fieldset class="feedback-reasons">
    <legend>${t(`feedback.why_${rating}`)}</legend>
    ${REASONS[rating].map(
      (reason, n) =>
        html`<label key=${reason}>
          <input
            ref=${n === 0 ? first : undefined}
            type="radio"
            name=${`reason-${turn.id}`}
            checked=${chosen === reason}
            onChange=${() => onChoose(reason)}
          />
          <span>${t(`feedback.reason_${reason}`)}</span>
        </label>`,
    )}
  </fieldset>`;
}

function Marks({ turn, marks, onChange }) {
  const cited = citedIn(turn);
  if (!cited.length) return null;
  const sources = new Map(turn.sources.map((source) => [source.id, source]));
  const mark = (id, correct) => {
    const next = new Map(marks);
    if (next.get(id) === correct) next.delete(id);
    else next.set(id, correct);
    onChange(next);
  };
  return html`<fieldset class="feedback-marks">
    <legend>${t("feedback.citations")}</legend>
    ${cited.map((id, n) => {
      const parts = { n: n + 1, title: sources.get(id).title };
      return html`<div key=${id} class="feedback-mark">
        <span class="footnote-number">${n + 1}</span>
        <span class="feedback-mark-title">${sources.get(id).title}</span>
        <button
          type="button"
          class="icon-button small"
          aria-pressed=${marks.get(id) === true}
          aria-label=${t("feedback.right", parts)}
          title=${t("feedback.right", parts)}
          onClick=${() => mark(id, true)}
        >
          <${Icon} name="check" />
        </button>
        <button
          type="button"
          class="icon-button small"
          aria-pressed=${marks.get(id) === false}
          aria-label=${t("feedback.wrong", parts)}
          title=${t("feedback.wrong", parts)}
          onClick=${() => mark(id, false)}
        >
          <${Icon} name="x" />
        </button>
      </div>`;
    })}
  </fieldset>`;
}

function Correction({ text, onChange }) {
  const field = useRef(null);
  useEffect(() => field.current.focus(), []);
  return html`<label class="field">
    <span>${t("feedback.corrected")}</span>
    <textarea
      ref=${field}
      class="feedback-corrected"
      rows="6"
      maxlength="20000"
      value=${text}
      onInput=${(event) => onChange(event.target.value)}
    ></textarea>
  </label>`;
}
