// What is being done with a document, or why it failed.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { unfinished } from "./jobs.js";

/** `onJob` gets the job as it is after it was cancelled or begun again. */
export function JobNote({ document, job, onJob }) {
  const [problem, setProblem] = useState(null);
  if (!job || job.status === "succeeded") return null;
  const act = async (what) => {
    setProblem(null);
    try {
      onJob(await api(`/v1/jobs/${job.id}/${what}`, { method: "POST" }));
    } catch (error) {
      setProblem(error);
    }
  };
  const busy = unfinished(job);
  const before = document.version_id && t("documents.still_before");
  return html`<div class=${`note document-job ${busy ? "" : "bad"}`} role="status">
    <${Icon} name=${busy ? "loader-circle" : "triangle-alert"} spin=${busy} />
    <div>
      <p>
        <strong>
          ${busy
            ? job.status === "running"
              ? t(`jobs.stage_${job.stage}`)
              : t("uploads.queued")
            : t(job.status === "failed" ? "documents.failed_title" : "documents.cancelled_title")}
        </strong>
      </p>
      ${!busy && job.error && html`<p>${reasonOf(job.error)}</p>`}
      ${before && html`<p>${before}</p>`}
      ${problem && html`<p role="alert">${problem.message}</p>`}
      ${busy &&
      html`<div
        class="progress"
        role="progressbar"
        aria-label=${t("documents.reading_progress")}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${Math.floor(job.progress * 100)}
      >
        <div style=${{ width: `${job.progress * 100}%` }}></div>
      </div>`}
    </div>
    ${busy
      ? html`<button type="button" class="button small" disabled=${job.cancel_requested} onClick=${() => act("cancel")}>
          ${t("action.cancel")}
        </button>`
      : html`<button type="button" class="button small" onClick=${() => act("retry")}>
          <${Icon} name="rotate-ccw" />${t("action.retry")}
        </button>`}
  </div>`;
}
