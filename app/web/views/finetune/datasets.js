// The datasets there are, those being built, and the files that were brought for them.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { ago, number } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { toast } from "../../parts/toasts.js";
import { Files } from "./files.js";
import { NewDataset } from "./new_dataset.js";
import { BASE, DatasetLink, Section, Share, State, named, usePolled } from "./parts.js";

const EVERY_MS = 1500;

/** How many rows a dataset holds for each kind. */
export const rowsBy = (counts) =>
  Object.entries(counts).map(([kind, splits]) => [kind, Object.values(splits).reduce((sum, n) => sum + n, 0)]);

const sum = (reasons) => Object.values(reasons).reduce((all, n) => all + n, 0);

/** How many things were refused, over all stages. */
export const refusedIn = (refused) => Object.values(refused ?? {}).reduce((all, reasons) => all + sum(reasons), 0);

/** The part of the overview. */
export function Datasets() {
  const [adding, setAdding] = useState(false);
  const { value, problem, again } = useLoaded((signal) => api(`${BASE}/datasets`, { signal }), []);
  const going = value?.builds.some(({ state }) => state === "building") ?? false;
  usePolled(going, again, value ?? problem, EVERY_MS);
  if (problem?.status === 404) return null; // a server without this part
  const action = html`<button type="button" class="button primary" disabled=${going} onClick=${() => setAdding(true)}>
    <${Icon} name="plus" />${t("finetune.new_dataset")}
  </button>`;
  return html`<${Section} title=${t("finetune.datasets")} text=${t("finetune.datasets_text")} action=${action}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : !value && html`<${Loading} />`}
    ${value && html`<${List} ...${value} onChanged=${again} />`}
    <${Files} />
    ${adding && html`<${NewDataset} onClose=${() => setAdding(false)} onBegun=${again} />`}
  <//>`;
}

function List({ items, builds, onChanged }) {
  // What was built since the newest dataset and is none: older failures are over.
  const since = items.length ? Date.parse(items[0].created_at) : 0;
  const open = builds.filter(({ state, started_at: at }) => state === "building" || (state !== "done" && Date.parse(at) > since)).slice(0, 3);
  if (!items.length && !open.length) return html`<p class="learning-empty muted">${t("finetune.datasets_empty")}</p>`;
  return html`<ul class="learning-list">
    ${open.map((build) => html`<${Build} key=${build.id} build=${build} onChanged=${onChanged} />`)}
    ${items.map((dataset) => html`<${Row} key=${dataset.version} dataset=${dataset} />`)}
  </ul>`;
}

const Row = ({ dataset: { version, created_at: at, counts, refused, damaged } }) =>
  html`<li class="learning-row">
    <span><${DatasetLink} version=${version} /> ${damaged && html`<span class="badge bad">${t("finetune.damaged")}</span>`}</span>
    <span class="small">${rowsBy(counts).map(([kind, n]) => `${t(`finetune.kind_${kind}`)}: ${number(n)}`).join(" · ")}</span>
    <span class="muted small">${t("finetune.refused_rows", { n: refusedIn(refused) })} · ${ago(at)}</span>
  </li>`;

function Build({ build: { id, name, state, stage, progress, done, total, error }, onChanged }) {
  const cancel = async () => {
    try {
      await api(`${BASE}/builds/${encodeURIComponent(id)}/cancel`, { method: "POST" });
    } catch (problem) {
      toast(problem.message, { kind: "bad" });
    }
    onChanged();
  };
  const building = state === "building";
  return html`<li class="learning-row">
    <span><b>${name}</b> <${State} state=${state} /></span>
    ${building
      ? html`<span class="learning-going">
            <${Share} share=${progress} label=${name} />
            <span class="muted small">${[stage && named(t(`finetune.doing_${stage}`), stage), total ? t("finetune.of", { done, total }) : ""].filter(Boolean).join(" · ")}</span>
          </span>
          <span><button type="button" class="button small" onClick=${cancel}>${t("action.cancel")}</button></span>`
      : html`<span class="muted small learning-wide">${error ?? t(`finetune.build_${state}`)}</span>`}
  </li>`;
}
