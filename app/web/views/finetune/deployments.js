// What is in service: scope by scope who answers, what is tried beside, and the one way back.
import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { Back } from "./deployments_back.js";
import { Begin } from "./deployments_new.js";
import { Row } from "./deployments_row.js";
import { Section } from "./parts.js";
import { ON_TRIAL, answering, isLive, scopeName } from "./rollout_parts.js";

const EVERYBODY = "*";
const ORDER = ["champion", "canary", "shadow", "candidate"];

/** `found` is the list of deployments as `useWatched` tells it. */
export function Deployments({ found: { value, problem, again } }) {
  const [adding, setAdding] = useState(false);
  const action = html`<button type="button" class="button primary" onClick=${() => setAdding(true)}>
    <${Icon} name="plus" />${t("rollout.begin")}
  </button>`;
  return html`<${Section} title=${t("rollout.deployments")} text=${t("rollout.deployments_text")} action=${action}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : !value && html`<${Loading} />`}
    ${value && !value.keeper && html`<p class="note">${t("rollout.not_keeper")}</p>`}
    ${value && html`<${Scopes} list=${value} onChanged=${again} />`}
    ${adding && html`<${Begin} onClose=${() => setAdding(false)} onBegun=${again} />`}
  <//>`;
}

function Scopes({ list, onChanged }) {
  const live = list.items.filter(isLive);
  const others = list.items.filter((each) => !isLive(each));
  const scopes = [...new Set([EVERYBODY, ...live.map(({ scope }) => scope)])];
  return html`${scopes.map((scope) => html`<${Scope} key=${scope} scope=${scope} list=${list} items=${live.filter((each) => each.scope === scope)} onChanged=${onChanged} />`)}
    ${others.length > 0 &&
    html`<details class="learning-more">
      <summary>${t("rollout.others", { n: others.length })}</summary>
      <ul class="rollout-rows">${others.map((each) => html`<${Row} key=${each.id} deployment=${each} list=${list} onChanged=${onChanged} />`)}</ul>
    </details>`}`;
}

function Scope({ scope, list, items, onChanged }) {
  const [leaving, setLeaving] = useState(false);
  const rows = [...items].sort((a, b) => place(a) - place(b));
  const champion = items.find(({ stage }) => stage === "champion");
  const trial = items.find(({ stage }) => ON_TRIAL.includes(stage));
  const name = scopeName(scope);
  return html`<div class="rollout-scope" role="group" aria-label=${name}>
    <header class="learning-head">
      <h3>${name}</h3>
      ${(champion || trial) &&
      html`<button type="button" class="button danger" onClick=${() => setLeaving(true)}>
        <${Icon} name="rotate-ccw" />${t("rollout.back")}<span class="visually-hidden">: ${name}</span>
      </button>`}
    </header>
    ${!champion && html`<p>${t("rollout.answers_here", { name: answering(list, scope) })}</p>`}
    ${rows.length > 0 && html`<ul class="rollout-rows">${rows.map((each) => html`<${Row} key=${each.id} deployment=${each} list=${list} onChanged=${onChanged} guarded />`)}</ul>`}
    ${leaving && html`<${Back} scope=${scope} list=${list} champion=${champion} trial=${trial} onClose=${() => setLeaving(false)} onDone=${onChanged} />`}
  </div>`;
}

const place = ({ stage }) => ORDER.indexOf(stage) + 1 || ORDER.length + 1;
