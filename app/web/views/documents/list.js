// The documents as rows of a table, on phones as cards: choosing some, and what can be done with them.
import { html, useCallback, useEffect, useRef, useState } from "../../lib/html.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Confirm } from "../../parts/dialog.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { Loading } from "../../parts/states.js";
import { remove } from "./deleting.js";
import { chosen, jobs, library, more, reload } from "./library.js";
import { Row } from "./row.js";
import { Window } from "./window.js";

const MANY = 20; // deleting more than this at once is asked for once more
const COLUMNS = ["title", "kind", "pages", "chunks", "size", "updated", "groups"];
const main = () => document.getElementById("main");
let place = 0; // where the reader was in the list before another view was opened

/** The list; `withCollection` says in each row which collection it belongs to. */
export function List({ withCollection }) {
  const { items, next, loading, loaded, problem } = useStore(library);
  const known = useStore(jobs);
  const picked = useStore(chosen);
  const [asking, setAsking] = useState(null);
  const anchor = useRef(null);
  const scroller = useCallback(main, []);

  useEffect(() => {
    main().scrollTop = place;
    const keep = () => (place = main().scrollTop);
    main().addEventListener("scroll", keep, { passive: true });
    return () => main()?.removeEventListener("scroll", keep);
  }, []);
  useShortcut("Escape", t("documents.shortcut_none"), () => chosen.set(new Set()));

  const toggle = (document, index, range) => {
    chosen.set((old) => {
      const now = new Set(old);
      const on = !now.has(document.id);
      const [from, to] = range && anchor.current !== null ? [anchor.current, index].sort((a, b) => a - b) : [index, index];
      for (const each of items.slice(from, to + 1)) now[on ? "add" : "delete"](each.id);
      return now;
    });
    anchor.current = index;
  };
  const toggleAll = () => chosen.set(picked.size ? new Set() : new Set(items.map((document) => document.id)));
  const wanted = () => items.filter((document) => picked.has(document.id));
  const removeChosen = () => (picked.size > MANY ? setAsking(wanted()) : remove(wanted()));

  if (!loaded && loading) return html`<${Skeleton} />`;
  return html`<div class="documents-table">
    ${picked.size > 0 &&
    html`<div class="documents-bulk" role="toolbar" aria-label=${t("documents.chosen", { n: picked.size })}>
      <strong>${t("documents.chosen", { n: picked.size })}</strong>
      <button type="button" class="button small" onClick=${() => chosen.set(new Set())}>${t("documents.choose_none")}</button>
      <button type="button" class="button small danger" onClick=${removeChosen}>
        <${Icon} name="trash" />${t("documents.delete")}
      </button>
    </div>`}
    <div role="table" aria-label=${t("nav.documents")} aria-rowcount=${next ? -1 : items.length + 1}>
      <div role="rowgroup" class="documents-headings">
        <div role="row" aria-rowindex="1" class="documents-row">
          <span role="columnheader" class="documents-check">
            <input
              type="checkbox"
              aria-label=${t("documents.choose_all")}
              checked=${picked.size > 0 && picked.size === items.length}
              ref=${(box) => box && (box.indeterminate = picked.size > 0 && picked.size < items.length)}
              onChange=${toggleAll}
            />
          </span>
          <span role="columnheader" class="documents-status"><span class="visually-hidden">${t("documents.status")}</span></span>
          ${COLUMNS.map((name) => html`<span key=${name} role="columnheader" class=${`documents-${name}`}>${t(`documents.${name}`)}</span>`)}
          <span role="columnheader" class="documents-menu"><span class="visually-hidden">${t("documents.actions")}</span></span>
        </div>
      </div>
      <${Window}
        class="documents-rows"
        role="rowgroup"
        items=${items}
        scroller=${scroller}
        onEnd=${more}
        row=${(document, index) =>
          html`<${Row}
            key=${document.id}
            document=${document}
            index=${index}
            job=${known.get(document.id)}
            chosen=${picked.has(document.id)}
            withCollection=${withCollection}
            onToggle=${toggle}
            onDelete=${() => remove([document])}
          />`}
      />
    </div>
    ${loading && html`<${Loading} />`}
    ${problem &&
    html`<p class="note bad documents-more" role="alert">
      ${problem.message}
      <button type="button" class="button small" onClick=${next ? more : reload}>${t("action.retry")}</button>
    </p>`}
    ${asking &&
    html`<${Confirm}
      title=${t("documents.delete_many", { n: asking.length })}
      text=${t("documents.delete_many_text")}
      action=${t("documents.delete")}
      onConfirm=${() => remove(asking)}
      onClose=${() => setAsking(null)}
    />`}
  </div>`;
}

const Skeleton = () =>
  html`<div class="documents-table" role="status" aria-label=${t("state.loading")}>
    ${Array.from({ length: 8 }, (_, n) => html`<div key=${n} class="documents-skeleton"><span></span><span></span></div>`)}
  </div>`;
