// Under an answer: thumbs, copy, edit, why; and in a quiet line who spoke, how long it took, what went worse.
import { html, useRef, useState } from "../../lib/html.js";
import { announce } from "../../lib/announce.js";
import { copyText } from "../../lib/clipboard.js";
import { ago, dateTime, duration } from "../../lib/format.js";
import { language, t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { toast } from "../../parts/toasts.js";
import { citedText } from "./copying.js";
import { FeedbackForm } from "./feedback_form.js";
import { FeedbackSaid } from "./feedback_said.js";
import { rate, takeBack } from "./feedback.js";

/** `acts` as in `Turn`. */
export function AnswerFoot({ turn, last, acts }) {
  const [open, setOpen] = useState(false);
  const acted = useRef(null);
  const { feedback } = turn;
  const close = () => {
    setOpen(false);
    acted.current.querySelector("[aria-pressed=true]")?.focus(); // the field that had the focus is gone
  };
  const onThumb = async (rating) => {
    const chosen = feedback?.rating === rating;
    if (chosen && !feedback.id) return; // what would be taken back is still on its way
    setOpen(!chosen);
    if (chosen) await takeBack(turn, acts.said);
    else if (!(await rate(turn, rating, acts.said))) setOpen(Boolean(feedback));
  };
  return html`<footer class="answer-foot">
    <div ref=${acted} class="answer-acts">
      <${Thumb} rating="up" chosen=${feedback?.rating} onPress=${onThumb} />
      <${Thumb} rating="down" chosen=${feedback?.rating} onPress=${onThumb} />
      ${turn.statements.length > 0 && html`<${Copy} turn=${turn} />`}
      ${last && html`<${Act} icon="pencil" label=${t("chat.edit")} onPress=${() => acts.edit(turn)} />`}
      <a class="answer-why" href=${`/answers/${turn.id}/why`}><${Icon} name="route" />${t("chat.why")}</a>
    </div>
    <${Quiet} answer=${turn.answer} />
    ${
      open && feedback
        ? html`<${FeedbackForm} turn=${turn} onSaid=${acts.said} onClose=${close} />`
        : html`<${FeedbackSaid} feedback=${feedback} onChange=${() => setOpen(true)} />`
    }
  </footer>`;
}

const Act = ({ icon, label, onPress, ...more }) =>
  html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${onPress} ...${more}>
    <${Icon} name=${icon} />
  </button>`;

const Thumb = ({ rating, chosen, onPress }) =>
  html`<${Act}
    icon=${`thumbs-${rating}`}
    label=${t(`feedback.${rating}`)}
    aria-pressed=${chosen === rating ? "true" : "false"}
    onPress=${() => onPress(rating)}
  />`;

function Copy({ turn }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    if (!(await copyText(citedText(turn)))) return toast(t("chat.not_copied"), { kind: "bad" });
    announce(t("chat.copied"));
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<${Act}
    icon=${done ? "check" : "copy"}
    label=${t(done ? "chat.copied" : "chat.copy")}
    onPress=${copy}
  />`;
}

/** Who spoke, or judged that there is nothing to say. What quotes the documents is said to. */
function spoken({ generator: { name }, statements }) {
  if (!statements.length) return t("chat.generator_silent", { name });
  return t(name === "extractive" ? "chat.generator_extractive" : "chat.generator", { name });
}

/** What should not be hidden about how the answer came about. */
function Quiet({ answer }) {
  const { retrieval, generator, timings_ms: timings, degraded, question, standalone_question: searched } = answer;
  const known = (code) =>
    `degraded.${code}` in language.get().texts ? t(`degraded.${code}`) : t("degraded.other", { code });
  return html`<div class="answer-quiet">
    <p>
      ${[
        !retrieval?.used && t("chat.without_documents"),
        generator && html`<span title=${generator.fingerprint}>${spoken(answer)}</span>`,
        generator?.adapter && t("chat.adapter", { name: generator.adapter }),
        answer.cached && html`<span title=${dateTime(answer.written_at)}>${t("chat.cached", { when: ago(answer.written_at) })}</span>`,
        timings.total !== undefined && duration(timings.total),
      ]
        .filter(Boolean)
        .map((part) => html`<span>${part}</span>`)}
    </p>
    ${searched && searched !== question && html`<p>${t("chat.searched_for", { question: searched })}</p>`}
    ${degraded.map(
      (code) =>
        html`<p key=${code} class="answer-degraded"><${Icon} name="triangle-alert" /><span>${known(code)}</span></p>`,
    )}
  </div>`;
}
