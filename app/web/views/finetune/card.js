// The card of a version: what it is made of, how it was made, what was measured, what it cost.
import { html } from "../../lib/html.js";
import { bytes, dateTime, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Curves } from "./curves.js";
import { Metrics } from "./metrics.js";
import { DatasetLink, Facts, Place, Section, methodName, span } from "./parts.js";

/** `version` as the server tells it, with its `card`; where that cannot be read it is empty, and says so. */
export function Card({ version }) {
  const { card, sound } = version;
  return html`${sound === false && html`<p class="note bad" role="alert">${t("finetune.card_damaged")}</p>`}
    <${Section} title=${t("finetune.card")}>
      <${Facts} pairs=${[...made(version), ...learnt(card.data ?? {}), ...spent(card.cost ?? {})]} />
      ${(card.warnings ?? []).map((each) => html`<p key=${each} class="note warn">${each}</p>`)}
    <//>
    <${Metrics} before=${card.metrics?.before} after=${card.metrics?.after} />
    ${card.curves?.length > 0 && html`<${Curves} lines=${card.curves} />`}
    ${card.settings && html`<${Whole} title=${t("finetune.settings")} value=${card.settings} />`}
    ${card.versions && html`<${Whole} title=${t("finetune.software")} value=${card.versions} />`}`;
}

const made = ({ kind, method, base, licence, size, created_at: at, serving, pinned_by: pinned }) => [
  [t("finetune.kind"), t(`finetune.made_${kind}`)],
  [t("finetune.method"), method && methodName(method)],
  [t("finetune.base"), base && html`<${Place} path=${base} />`],
  [t("finetune.licence"), base && (licence ?? t("finetune.licence_none"))],
  [t("finetune.made"), dateTime(at)],
  [t("finetune.size"), bytes(size)],
  [t("finetune.serving"), serving ? t("finetune.serving_yes") : null],
  [t("finetune.pinned"), pinned],
];

function learnt({ dataset, files, train, validation, left_out: left, licences }) {
  const names = (files ?? []).map((path) => path.split("/").at(-1)).join(", ");
  return [
    [t("finetune.dataset"), dataset ? html`<${DatasetLink} version=${dataset} />` : names],
    [t("finetune.rows_trained"), train === undefined ? null : number(train)],
    [t("finetune.rows_kept"), validation === undefined ? null : number(validation)],
    [t("finetune.rows_long"), left?.length ? number(left.length) : null],
    [t("finetune.licences"), (licences ?? []).join(", ")],
  ];
}

function spent({ seconds, steps, memory, machine }) {
  const sum = Object.values(memory ?? {}).reduce((all, each) => all + each, 0);
  return [
    [t("finetune.took"), seconds ? t("finetune.took_steps", { time: span(seconds), n: steps }) : null],
    [t("finetune.memory_estimated"), sum ? bytes(sum) : null],
    [t("finetune.machine"), machine && `${machine.devices} × ${machine.device}`],
  ];
}

const Whole = ({ title, value }) =>
  html`<details class="card learning-more">
    <summary>${title}</summary>
    <pre class="learning-log" tabindex="0" aria-label=${title}>${JSON.stringify(value, null, 2)}</pre>
  </details>`;
