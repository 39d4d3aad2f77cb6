// The files being added: how far each is, why one failed, and what can be done about it.
import { html, useCallback, useRef, useState } from "../../lib/html.js";
import { bytes, number } from "../../lib/format.js";
import { reasonOf } from "../../lib/reasons.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { cancel, clear, isBusy, queue, retry, shareOf, summary } from "./queue.js";
import { Window } from "./window.js";

const FEW = 5; // more than these are not listed once they are finished, while others are on their way

const ICONS = {
  waiting: "clock",
  sending: "upload",
  paused: "pause",
  reading: "book-open",
  done: "circle-check",
  unchanged: "circle-check",
  failed: "triangle-alert",
  cancelled: "circle-x",
};

/** The panel; nothing before the first file. */
export function UploadPanel() {
  const items = useStore(queue);
  const [only, setOnly] = useState(null); // "all", "failed", or what suits
  const box = useRef(null);
  const scroller = useCallback(() => box.current, []);
  if (!items.length) return null;
  const sum = summary(items);
  const mode = only ?? (sum.busy && items.length > FEW ? "open" : "all");
  const shown = items.filter(
    (item) => mode === "all" || item.state === "failed" || (mode === "open" && isBusy(item)),
  );
  const hides = shown.length < items.length;
  return html`<section class="uploads card" aria-label=${t("uploads.label")}>
    <header class="uploads-head">
      <h2>${headline(sum)}</h2>
      <span class="uploads-actions">
        ${sum.failed > 0 &&
        shown.length > sum.failed &&
        html`<button type="button" class="button small quiet" onClick=${() => setOnly("failed")}>
          ${t("uploads.show_failed", { n: sum.failed })}
        </button>`}
        ${hides &&
        html`<button type="button" class="button small quiet" onClick=${() => setOnly("all")}>${t("uploads.show_all")}</button>`}
        ${sum.failed > 1 &&
        html`<button
          type="button"
          class="button small"
          onClick=${() => items.filter((item) => item.state === "failed").forEach(retry)}
        >
          <${Icon} name="rotate-ccw" />${t("uploads.retry_all")}
        </button>`}
        ${sum.busy > 1 &&
        html`<button type="button" class="button small" onClick=${() => [...items].reverse().forEach(cancel)}>
          ${t("uploads.cancel_all")}
        </button>`}
        ${sum.busy < items.length &&
        html`<button type="button" class="button small quiet" onClick=${clear}>${t("uploads.clear")}</button>`}
      </span>
    </header>
    <div
      class="progress"
      role="progressbar"
      aria-label=${t("uploads.progress")}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${Math.floor(sum.share * 100)}
    >
      <div style=${{ width: `${sum.share * 100}%` }}></div>
    </div>
    <div ref=${box} class="uploads-box" tabindex=${shown.length > 5 ? 0 : undefined} role="group" aria-label=${t("uploads.files")}>
      <${Window}
        class="uploads-list"
        role="list"
        items=${shown}
        scroller=${scroller}
        row=${(item) => html`<${Item} key=${item.key} item=${item} state=${stateOf(item)} />`}
      />
    </div>
  </section>`;
}

function headline({ total, done, failed, busy, paused }) {
  if (paused && paused === busy) return t("uploads.head_paused", { n: paused });
  if (busy) return t("uploads.head", { n: total, done: number(total - busy) });
  if (failed) return t("uploads.ended_some", { n: failed, done });
  return t("uploads.ended", { n: done });
}

/** What an item's line says. */
function stateOf({ state, problem, job, sent, file }) {
  if (state === "sending") return t("uploads.sending", { sent: bytes(sent), size: bytes(file.size) });
  if (state === "reading") return job && job.status === "running" ? t(`jobs.stage_${job.stage}`) : t("uploads.queued");
  if (state === "paused" || state === "failed") return reasonOf(problem ?? {}) ?? t("uploads.failed");
  return t(`uploads.${state}`);
}

function Item({ item, state }) {
  const name = item.path;
  const share = shareOf(item);
  return html`<div role="listitem" class=${`uploads-item ${item.state}`}>
    <${Icon} name=${ICONS[item.state]} />
    <div class="uploads-what">
      <span class="uploads-name" title=${name}>
        ${item.documentId && item.state !== "cancelled"
          ? html`<a class="documents-cut" href=${`/documents/${item.documentId}`}>${name}</a>`
          : html`<span class="documents-cut">${name}</span>`}
      </span>
      <span class="uploads-state documents-cut" title=${state}>${state}</span>
    </div>
    ${isBusy(item) &&
    html`<div class="progress" aria-hidden="true"><div style=${{ width: `${share * 100}%` }}></div></div>`}
    ${item.state === "failed" || item.state === "cancelled"
      ? html`<button type="button" class="button small" onClick=${() => retry(item)}>
          <${Icon} name="rotate-ccw" /><span>${t("action.retry")}</span>
          <span class="visually-hidden">${name}</span>
        </button>`
      : isBusy(item) &&
        html`<button
          type="button"
          class="icon-button small"
          title=${t("action.cancel")}
          aria-label=${t("uploads.cancel", { name })}
          onClick=${() => cancel(item)}
        >
          <${Icon} name="x" />
        </button>`}
  </div>`;
}
