// Who moved what from which stage to which, when and why.
import { html, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { dateTime } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";
import { Guards } from "./guards.js";
import { Section } from "./parts.js";
import { DEPLOYMENTS, Served, Stage, scopeName } from "./rollout_parts.js";

const FIRST = 20;
const MOST = 1000;

/** The newest moves; `of` shows those of one deployment alone. Asked for again when `signature` changes. */
export function Moves({ scope, of, signature }) {
  const [limit, setLimit] = useState(of ? MOST : FIRST);
  const path = url(`${DEPLOYMENTS}/history`, { scope, limit });
  const { value, problem, again } = useLoaded((signal) => api(path, { signal }), [path, signature]);
  const items = value?.items.filter((each) => !of || each.deployment_id === of);
  return html`<${Section} title=${t("rollout.history")} text=${t("rollout.history_text")}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : !value && html`<${Loading} />`}
    ${items?.length === 0 && html`<p class="learning-empty muted">${t("rollout.history_empty")}</p>`}
    ${items?.length > 0 && html`<ol class="rollout-rows" aria-label=${t("rollout.history")}>${items.map((move, n) => html`<${Move} key=${`${move.at} ${n}`} move=${move} />`)}</ol>`}
    ${value?.items.length === limit &&
    limit < MOST &&
    html`<button type="button" class="button" onClick=${() => setLimit(Math.min(MOST, limit * 5))}>${t("finetune.more")}</button>`}
  <//>`;
}

const Move = ({ move: { version, scope, at, by, before, after, why, figures } }) =>
  html`<li class="rollout-move">
    <span class="muted small">${dateTime(at)}</span>
    <span>
      <${Served} name=${version} />${" "}
      ${before && before !== after && html`<${Stage} stage=${before} /> → `}<${Stage} stage=${after} />
    </span>
    <span class="small">${t("rollout.moved", { by, scope: scopeName(scope) })}${why && ` · ${why}`}</span>
    <${Figures} figures=${figures} />
  </li>`;

/** What the guards had seen when they moved something; nothing where a person did. */
function Figures({ figures: { guards = [], breached = [], ...judged } }) {
  const seen = guards.filter(({ n, evidence }) => n > 0 && Number.isFinite(evidence));
  if (!seen.length) return null;
  const told = { ...judged, guards: seen.map((each) => ({ ...each, breached: breached.includes(each.name) })) };
  return html`<details class="learning-more rollout-figures">
    <summary>${t("rollout.figures")}</summary>
    <${Guards} judged=${told} />
  </details>`;
}
