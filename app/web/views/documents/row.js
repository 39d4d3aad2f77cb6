// One document in the list.
import { html } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { ago, bytes, dateTime, number } from "../../lib/format.js";
import { reasonOf } from "../../lib/reasons.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { toast } from "../../parts/toasts.js";
import { unfinished } from "./jobs.js";
import { kindOf } from "./kinds.js";
import { note } from "./library.js";

/** Reads a document again whose reading failed or was cancelled. */
export async function readAgain(job) {
  try {
    note(await api(`/v1/jobs/${job.id}/retry`, { method: "POST" }));
  } catch (problem) {
    toast(problem.message, { kind: "bad" });
  }
}

const broken = (job) => job && (job.status === "failed" || job.status === "cancelled");

/** How a document stands: `{kind, icon, text}`; `text` is empty where all is well. */
export function standing(document, job) {
  if (job && unfinished(job)) {
    const text = job.status === "running" ? t(`jobs.stage_${job.stage}`) : t("uploads.queued");
    return { kind: "busy", icon: "loader-circle", text };
  }
  if (job?.status === "failed") return { kind: "bad", icon: "triangle-alert", text: reasonOf(job.error ?? {}) ?? t("uploads.failed") };
  if (job?.status === "cancelled") return { kind: "warn", icon: "circle-x", text: t("uploads.cancelled") };
  if (!document.version_id) return { kind: "warn", icon: "clock", text: t("documents.not_yet") };
  return { kind: "good", icon: "file-text", text: "" };
}

const label = { busy: "documents.busy", bad: "documents.failed", warn: "documents.not_yet", good: "documents.ready" };

export function Row({ document, index, job, chosen, withCollection, onToggle, onDelete }) {
  const live = Boolean(document.version_id);
  const where = `/documents/${document.id}`;
  const second = [withCollection && document.collection, document.external_id !== document.title && document.external_id];
  const state = standing(document, job);
  const said = state.text || second.filter(Boolean).join(" · ");
  return html`<div
    role="row"
    aria-rowindex=${index + 2}
    aria-selected=${chosen}
    class=${`documents-row${chosen ? " chosen" : ""}${live ? "" : " unread"}`}
  >
    <span role="cell" class="documents-check">
      <input
        type="checkbox"
        aria-label=${t("documents.choose_one", { title: document.title })}
        checked=${chosen}
        onClick=${(event) => onToggle(document, index, event.shiftKey)}
      />
    </span>
    <span role="cell" class=${`documents-status ${state.kind}`} title=${t(label[state.kind])}>
      <${Icon} name=${state.icon} spin=${state.kind === "busy"} />
      <span class="visually-hidden">${t(label[state.kind])}</span>
    </span>
    <span role="cell" class="documents-title">
      <a class="documents-cut" href=${where} title=${document.title}>${document.title}</a>
      <span class=${`documents-second documents-cut ${state.text ? state.kind : ""}`} title=${said}>${said}</span>
    </span>
    <span role="cell" class="documents-kind">${kindOf(document)}</span>
    <span role="cell" class="documents-pages">${document.pages ? number(document.pages) : ""}</span>
    <span role="cell" class="documents-chunks">${live ? number(document.chunks) : ""}</span>
    <span role="cell" class="documents-size">${live ? bytes(document.size) : ""}</span>
    <span role="cell" class="documents-updated" title=${dateTime(document.updated_at)}>${ago(document.updated_at)}</span>
    <span role="cell" class="documents-groups" title=${document.groups.join(", ")}>
      <span class="documents-cut">${document.groups.join(", ")}</span>
    </span>
    <span role="cell" class="documents-menu">
      <${Menu}
        label=${t("documents.actions_for", { title: document.title })}
        items=${[
          { label: t("documents.open"), icon: "eye", run: () => navigate(where) },
          live && { label: t("documents.download"), icon: "download", run: () => location.assign(`/v1${where}/content`) },
          broken(job) && { label: t("documents.read_again"), icon: "rotate-ccw", run: () => readAgain(job) },
          { label: t("documents.delete"), icon: "trash", danger: true, run: onDelete },
        ]}
      />
    </span>
  </div>`;
}
