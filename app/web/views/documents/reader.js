// A document's pages beside the passages it was cut into: choosing a passage lights it on its page.
import { html, useEffect, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { createStore, useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { Failed, Loading } from "../../parts/states.js";
import { isDrawable } from "./kinds.js";
import { Pages } from "./pages.js";
import { Passages } from "./passages.js";

const PART = 100;

/** The passages of a document as far as they were loaded, from the one that the address names or from the first. */
function usePassages(id, around) {
  const [store] = useState(() => createStore({ items: [], next: null, loading: false, problem: null, whole: !around }));
  const state = useStore(store);
  const load = async (parameters) => {
    store.set((old) => ({ ...old, loading: true, problem: null }));
    try {
      const part = await api(url(`/v1/documents/${id}/chunks`, { limit: PART, ...parameters }));
      store.set((old) => ({
        ...old,
        items: parameters.cursor ? [...old.items, ...part.items] : part.items,
        next: part.next_cursor,
        loading: false,
        whole: old.whole || part.items[0]?.ordinal === 0,
      }));
    } catch (problem) {
      store.set((old) => ({ ...old, loading: false, problem }));
    }
  };
  const begin = () => {
    store.set((old) => ({ ...old, whole: true }));
    return load({});
  };
  useEffect(() => void load(around ? { around } : {}), []);
  return { ...state, begin, more: () => !state.loading && state.next && load({ cursor: state.next }) };
}

/** `chunk` and `page` are where to begin. */
export function Reader({ document, chunk, page: first }) {
  const passages = usePassages(document.id, chunk);
  const [chosen, setChosen] = useState(null);
  const [page, setPage] = useState(first ?? 1);
  const drawable = isDrawable(document);

  const choose = (passage) => {
    setChosen(passage);
    const where = passage?.boxes[0]?.page ?? passage?.page;
    if (where) setPage(where);
  };
  useEffect(() => {
    const named = chunk && !chosen && passages.items.find((passage) => passage.id === chunk);
    if (named) choose(named);
  }, [chunk, passages.items]);

  const step = (by) => {
    const { items } = passages;
    const at = items.indexOf(chosen);
    const next = items[at < 0 ? 0 : Math.min(Math.max(at + by, 0), items.length - 1)];
    if (!next) return;
    choose(next);
    globalThis.document.getElementById(`passage-${next.id}`)?.scrollIntoView({ block: "nearest" });
  };
  useShortcut("j", t("documents.shortcut_next"), () => step(1));
  useShortcut("k", t("documents.shortcut_previous"), () => step(-1));

  return html`<div class=${drawable ? "document-reader" : "document-reader pageless"}>
    ${drawable && html`<${Pages} document=${document} page=${page} onPage=${setPage} chosen=${chosen} />`}
    <section class="document-passages" aria-label=${t("documents.passages")}>
      <header class="document-passages-head">
        <h2>${t("documents.passages")}</h2>
        ${!passages.whole &&
        html`<button type="button" class="button small" onClick=${passages.begin}>${t("documents.from_beginning")}</button>`}
      </header>
      <p class="muted small">${t(drawable ? "documents.passages_text" : "documents.passages_text_pageless")}</p>
      ${passages.problem && !passages.items.length
        ? html`<${Failed} problem=${passages.problem} onRetry=${passages.begin} />`
        : html`<${Passages} passages=${passages} chosen=${chosen} onChoose=${choose} />`}
      ${passages.loading && html`<${Loading} />`}
    </section>
  </div>`;
}
