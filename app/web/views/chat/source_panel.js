// The source of a footnote beside the answer: the page with its passages lit, or the passage among its neighbours.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { Failed, Loading } from "../../parts/states.js";
import { PagePicture } from "./page_picture.js";
import { PassageBody } from "./passage_body.js";
import { PassageContext, Stored } from "./passage_context.js";
import { placeOf } from "./place.js";

const ZOOMS = [1, 1.25, 1.5, 2, 3];
const NARROW = matchMedia("(max-width: 860px)");

/**
 * `list` are the sources that the reader goes through, `at` the position of the one shown; `quotes` the statements that
 * cite it; `numbered` says that the positions are footnotes; `onStep(number)` goes to the step that a source is.
 */
export function SourcePanel({ list, at, quotes, numbered, onGo, onClose, onStep }) {
  const source = list[at];
  const heading = useRef(null);
  const go = (step) => list[at + step] && onGo(list[at + step].id);
  useShortcut("n", t("shortcut.next_passage"), () => go(1));
  useShortcut("p", t("shortcut.previous_passage"), () => go(-1));
  useShortcut("Escape", t("shortcut.close_source"), onClose);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return html`<${Sheet} label=${t("source.label")} onClose=${onClose}>
    <header class="source-head">
      <h2 ref=${heading} tabindex="-1">
        ${t(numbered ? "source.footnote" : "source.nearest", { n: at + 1, of: list.length })}
      </h2>
      <div class="source-tools">
        <${Tool} icon="chevron-left" label=${t("source.previous")} disabled=${at === 0} onPress=${() => go(-1)} />
        <${Tool}
          icon="chevron-right"
          label=${t("source.next")}
          disabled=${at === list.length - 1}
          onPress=${() => go(1)}
        />
        <${Tool} icon="x" label=${t("source.close")} onPress=${onClose} />
      </div>
    </header>
    <${Inside} ...${{ source, list, quotes, onStep }} />
  <//>`;
}

function Inside({ source, list, quotes, onStep }) {
  if (source.withheld) return html`<p class="note warn">${t("source.withheld")}</p>`;
  if (source.step) return html`<${OfStep} source=${source} quotes=${quotes} onStep=${onStep} />`;
  return html`<${Shown} key=${source.document_id} source=${source} list=${list} quotes=${quotes} />`;
}

/** What a step of an agent brought that was no passage. */
const OfStep = ({ source, quotes, onStep }) =>
  html`<div class="source-about">
      <p class="source-title">${source.title}</p>
      <button type="button" class="link-button" onClick=${() => onStep(source.step)}>${placeOf(source)}</button>
    </div>
    <div class="source-passages" tabindex="0" role="region" aria-label=${t("source.brought")}>
      <section class="source-passage lit"><${PassageBody} text=${source.text} quotes=${quotes} /></section>
    </div>`;

/** Beside the conversation; on narrow screens over it. */
function Sheet({ label, onClose, children }) {
  const [narrow, setNarrow] = useState(NARROW.matches);
  const dialog = useRef(null);
  useEffect(() => {
    const look = () => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", look);
    return () => NARROW.removeEventListener("change", look);
  }, []);
  useLayoutEffect(() => {
    if (narrow) dialog.current.showModal();
  }, [narrow]);
  if (!narrow) return html`<aside class="source-panel" aria-label=${label}>${children}</aside>`;
  const onCancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${dialog} class="source-panel over" aria-label=${label} onCancel=${onCancel}>
    ${children}
  </dialog>`;
}

const Tool = ({ icon, label, disabled, onPress }) =>
  html`<button
    type="button"
    class="icon-button"
    aria-label=${label}
    title=${label}
    disabled=${disabled}
    onClick=${onPress}
  >
    <${Icon} name=${icon} />
  </button>`;

function Shown({ source, list, quotes }) {
  const path = `/v1/documents/${encodeURIComponent(source.document_id)}`;
  const { value: document, problem, again } = useLoaded((signal) => api(path, { signal }), [path]);
  const [page, setPage] = useState(source.page);
  const [zoom, setZoom] = useState(0);
  const [missing, setMissing] = useState(false);
  useLayoutEffect(() => {
    setPage(firstPage(source));
    setMissing(false);
  }, [source.id]);
  const changed = document && document.version_id !== source.version_id;
  const pictured = source.boxes.length > 0 && page !== null && !missing && !changed;
  const lit = list.filter(
    (item) => item.version_id === source.version_id && !item.withheld && item.boxes.some((box) => box.page === page),
  );
  const link = url(
    `/documents/${encodeURIComponent(source.document_id)}`,
    changed ? {} : { chunk: source.chunk_id, page },
  );
  const words = () => {
    if (changed || problem?.status === 404) return html`<${Stored} source=${source} quotes=${quotes} />`;
    if (problem) return html`<${Failed} problem=${problem} onRetry=${again} />`;
    if (!document) return html`<${Loading} />`;
    if (!pictured) return html`<${PassageContext} key=${source.chunk_id} source=${source} quotes=${quotes} />`;
    return html`<${PagePicture}
      document=${source.document_id}
      page=${page}
      lit=${lit}
      current=${source}
      zoom=${ZOOMS[zoom]}
      onMissing=${() => setMissing(true)}
    />`;
  };
  return html`<div class="source-about">
      <p class="source-title"><a href=${link}>${source.title}</a></p>
      <p class="muted small">${placeOf(source)}</p>
    </div>
    <div class="source-tools source-bar">
      ${
        pictured &&
        html`<${Pages} page=${page} pages=${document?.pages} onTurn=${setPage} />
          <${Tool}
            icon="zoom-out"
            label=${t("source.zoom_out")}
            disabled=${zoom === 0}
            onPress=${() => setZoom(zoom - 1)}
          />
          <${Tool}
            icon="zoom-in"
            label=${t("source.zoom_in")}
            disabled=${zoom === ZOOMS.length - 1}
            onPress=${() => setZoom(zoom + 1)}
          />`
      }
      <a class="button small source-original" href=${`${path}/content`} download>
        <${Icon} name="download" />${t("source.original")}
      </a>
    </div>
    ${words()}`;
}

const firstPage = ({ boxes, page }) => (boxes.length ? Math.min(...boxes.map((box) => box.page)) : page);

const Pages = ({ page, pages, onTurn }) =>
  html`<div class="source-pages">
    <${Tool}
      icon="chevron-up"
      label=${t("source.page_before")}
      disabled=${page <= 1}
      onPress=${() => onTurn(page - 1)}
    />
    <span class="small">${pages ? t("source.page_of", { n: page, of: pages }) : t("source.page", { n: page })}</span>
    <${Tool}
      icon="chevron-down"
      label=${t("source.page_after")}
      disabled=${!pages || page >= pages}
      onPress=${() => onTurn(page + 1)}
    />
  </div>`;
