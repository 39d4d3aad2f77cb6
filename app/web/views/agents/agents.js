// Tasks for agents: a thread of them with the runs that they became, the composer, and the source that is looked at.
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../../lib/html.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { useStore } from "../../lib/store.js";
import { language, t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Icon } from "../../parts/icon.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { Failed, Loading } from "../../parts/states.js";
import { Beside } from "../chat/beside.js";
import { Composer } from "../chat/composer.js";
import { requestOf, scope } from "../chat/scope.js";
import { useScroller } from "../chat/scroller.js";
import { AgentMenu } from "./agent_menu.js";
import { useElsewhere } from "./elsewhere.js";
import { goToStep } from "./going.js";
import { ThreadHead } from "./head.js";
import { agents, chosen } from "./list.js";
import { Start } from "./start.js";
import { Task } from "./task.js";
import { turnOf } from "./tasks.js";
import { decide, give, load, loadSteps, newThread, rate, stop, threadOf } from "./threads.js";

const OPENS = "[aria-expanded], summary, .step-more button";

/** The view at /agents and /agents/:id. */
export default function Agents({ id, query }) {
  const thread = useMemo(() => (id ? threadOf(id) : newThread()), [id, id ? null : query]);
  return html`<${Thread} key=${keyOf(thread)} thread=${thread} />`;
}

// A new thread keeps its place when it gets its address.
const keys = new WeakMap();
let count = 0;
const keyOf = (thread) => keys.get(thread) ?? keys.set(thread, ++count).get(thread);

function Thread({ thread }) {
  const { id, title, tasks, problem, loading } = useStore(thread);
  const { code } = useStore(language);
  const offered = useLoaded(agents, []);
  const [draft, setDraft] = useState({ text: "", at: 0 });
  const here = useRef(true);
  const { area, content, atEnd, toEnd, stay } = useScroller(loading, !id && tasks.length === 0);
  const { shown, setShown, open, close, toStep } = useShown();
  useEffect(() => () => (here.current = false), []);
  useTitle(title);
  useElsewhere(thread);
  useShortcut("/", t("shortcut.task"), () => document.querySelector(".composer-field")?.focus());

  const known = offered.value ?? [];
  const agent = useAgent(known, tasks);
  const onGive = (text) => {
    give(thread, text, agent, requestOf(scope.get()), (begun) => {
      if (here.current && location.pathname === "/agents") navigate(`/agents/${begun}`, { replace: true });
    });
    requestAnimationFrame(() => toEnd());
  };
  const acts = useMemo(
    () => ({
      open,
      decide: (task, decision) => decide(thread, task.key, decision),
      edit: (task) => setDraft((old) => ({ text: task.text, at: old.at + 1 })),
      rate: (task, number, said) => rate(thread, task.key, number, said),
      stop: (task) => stop(thread, task.key),
      steps: (task) => loadSteps(thread, task.key),
      late: () => load(thread),
    }),
    [],
  );
  const onRenamed = (made) => thread.set((old) => ({ ...old, title: made.title }));
  const names = useMemo(() => new Set(known.map((each) => each.graph_id)), [offered.value]);
  const active = tasks.findLast((task) => task.status === "running");
  return html`<div class=${shown ? "chat agents with-source" : "chat agents"}>
    <div class="chat-column">
      ${id && html`<${ThreadHead} id=${id} title=${title} onRenamed=${onRenamed} />`}
      <div ref=${area} class="chat-area" tabindex="-1">
        <div ref=${content} class="chat-content" onClick=${(event) => event.target.closest(OPENS) && stay()}>
          ${problem && html`<${Failed} problem=${problem} onRetry=${() => load(thread)} />`}
          ${loading && html`<${Loading} />`}
          ${!id && !tasks.length && html`<${Start} offered=${offered} agent=${agent} />`}
          ${tasks.map(
            (task, n) =>
              html`<${Kept}
                key=${task.key}
                ...${{ task, acts, code, names }}
                last=${n === tasks.length - 1}
                current=${shown?.turn === task.key ? shown.source : null}
              />`,
          )}
        </div>
      </div>
      <div class="chat-foot">
        ${!atEnd && tasks.length > 0 && html`<${ToEnd} onPress=${() => toEnd(true)} />`}
        <${Composer}
          draft=${draft}
          running=${Boolean(active)}
          stopping=${active?.stopping}
          onAsk=${onGive}
          onStop=${() => stop(thread, active.key)}
          label=${t("agents.task")}
          placeholder=${t(tasks.length ? "agents.task_follow_up" : "agents.task_placeholder")}
        >
          ${id && known.length > 0 && html`<${AgentMenu} agents=${known} agent=${agent} />`}
        <//>
      </div>
    </div>
    ${
      shown &&
      html`<${Beside} turns=${tasks.map(turnOf)} shown=${shown} onShow=${setShown} onClose=${close} onStep=${toStep} />`
    }
  </div>`;
}

const ToEnd = ({ onPress }) =>
  html`<button
    type="button"
    class="icon-button to-end"
    aria-label=${t("chat.newest")}
    title=${t("chat.newest")}
    onClick=${onPress}
  >
    <${Icon} name="chevron-down" />
  </button>`;

/** The source that is looked at; what had the focus before gets it back. */
function useShown() {
  const [shown, setShown] = useState(null);
  const opener = useRef(null);
  const open = useCallback((task, source) => {
    opener.current = document.activeElement;
    setShown({ turn: task.key, source });
  }, []);
  const close = useCallback(() => setShown(null), []);
  const toStep = (number) => {
    opener.current = null; // the step gets the focus
    close();
    goToStep(shown.turn, number);
  };
  useEffect(() => {
    if (shown) return;
    if (opener.current?.isConnected) opener.current.focus();
    opener.current = null;
  }, [shown]);
  return { shown, setShown, open, close, toStep };
}

/** Who the next task is for: who was chosen, else who had the last one, else the first there is. */
function useAgent(known, tasks) {
  const wanted = useStore(chosen);
  const there = (name) => known.some((each) => each.graph_id === name);
  const last = tasks.at(-1)?.agent;
  return [wanted, last].find((name) => name && there(name)) ?? known[0]?.graph_id ?? last ?? "";
}

/** A task that is drawn anew only when something about it has changed. */
const Kept = ({ task, last, current, acts, code, names }) =>
  useMemo(() => html`<${Task} ...${{ task, last, current, acts, names }} />`, [task, last, current, code, names]);
