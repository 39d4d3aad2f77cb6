// One dataset: what is in it, what was refused at which stage and why, and a look at both.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Confirm } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { BASE, ForAdministrators, Page, Section, named } from "./parts.js";
import { Entries } from "./entries.js";
import { Figures } from "./figures.js";
import { Row } from "./row.js";

const KINDS = ["sft", "preference", "kto", "prompt", "retrieval"];
const SPLITS = ["train", "validation", "test", "anchor"];
const STAGES = ["import", "join", "blame", "trust", "build", "check", "cap", "split", "augment"];

/** The view at /finetune/datasets/:version. */
export default function DatasetPage({ version }) {
  return html`<${ForAdministrators}><${Shown} key=${version} version=${version} /><//>`;
}

function Shown({ version }) {
  useTitle(version);
  const path = `${BASE}/datasets/${encodeURIComponent(version)}`;
  const { value, problem, again } = useLoaded((signal) => api(path, { signal }), [path]);
  const [deleting, setDeleting] = useState(false);
  const remove = async () => {
    await api(path, { method: "DELETE" });
    navigate("/finetune");
  };
  const actions = html`<button type="button" class="button" onClick=${() => setDeleting(true)}><${Icon} name="trash" />${t("action.delete")}</button>`;
  return html`<${Page} title=${version} actions=${value && actions}>
    ${problem ? html`<${Failed} problem=${problem} onRetry=${again} />` : value ? html`<${Parts} dataset=${value} path=${path} />` : html`<${Loading} />`}
    ${deleting && html`<${Confirm} title=${t("finetune.delete_dataset")} text=${t("finetune.delete_dataset_text", { version })} action=${t("action.delete")} onConfirm=${remove} onClose=${() => setDeleting(false)} />`}
  <//>`;
}

function Parts({ dataset, path }) {
  const { counts, refused, damaged } = dataset;
  return html`${damaged && html`<p class="note bad" role="alert">${t("finetune.damaged_text")}</p>`}
    <${Figures} dataset=${dataset} />
    <${Section} title=${t("finetune.kept")} text=${t("finetune.kept_text")}>
      <${Entries} path=${`${path}/rows`} groups=${kept(counts)} draw=${Row} />
    <//>
    <${Section} title=${t("finetune.left_out")} text=${t("finetune.left_out_text")}>
      ${Object.keys(refused).length
        ? html`<${Entries} path=${`${path}/report`} groups=${dropped(refused)} draw=${Report} />`
        : html`<p class="muted">${t("finetune.nothing_refused")}</p>`}
    <//>`;
}

/** What was refused: which, and why. */
const Report = ({ item: { row, detail } }) => html`<code>${row}</code><p>${detail}</p>`;

/** The entries of an object, in the order of `keys`; unknown ones last. */
const inOrder = (keys, found) =>
  Object.entries(found).sort(([a], [b]) => (keys.indexOf(a) + 1 || keys.length + 1) - (keys.indexOf(b) + 1 || keys.length + 1));

const kept = (counts) =>
  inOrder(KINDS, counts).map(([kind, splits]) => ({
    label: t(`finetune.kind_${kind}`),
    choices: inOrder(SPLITS, splits).map(([split, n]) => ({ label: t(`finetune.split_${split}`), n, query: { kind, split } })),
  }));

const dropped = (refused) =>
  inOrder(STAGES, refused).map(([stage, reasons]) => ({
    label: named(t(`finetune.stage_${stage}`), stage),
    choices: Object.entries(reasons)
      .sort((a, b) => b[1] - a[1])
      .map(([reason, n]) => ({ label: named(t(`finetune.why_${reason}`), reason), n, query: { stage, reason } })),
  }));
