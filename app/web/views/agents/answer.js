// A run's answer, with its footnotes as in a conversation; and what should not be hidden about how it came about.
import { html, useState } from "../../lib/html.js";
import { announce } from "../../lib/announce.js";
import { copyText } from "../../lib/clipboard.js";
import { language, t } from "../../lib/texts.js";
import { Degraded } from "../../parts/degraded.js";
import { Icon } from "../../parts/icon.js";
import { toast } from "../../parts/toasts.js";
import { citedText } from "../chat/copying.js";
import { Footnotes, Nearest } from "../chat/footnotes.js";
import { Statement } from "../chat/statement.js";
import { citedIn } from "../chat/turns.js";
import { StepFeedback } from "./step_feedback.js";
import { answerStep, turnOf } from "./tasks.js";

/** `current` and `acts` as in `Task`. */
export function Answer({ task, current, acts }) {
  const turn = turnOf(task);
  const sources = new Map(turn.sources.map((source) => [source.id, source]));
  const cited = citedIn(turn);
  const numbers = new Map(cited.map((id, n) => [id, n + 1]));
  const onOpen = (id) => acts.open(task, id);
  return html`<section
    class=${task.incomplete ? "run-answer incomplete" : "run-answer"}
    aria-label=${t("agents.answer")}
  >
    ${task.incomplete && html`<${Incomplete} ...${task.incomplete} />`}
    <div class="statements">
      ${turn.statements.map(
        (statement, n) => html`<${Statement} key=${n} ...${{ statement, sources, numbers, current, onOpen }} />`,
      )}
    </div>
    ${!turn.statements.length && html`<${Nothing} ...${{ turn, current, onOpen }} />`}
    ${cited.length > 0 && html`<${Footnotes} ids=${cited} ...${{ sources, current, onOpen }} />`}
    <${Foot} ...${{ task, turn, acts }} />
  </section>`;
}

/** Why the work was not done to its end; whose limit it was, where that is a sub-agent's. */
function Incomplete({ reason, message }) {
  const known = `agents.incomplete_${reason}` in language.get().texts;
  const text = known ? t(`agents.incomplete_${reason}`) : (message ?? reason);
  return html`<p class="note warn run-incomplete">
    <${Icon} name="hourglass" />
    <span><strong>${t("agents.incomplete")}</strong>${" "}${text}</span>
  </p>`;
}

const Nothing = ({ turn, current, onOpen }) =>
  html`<div class="answer-abstention">
    <p class="answer-abstention-word">
      <${Icon} name="circle-question-mark" size=${1.4} /><span>${t("agents.nothing")}</span>
    </p>
    ${
      turn.sources.length > 0 &&
      html`<h3>${t("chat.nearest")}</h3>
        <${Nearest} sources=${turn.sources} current=${current} onOpen=${onOpen} />`
    }
  </div>`;

function Foot({ task, turn, acts }) {
  const rated = answerStep(task);
  const { generator, degraded = [] } = task.answer;
  return html`<footer class="answer-foot">
    <div class="answer-acts run-acts">
      ${rated && html`<${StepFeedback} step=${rated} label=${t("agents.answer")} ...${{ task, acts }} />`}
      ${turn.statements.length > 0 && html`<${Copy} turn=${turn} />`}
    </div>
    <div class="answer-quiet">
      ${generator?.name === "extractive" && html`<p>${t("agents.without_model")}</p>`}
      ${generator && generator.name !== "extractive" && html`<p>${t("chat.generator", { name: generator.name })}</p>`}
    </div>
    <${Degraded} reasons=${degraded} />
  </footer>`;
}

function Copy({ turn }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    if (!(await copyText(citedText(turn)))) return toast(t("chat.not_copied"), { kind: "bad" });
    announce(t("chat.copied"));
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  const label = t(done ? "chat.copied" : "chat.copy");
  return html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${copy}>
    <${Icon} name=${done ? "check" : "copy"} />
  </button>`;
}
