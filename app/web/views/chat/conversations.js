// The reader's conversations in the sidebar: found, renamed, deleted.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { match, navigate } from "../../lib/router.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { toast } from "../../parts/toasts.js";
import { byDay } from "./days.js";
import { conversations, more, refresh, remove, rename, seek } from "./list.js";

const TYPING_MS = 200;

/** `path` is where the reader is: the conversation shown is marked. */
export function Conversations({ path }) {
  const { items, next, query, loading, problem, leaving } = useStore(conversations);
  const current = match("/c/:id", path)?.id ?? null;
  const shown = items.filter((item) => !leaving.has(item.id));
  useEffect(() => {
    refresh();
  }, []);
  return html`<section class="conversations" aria-label=${t("conversations.label")}>
    <${Search} />
    <div class="conversations-list" aria-busy=${loading}>
      ${byDay(shown).map(
        ({ label, items: group }) =>
          html`<div key=${label} class="conversations-day">
            <h2>${label}</h2>
            <ul>
              ${group.map((item) => html`<${Entry} key=${item.id} item=${item} current=${item.id === current} />`)}
            </ul>
          </div>`,
      )}
      ${
        next &&
        html`<button type="button" class="button quiet small" disabled=${loading} onClick=${more}>
          ${t("conversations.more")}
        </button>`
      }
      ${
        !shown.length &&
        !loading &&
        !problem &&
        html`<p class="conversations-none muted small">
          ${t(query ? "conversations.not_found" : "conversations.none")}
        </p>`
      }
      ${
        problem &&
        html`<p class="conversations-none small" role="alert">
          ${problem.message}
          <button type="button" class="button small" onClick=${refresh}>${t("action.retry")}</button>
        </p>`
      }
    </div>
  </section>`;
}

function Search() {
  const field = useRef(null);
  const timer = useRef(0);
  useShortcut("Mod+k", t("shortcut.conversations"), () => {
    const menu = document.querySelector(".top-bar [aria-controls=sidebar][aria-expanded=false]");
    if (menu?.offsetParent) menu.click(); // on a narrow screen the sidebar is folded away
    requestAnimationFrame(() => field.current?.select());
  });
  const onInput = (event) => {
    const { value } = event.target;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => seek(value.trim()), TYPING_MS);
  };
  return html`<div class="conversations-search" role="search">
    <${Icon} name="search" />
    <input
      ref=${field}
      class="input"
      type="search"
      maxlength="200"
      aria-label=${t("conversations.search")}
      placeholder=${t("conversations.search")}
      onInput=${onInput}
      onKeyDown=${(event) => {
        if (event.key !== "Escape" || !event.target.value) return;
        event.stopPropagation();
        event.target.value = "";
        seek("");
      }}
    />
  </div>`;
}

function Entry({ item, current }) {
  const [renaming, setRenaming] = useState(false);
  const link = useRef(null);
  const onEnd = (byKey) => {
    setRenaming(false);
    if (byKey) requestAnimationFrame(() => link.current?.focus());
  };
  if (renaming) return html`<li><${Renaming} item=${item} onEnd=${onEnd} /></li>`;
  const title = item.title || t("conversations.untitled");
  return html`<li class="conversation">
    <a ref=${link} href=${`/c/${item.id}`} title=${title} aria-current=${current ? "page" : undefined}>${title}</a>
    <span class="conversation-tools">
      <button
        type="button"
        class="icon-button small"
        aria-label=${t("conversations.rename", { title })}
        title=${t("action.rename")}
        onClick=${() => setRenaming(true)}
      >
        <${Icon} name="pencil" />
      </button>
      <button
        type="button"
        class="icon-button small"
        aria-label=${t("conversations.delete", { title })}
        title=${t("action.delete")}
        onClick=${() => {
          remove(item);
          if (current) navigate("/");
        }}
      >
        <${Icon} name="trash" />
      </button>
    </span>
  </li>`;
}

/**
 * A field in the place of the title: Enter keeps what it says, Escape leaves it as it was. `onEnd(byKey)` is called when
 * the field is no longer wanted; `save(id, title)` gives what it is called now.
 */
export function Renaming({ item, onEnd, onRenamed, save = rename }) {
  const field = useRef(null);
  const byKey = useRef(false);
  useEffect(() => field.current.select(), []);
  const keep = async () => {
    const title = field.current.value.trim();
    onEnd(byKey.current);
    if (!title || title === item.title) return;
    try {
      const renamed = await save(item.id, title);
      onRenamed?.(renamed);
    } catch (problem) {
      toast(problem.message, { kind: "bad" });
    }
  };
  return html`<input
    ref=${field}
    class="input conversation-title"
    aria-label=${t("conversations.title")}
    maxlength="200"
    defaultValue=${item.title}
    onBlur=${keep}
    onKeyDown=${(event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.stopPropagation();
      if (event.key === "Escape") field.current.value = item.title;
      byKey.current = true;
      field.current.blur();
    }}
  />`;
}
