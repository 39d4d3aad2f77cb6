// The pictures of a document's pages, one at a time, in a frame whose room is kept while they are drawn.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { address, usePicture } from "./picture.js";

const ZOOMS = [1, 1.5, 2.25, 3];

/** Shows `page`, with the passage `chosen` lit where it stands on it. */
export function Pages({ document, page, onPage, chosen }) {
  const pages = document.pages;
  const lit = Boolean(chosen) && chosen.boxes.some((box) => box.page === page);
  const [drawn, setDrawn] = useState(false); // whether the server has to mark passages, since its pictures name no scale
  const wanted = address(document.id, page, lit && drawn ? chosen.id : null);
  const { picture, problem, again } = usePicture(wanted, page < pages ? address(document.id, page + 1) : null);
  const there = picture?.path === wanted;
  const places = lit && there && picture.scale ? placesOf(chosen, page, picture) : [];
  const [zoom, setZoom] = useState(0);
  const frame = useRef(null);
  const go = (to) => onPage(Math.min(Math.max(to, 1), pages));

  useEffect(() => {
    if (picture && !picture.scale) setDrawn(true);
  }, [picture]);
  useEffect(() => {
    const mark = frame.current.querySelector(".pages-mark");
    const top = mark ? mark.getBoundingClientRect().top - frame.current.getBoundingClientRect().top : 0;
    frame.current.scrollTop = mark ? frame.current.scrollTop + top - frame.current.clientHeight / 3 : 0;
  }, [page, chosen, there, zoom]);
  useShortcut("ArrowLeft", t("documents.shortcut_page_before"), () => go(page - 1));
  useShortcut("ArrowRight", t("documents.shortcut_page_after"), () => go(page + 1));

  return html`<section class="pages" aria-label=${t("documents.pages")}>
    <div class="pages-bar" role="toolbar" aria-label=${t("documents.pages")}>
      <button
        type="button"
        class="icon-button"
        aria-label=${t("documents.page_before")}
        title=${t("documents.page_before")}
        disabled=${page <= 1}
        onClick=${() => go(page - 1)}
      >
        <${Icon} name="chevron-left" />
      </button>
      <${Jump} page=${page} pages=${pages} onPage=${go} />
      <button
        type="button"
        class="icon-button"
        aria-label=${t("documents.page_after")}
        title=${t("documents.page_after")}
        disabled=${page >= pages}
        onClick=${() => go(page + 1)}
      >
        <${Icon} name="chevron-right" />
      </button>
      <span class="pages-space"></span>
      <button
        type="button"
        class="icon-button"
        aria-label=${t("documents.zoom_out")}
        title=${t("documents.zoom_out")}
        disabled=${zoom === 0}
        onClick=${() => setZoom(zoom - 1)}
      >
        <${Icon} name="zoom-out" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label=${t("documents.zoom_in")}
        title=${t("documents.zoom_in")}
        disabled=${zoom === ZOOMS.length - 1}
        onClick=${() => setZoom(zoom + 1)}
      >
        <${Icon} name="zoom-in" />
      </button>
    </div>
    <div ref=${frame} class=${zoom ? "pages-frame zoomed" : "pages-frame"} tabindex="0" role="group" aria-label=${t("documents.page_n", { n: page })}>
      ${problem && !there
        ? html`<div class="state" role="alert">
            <p>${problem.message}</p>
            <button type="button" class="button small" onClick=${again}>${t("action.retry")}</button>
          </div>`
        : html`${picture &&
            html`<div class=${there ? "pages-sheet" : "pages-sheet stale"} style=${zoom ? { width: `${ZOOMS[zoom] * 100}%` } : {}}>
              <img
                src=${picture.source}
                width=${picture.width}
                height=${picture.height}
                alt=${t(lit ? "documents.page_alt_lit" : "documents.page_alt", { n: page, title: document.title })}
              />
              ${places.map((place, n) => html`<span key=${n} class="pages-mark" aria-hidden="true" style=${place}></span>`)}
            </div>`}
            ${!there && html`<span class="pages-wait"><${Icon} name="loader-circle" size=${1.6} spin /></span>`}`}
    </div>
  </section>`;
}

/** Where the passage's boxes lie on the picture, as shares of it. */
function placesOf(passage, page, { width, height, scale }) {
  return passage.boxes
    .filter((box) => box.page === page)
    .map(({ x0, y0, x1, y1 }) => ({
      left: `${((x0 * scale) / width) * 100}%`,
      top: `${((y0 * scale) / height) * 100}%`,
      width: `${(((x1 - x0) * scale) / width) * 100}%`,
      height: `${(((y1 - y0) * scale) / height) * 100}%`,
    }));
}

function Jump({ page, pages, onPage }) {
  const [text, setText] = useState(String(page));
  useEffect(() => setText(String(page)), [page]);
  const jump = () => {
    const number = Number.parseInt(text, 10);
    if (number) onPage(number);
    else setText(String(page));
  };
  return html`<form
    class="pages-jump"
    onSubmit=${(event) => {
      event.preventDefault();
      jump();
    }}
  >
    <input
      inputmode="numeric"
      size="3"
      value=${text}
      aria-label=${t("documents.page_jump")}
      onInput=${(event) => setText(event.target.value)}
      onBlur=${jump}
    />
    <span class="muted">${t("documents.of_pages", { n: pages })}</span>
  </form>`;
}
