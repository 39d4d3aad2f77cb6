// What a run asks a person: whether a call may be made, a question of the agent's, whether something is done once more.
import { html, useEffect, useId, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { ArgumentFields, Arguments, argumentsOf, draftOf } from "./arguments.js";
import { Expiry } from "./expiry.js";
import { toolName } from "./tools.js";

const ICONS = { approval: "hand", question: "circle-question-mark", unknown_outcome: "triangle-alert" };
const LOOK_MS = 4000;
const DECISIONS = ["approve", "edit", "reject", "respond"];

/** `acts` as in `Task`. */
export function Approval({ task, acts }) {
  const asked = task.interrupt.value;
  const [action] = asked.action_requests ?? [];
  const given = action?.args ?? {};
  const kind = asked.kind in ICONS ? asked.kind : "approval";
  const [mode, setMode] = useState(kind === "question" ? "respond" : null);
  const [late, setLate] = useState(() => Boolean(asked.expires_at) && Date.parse(asked.expires_at) <= Date.now());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const id = useId();
  useEffect(() => {
    if (!late) return undefined;
    acts.late();
    const looking = setInterval(acts.late, LOOK_MS); // until the server has settled it
    return () => clearInterval(looking);
  }, [late]);
  const decide = async (decision) => {
    setBusy(true);
    setProblem(null);
    try {
      await acts.decide(task, decision);
      document.querySelector(".chat-area").focus({ preventScroll: true }); // what had the focus is gone
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
      if (error.status === 409) acts.late(); // somebody else has decided
    }
  };
  const form = { kind, given, action, busy: busy || late, decide, onBack: () => setMode(null) };
  return html`<section class=${`approval ${kind}`} aria-labelledby=${id}>
    <h3 id=${id}><${Icon} name=${ICONS[kind]} /><span>${titleOf(kind, asked, action)}</span></h3>
    <${Why} ...${{ kind, asked, action }} />
    ${kind !== "question" && mode !== "edit" && html`<${Arguments} given=${given} />`}
    ${problem && html`<p class="note bad" role="alert">${problem}</p>`}
    ${late && html`<p class="note warn" role="alert">${t("agents.too_late")}</p>`}
    ${mode === "edit" && html`<${Editing} ...${form} />`}
    ${(mode === "reject" || mode === "respond") && html`<${Saying} key=${mode} mode=${mode} ...${form} />`}
    ${
      (mode === null || kind === "question") &&
      html`<${Choices} ...${{ kind, asked, busy: busy || late, decide, setMode }} onStop=${() => acts.stop(task)} />`
    }
    ${asked.expires_at && !late && html`<${Expiry} at=${asked.expires_at} onLate=${() => setLate(true)} />`}
  </section>`;
}

function titleOf(kind, asked, action) {
  const parts = { agent: asked.agent?.split("/").at(-1) ?? "", tool: toolName(action?.name ?? "") };
  if (kind === "question") return t("agents.ask_question", parts);
  return t(kind === "approval" ? "agents.ask_approval" : "agents.ask_unknown", parts);
}

/** The words of a question; of a call what it would do, and why a person is asked. */
function Why({ kind, asked, action }) {
  const question = kind === "question" && (action?.args?.question ?? action?.description);
  const effect = { writes: t("agents.effect_writes"), sends: t("agents.effect_sends") };
  return html`${kind === "unknown_outcome" && html`<p>${t("agents.unknown_text")}</p>`}
  ${question && html`<p class="approval-question">${question}</p>`}
  ${
    asked.effect in effect &&
    html`<p class="approval-effect"><${Icon} name="triangle-alert" />${effect[asked.effect]}</p>`
  }
  ${
    asked.reasons?.length > 0 &&
    html`<ul class="step-reasons">
      ${asked.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}
    </ul>`
  }`;
}

/** The ways to decide that are allowed. In words each kind has its own. */
function Choices({ kind, asked, busy, decide, setMode, onStop }) {
  const allowed = asked.review_configs?.[0]?.allowed_decisions ?? DECISIONS;
  const offered = DECISIONS.filter((each) => allowed.includes(each) && !(kind === "question" && each !== "reject"));
  const run = (type) => (type === "approve" ? decide({ type }) : setMode(type));
  return html`<div class="approval-acts">
    ${offered.map(
      (type) =>
        html`<button
          key=${type}
          type="button"
          class=${type === "approve" ? "button small primary" : "button small"}
          disabled=${busy}
          onClick=${() => (kind === "question" ? decide({ type }) : run(type))}
        >
          ${t(`agents.${kind}_${type}`)}
        </button>`,
    )}
    <button type="button" class="button small quiet" onClick=${onStop}>${t("agents.stop_run")}</button>
  </div>`;
}

function Editing({ given, action, busy, decide, onBack }) {
  const [draft, setDraft] = useState(() => draftOf(given));
  const [wrong, setWrong] = useState(null);
  const send = (event) => {
    event.preventDefault();
    const { meant, problem } = argumentsOf(draft, given);
    setWrong(problem ?? null);
    if (meant) decide({ type: "edit", edited_action: { name: action.name, args: meant } });
  };
  return html`<form class="approval-form" onSubmit=${send}>
    <${ArgumentFields} draft=${draft} given=${given} problem=${wrong} onChange=${setDraft} />
    <${Ends} action=${t("agents.approve_edited")} busy=${busy} onBack=${onBack} />
  </form>`;
}

/** Words to the agent: why not, or what it is told instead of what the call would bring. */
function Saying({ mode, kind, busy, decide, onBack }) {
  const [text, setText] = useState("");
  const id = useId();
  useEffect(() => {
    if (kind !== "question") document.getElementById(id).focus(); // it was asked for
  }, []);
  const send = (event) => {
    event.preventDefault();
    const message = text.trim();
    if (mode === "respond" && !message) return;
    decide({ type: mode, ...(message ? { message } : {}) });
  };
  return html`<form class="approval-form" onSubmit=${send}>
    <label class="field" for=${id}>
      <span>${t(`agents.${kind}_${mode}_label`)}</span>
      <textarea
        id=${id}
        rows="2"
        maxlength="4000"
        required=${mode === "respond"}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
      ></textarea>
    </label>
    <${Ends} action=${t(`agents.${kind}_${mode}_send`)} busy=${busy} onBack=${kind === "question" ? null : onBack} />
  </form>`;
}

const Ends = ({ action, busy, onBack }) =>
  html`<div class="approval-acts">
    <button class="button small primary" disabled=${busy}>${action}</button>
    ${onBack && html`<button type="button" class="button small quiet" onClick=${onBack}>${t("action.cancel")}</button>`}
  </div>`;
