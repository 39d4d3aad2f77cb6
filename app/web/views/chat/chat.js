// The conversation: its turns, the composer, and the source that is being looked at.
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { useStore } from "../../lib/store.js";
import { useTitle } from "../../lib/title.js";
import { language, t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { Failed, Loading } from "../../parts/states.js";
import { Beside } from "./beside.js";
import { Composer } from "./composer.js";
import { ChatHead } from "./head.js";
import { requestOf, scope } from "./scope.js";
import { useScroller } from "./scroller.js";
import { ask, load, newThread, setTurn, stop, threadOf } from "./threads.js";
import { Turn } from "./turn.js";
import { abstained, shownOf } from "./turns.js";
import { Welcome } from "./welcome.js";

export default function Chat({ id, query }) {
  // Going to "/" begins anew, also from there: each time it is gone to it has a query of its own.
  const thread = useMemo(() => (id ? threadOf(id) : newThread()), [id, id ? null : query]);
  return html`<${Thread} key=${keyOf(thread)} thread=${thread} />`;
}

// The new conversation keeps its place when it gets its address.
const keys = new WeakMap();
let count = 0;
const keyOf = (thread) => keys.get(thread) ?? keys.set(thread, ++count).get(thread);

function Thread({ thread }) {
  const { id, title, turns, problem, loading } = useStore(thread);
  const { code } = useStore(language);
  const [shown, setShown] = useState(null);
  const [draft, setDraft] = useState({ text: "", at: 0 });
  const here = useRef(true);
  const opener = useRef(null);
  // The end of a list of passages is not what its reader waits for.
  const { area, content, atEnd, toEnd } = useScroller(loading, turns.length > 0 && abstained(turns.at(-1)));
  useEffect(() => () => (here.current = false), []);
  useTitle(title);

  const onAsk = useCallback((question, more = {}) => {
    ask(thread, question, { ...requestOf(scope.get()), ...more }, (begun) => {
      if (here.current && location.pathname === "/") navigate(`/c/${begun}`, { replace: true });
    });
    requestAnimationFrame(() => toEnd());
  }, []);
  const acts = useMemo(
    () => ({
      open: (turn, source) => {
        opener.current = document.activeElement;
        setShown({ turn: turn.key, source });
      },
      // Who asks again does not want the same again; a finished answer is told as the one to be replaced.
      again: (turn) =>
        onAsk(turn.question, { cache: false, ...(turn.status === "done" && { regenerates: turn.id }) }),
      edit: (turn) => setDraft((old) => ({ text: turn.question, at: old.at + 1 })),
      said: (turn, feedback) => setTurn(thread, turn.key, (old) => ({ ...old, feedback })),
    }),
    [],
  );
  const close = useCallback(() => setShown(null), []);
  useEffect(() => {
    if (shown) return;
    if (opener.current?.isConnected) opener.current.focus(); // once the panel is gone: a dialog keeps the focus
    opener.current = null;
  }, [shown]);
  const onRenamed = (made) => thread.set((old) => ({ ...old, title: made.title }));
  useShortcut("/", t("shortcut.composer"), () => document.querySelector(".composer-field")?.focus());

  const visible = shownOf(turns);
  const running = turns.findLast((turn) => turn.status === "running");
  return html`<div class=${shown ? "chat with-source" : "chat"}>
    <div class="chat-column">
      ${id && html`<${ChatHead} id=${id} title=${title} onRenamed=${onRenamed} />`}
      <div ref=${area} class="chat-area" tabindex="-1">
        <div ref=${content} class="chat-content">
          ${problem && html`<${Failed} problem=${problem} onRetry=${() => load(thread)} />`}
          ${loading && html`<${Loading} />`} ${!id && !turns.length && html`<${Welcome} onAsk=${onAsk} />`}
          ${visible.map(
            (turn, n) =>
              html`<${Kept}
                key=${turn.key}
                turn=${turn}
                last=${n === visible.length - 1}
                current=${shown?.turn === turn.key ? shown.source : null}
                acts=${acts}
                code=${code}
              />`,
          )}
        </div>
      </div>
      <div class="chat-foot">
        ${
          !atEnd &&
          html`<button
            type="button"
            class="icon-button to-end"
            aria-label=${t("chat.newest")}
            title=${t("chat.newest")}
            onClick=${() => toEnd(true)}
          >
            <${Icon} name="chevron-down" />
          </button>`
        }
        <${Composer}
          draft=${draft}
          running=${Boolean(running)}
          stopping=${running?.stopping}
          onAsk=${onAsk}
          onStop=${() => stop(thread, running.key)}
        />
      </div>
    </div>
    ${shown && html`<${Beside} turns=${turns} shown=${shown} onShow=${setShown} onClose=${close} />`}
  </div>`;
}

/** A turn that is drawn anew only when something about it has changed: the others stay while one is written. */
const Kept = ({ turn, last, current, acts, code }) =>
  useMemo(() => html`<${Turn} ...${{ turn, last, current, acts }} />`, [turn, last, current, code]);
