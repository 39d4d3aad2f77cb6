// Files of examples from elsewhere: brought here, with each line that was refused and why.
import { html, useRef, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { bytes } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { toast } from "../../parts/toasts.js";
import { BASE } from "./parts.js";

const path = (name) => `${BASE}/files/${encodeURIComponent(name)}`;

export function Files() {
  const { value, problem, again } = useLoaded((signal) => api(`${BASE}/files`, { signal }), []);
  const [told, setTold] = useState(null);
  const input = useRef(null);
  const attempt = async (work) => {
    try {
      await work();
    } catch (error) {
      toast(error.message, { kind: "bad" });
    }
    again();
  };
  const bring = (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    const headers = { "Content-Type": "application/x-ndjson" };
    attempt(async () => setTold(await api(path(file.name), { method: "PUT", body: file, headers })));
  };
  if (problem?.status === 404) return null; // a server without this part
  return html`<details class="learning-more" open=${Boolean(told)}>
    <summary>${t("finetune.files_count", { n: value?.items.length ?? 0 })}</summary>
    <p class="muted small">${t("finetune.files_text")}</p>
    ${problem && html`<p class="note bad" role="alert">${problem.message}</p>`}
    <ul class="learning-list">
      ${(value?.items ?? []).map(
        ({ name, rows, size }) => html`<li key=${name} class="learning-row">
          <span>${name}</span>
          <span class="muted small">${[rows === undefined ? "" : t("finetune.rows_count", { n: rows }), size === undefined ? "" : bytes(size)].filter(Boolean).join(" · ")}</span>
          <span class="learning-end">
            <button type="button" class="icon-button small" aria-label=${t("finetune.delete_file", { name })} onClick=${() => attempt(() => api(path(name), { method: "DELETE" }))}>
              <${Icon} name="trash" />
            </button>
          </span>
        </li>`,
      )}
    </ul>
    <input ref=${input} type="file" accept=".jsonl,.json" class="visually-hidden" tabindex="-1" aria-label=${t("finetune.import")} onChange=${bring} />
    <button type="button" class="button" onClick=${() => input.current.click()}><${Icon} name="upload" />${t("finetune.import")}</button>
    ${told && html`<${Brought} ...${told} />`}
  </details>`;
}

const Brought = ({ name, rows, refused = [] }) =>
  html`<div class=${refused.length ? "note warn" : "note"} role="status">
    <p>${t("finetune.imported", { name, n: rows })} ${refused.length > 0 && t("finetune.imported_refused", { n: refused.length })}</p>
    ${refused.length > 0 &&
    html`<ul class="learning-refusals">
      ${refused.slice(0, 50).map(({ line, why }) => html`<li key=${line}>${t("finetune.line", { n: line })}: ${why}</li>`)}
    </ul>`}
  </div>`;
