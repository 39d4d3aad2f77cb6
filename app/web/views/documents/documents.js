// The documents: adding files, watching them being read, finding and deleting what is there.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { api, session, url } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { Failed } from "../../parts/states.js";
import { Batch } from "./batch.js";
import { CollectionDialog } from "./collection.js";
import { DropTarget } from "./drop.js";
import { NoDocuments, NothingFound } from "./empty.js";
import { picked, sorted } from "./files.js";
import { Interrupted } from "./interrupted.js";
import { library, refresh, reload, seek } from "./library.js";
import { List } from "./list.js";
import { Pickers } from "./pickers.js";
import { add, changed } from "./queue.js";
import { UploadPanel } from "./upload_panel.js";

const WAIT = 200; // milliseconds after the last key before the list is asked for
const COUNTS_AFTER = 1500; // milliseconds after a change before the collections are counted anew

/** The view at /documents; `query` is the address's. */
export default function Documents({ query }) {
  const q = query.get("q") ?? "";
  const collection = query.get("collection") ?? "";
  const collections = useLoaded((signal) => api("/v1/collections", { signal }), []);
  const [choice, setChoice] = useState(null); // files that were chosen and wait for being added
  const state = useStore(library);
  const largest = useStore(session, (who) => who?.limits?.upload_bytes ?? Infinity);
  const pickers = useRef(null);

  useEffect(() => void seek(q, collection), [q, collection]);
  useEffect(() => {
    let timer = null; // much may change at once
    const stop = changed.watch(({ documentId }) => {
      refresh(documentId);
      timer ??= setTimeout(() => {
        timer = null;
        collections.again();
      }, COUNTS_AFTER);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [collections.again]);
  useShortcut("u", t("documents.shortcut_add"), () => pickers.current?.files());

  const choose = (all) => {
    if (all.length) setChoice(sorted(all, largest));
  };
  const go = (next) => navigate(url("/documents", { q, collection, ...next }), { replace: true });
  const known = collections.value?.items ?? [];
  const bare = state.loaded && !state.items.length && !state.next;

  return html`<div class="view documents">
    <header class="view-head">
      <h1>${t("nav.documents")}</h1>
      <${Pickers} hands=${pickers} onFiles=${(list) => choose(picked(list))} />
    </header>
    <${Interrupted} />
    <${UploadPanel} />
    ${!(bare && !q && !collection) &&
    html`<${Finder} q=${q} collection=${collection} collections=${known} onChange=${go} onSaved=${collections.again} />`}
    ${state.problem && !state.items.length
      ? html`<${Failed} problem=${state.problem} onRetry=${reload} />`
      : bare
        ? q || collection
          ? html`<${NothingFound} onClear=${() => go({ q: "", collection: "" })} />`
          : html`<${NoDocuments} largest=${largest} onChoose=${() => pickers.current.files()} />`
        : html`<${List} withCollection=${known.length > 1 && !collection} />`}
    <${DropTarget} onDrop=${choose} />
    ${choice &&
    html`<${Batch}
      choice=${choice}
      largest=${largest}
      collections=${known}
      collection=${collection}
      onClose=${() => setChoice(null)}
      onAdd=${(batch) => {
        add(choice.files, batch);
        setChoice(null);
        collections.again();
      }}
    />`}
  </div>`;
}

/** The search field and the choice of a collection. */
function Finder({ q, collection, collections, onChange, onSaved }) {
  const admin = useStore(session, (who) => who?.principal?.admin ?? false);
  const [settings, setSettings] = useState(false);
  const [text, setText] = useState(q);
  const timer = useRef(null);
  const field = useRef(null);
  useEffect(() => setText(q), [q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useShortcut("/", t("documents.shortcut_find"), () => field.current?.focus());
  const type = (value) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange({ q: value.trim() }), WAIT);
  };
  return html`<div class="documents-finder" role="search" aria-label=${t("documents.find")}>
    <label class="documents-search">
      <${Icon} name="search" />
      <input
        ref=${field}
        class="input"
        type="search"
        value=${text}
        placeholder=${t("documents.find")}
        aria-label=${t("documents.find")}
        maxlength="200"
        onInput=${(event) => type(event.target.value)}
      />
    </label>
    ${collections.length > 1 &&
    html`<select
      class="input documents-collection"
      aria-label=${t("documents.collection")}
      value=${collection}
      onChange=${(event) => onChange({ collection: event.target.value })}
    >
      <option value="">${t("documents.all_collections")}</option>
      ${collections.map(
        ({ name, documents }) =>
          html`<option key=${name} value=${name}>${t("documents.collection_count", { name, n: documents })}</option>`,
      )}
    </select>`}
    ${admin &&
    collections.length > 0 &&
    html`<button
      type="button"
      class="icon-button"
      aria-label=${t("documents.collection_settings")}
      title=${t("documents.collection_settings")}
      onClick=${() => setSettings(true)}
    >
      <${Icon} name="settings-2" />
    </button>`}
    ${settings &&
    html`<${CollectionDialog} ...${{ collections, collection, onSaved }} onClose=${() => setSettings(false)} />`}
  </div>`;
}
