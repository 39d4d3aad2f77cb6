// The runs of training, and how a new one is begun.
import { html, useEffect, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { ago } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { NewRun } from "./new_run.js";
import { BASE, Section, Share, State, Versioned, methodName, span, usePolled } from "./parts.js";

const EVERY_MS = 2000;
const GOING = new Set(["queued", "starting", "running", "interrupted"]);

/** Whether more is to come of a run: what it made is registered a moment after its end. */
const awaited = ({ state, published, error }) => GOING.has(state) || (state === "done" && !published && !error);

export const pathOf = (name) => `/finetune/runs/${encodeURIComponent(name)}`;

/** The part of the overview. `onMade` hears of it when something more was registered. */
export function Runs({ onMade }) {
  const [adding, setAdding] = useState(false);
  const { value, problem, again } = useLoaded((signal) => api(`${BASE}/runs`, { signal }), []);
  const going = value?.items.some(awaited) ?? false;
  usePolled(going, again, value ?? problem, EVERY_MS);
  const made = value?.items.filter(({ published }) => published).length ?? 0;
  useEffect(() => onMade(made), [made]);
  const action = html`<button type="button" class="button primary" onClick=${() => setAdding(true)}>
    <${Icon} name="plus" />${t("finetune.new_run")}
  </button>`;
  return html`<${Section} title=${t("finetune.runs")} text=${t("finetune.runs_text")} action=${action}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : !value && html`<${Loading} />`}
    ${value && !value.items.length && html`<p class="learning-empty muted">${t("finetune.runs_empty")}</p>`}
    ${value?.items.length > 0 && html`<ul class="learning-list">${value.items.map((run) => html`<${Row} key=${run.name} run=${run} />`)}</ul>`}
    ${adding && html`<${NewRun} onClose=${() => setAdding(false)} onBegun=${(run) => navigate(pathOf(run.name))} />`}
  <//>`;
}

const Row = ({ run: { name, method, data, state, progress, eta_seconds: left, error, created_at: at } }) =>
  html`<li class="learning-row">
    <span><a href=${pathOf(name)}>${name}</a> <${State} state=${state} /></span>
    <span class="small">${methodName(method)} · <${Versioned} name=${data} /></span>
    <span class="learning-going">
      ${state === "running" && html`<${Share} share=${progress} label=${name} />`}
      <span class="muted small learning-brief" title=${error ?? undefined}>${error ?? (left ? t("finetune.left", { time: span(left) }) : ago(at))}</span>
    </span>
  </li>`;
