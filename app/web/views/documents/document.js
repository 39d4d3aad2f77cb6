// One document: what it is, who may read it, its versions, its pages, and the passages it was cut into.
import { html, useEffect, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { bytes, number } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Failed, Loading } from "../../parts/states.js";
import { remove } from "./deleting.js";
import { Edit } from "./edit.js";
import { Facts } from "./facts.js";
import { JobNote } from "./job_note.js";
import { follow, unfinished } from "./jobs.js";
import { kindOf } from "./kinds.js";
import { put } from "./library.js";
import { changed } from "./queue.js";
import { Reader } from "./reader.js";
import { NewVersion } from "./new_version.js";
import { Versions } from "./versions.js";

/** The view at /documents/:id; the address may name a passage, `?chunk=`, or a page, `?page=`. */
export default function DocumentView({ id, query }) {
  const found = useLoaded((signal) => api(`/v1/documents/${id}`, { signal }), [id]);
  const newest = useLoaded((signal) => newestJob(id, signal), [id]);
  const [editing, setEditing] = useState(false);
  const document_ = found.value?.id === id ? found.value : null;
  const job = newest.value;

  useTitle(document_?.title ?? t("nav.documents"));
  useEffect(() => {
    if (!job || !unfinished(job)) return undefined;
    return follow(job.id, (now) => {
      newest.set(now);
      if (!now || !unfinished(now)) found.again();
    });
  }, [job?.id, job?.status]);
  useEffect(
    () =>
      changed.watch(({ documentId }) => {
        if (documentId === id) newest.again();
      }),
    [newest.again],
  );

  if (!document_) {
    const gone = found.problem?.status === 404;
    return html`<div class="view documents">
      <${Back} />
      ${found.problem
        ? html`<${Failed}
            problem=${gone ? { message: t("documents.gone") } : found.problem}
            onRetry=${gone ? null : found.again}
          />`
        : html`<${Loading} />`}
    </div>`;
  }
  const leave = async () => {
    if (await remove([document_])) navigate("/documents");
  };
  const update = (value) => {
    found.set(value);
    put(value);
    newest.again();
  };
  return html`<div class="view documents document">
    <${Back} />
    <header class="document-head">
      <div class="document-title">
        <h1>${document_.title}</h1>
        <p class="muted">${summaryOf(document_)}</p>
      </div>
      <div class="document-actions">
        ${document_.version_id &&
        html`<a class="button" href=${`/v1/documents/${id}/content`} download>
          <${Icon} name="download" />${t("documents.download")}
        </a>`}
        <button type="button" class="button" onClick=${() => setEditing(true)}>
          <${Icon} name="pencil" />${t("documents.edit")}
        </button>
        <${NewVersion} document=${document_} />
        <${Menu}
          label=${t("documents.actions")}
          items=${[{ label: t("documents.delete"), icon: "trash", danger: true, run: leave }]}
        />
      </div>
    </header>
    <${JobNote} document=${document_} job=${job} onJob=${newest.set} />
    ${document_.warnings.length > 0 &&
    html`<div class="note warn document-warnings">
      <strong>${t("documents.warnings")}</strong>
      <ul>${document_.warnings.map((text, n) => html`<li key=${n}>${text}</li>`)}</ul>
    </div>`}
    <${Facts} document=${document_} />
    <${Versions} document=${document_} />
    ${document_.version_id &&
    html`<${Reader}
      key=${document_.version_id}
      document=${document_}
      chunk=${query.get("chunk")}
      page=${Number(query.get("page")) || null}
    />`}
    ${editing && html`<${Edit} document=${document_} onClose=${() => setEditing(false)} onSaved=${update} />`}
  </div>`;
}

const Back = () =>
  html`<a class="document-back" href="/documents"><${Icon} name="chevron-left" />${t("nav.documents")}</a>`;

async function newestJob(id, signal) {
  const { items } = await api(url("/v1/jobs", { document_id: id, limit: 5 }), { signal });
  return items.find((job) => job.kind !== "delete") ?? null;
}

function summaryOf(document_) {
  const { version_id: live, pages, chunks, size } = document_;
  return [
    kindOf(document_),
    live && pages && t("documents.n_pages", { n: pages }),
    live && t("documents.n_chunks", { n: chunks }),
    live && bytes(size),
    live && document_.version > 1 && t("documents.version_n", { n: number(document_.version) }),
  ]
    .filter(Boolean)
    .join(" · ");
}
