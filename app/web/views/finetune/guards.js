// The guards of a trial: what both arms came to, by how much the candidate is worse, and what that is evidence of.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { figure, words } from "./parts.js";
import { Interval, inWords, reachOf } from "./rollout_interval.js";

const LEAST = 0.01; // evidence against a breach: less of it is drawn as this
const NARROWEST = 0.05;

/** `judged` as the server tells it. */
export function Guards({ judged: { guards, said, ready, better } }) {
  const seen = guards.some(({ n }) => n > 0);
  const reach = reachOf(guards.flatMap((each) => each.interval ?? []), 0, NARROWEST);
  return html`<div class="rollout-guards">
    <p class="small">
      ${ready && html`<span class="badge good">${t("rollout.ready")}</span> `}
      ${better && html`<span class="badge good">${t("rollout.better")}</span> `}${said}
    </p>
    ${seen &&
    html`<ul class="rollout-measures" aria-label=${t("rollout.guards")}>
        ${guards.map((guard) => html`<${Guard} key=${guard.name} guard=${guard} reach=${reach} />`)}
      </ul>
      <p class="muted small">${t("rollout.guards_text")}</p>`}
  </div>`;
}

function Guard({ guard, reach }) {
  const { name, n, candidate_mean: candidate, champion_mean: champion, breached } = guard;
  return html`<li class=${breached ? "rollout-measure bad" : "rollout-measure"}>
    <div>
      <b>${guardName(name)}</b>${" "}${breached && html`<span class="badge bad">${t("rollout.breached")}</span>`}
      <p class="muted small">${t("rollout.pairs", { n })}</p>
    </div>
    <dl class="rollout-arms small">
      <div><dt>${t("rollout.candidate")}</dt><dd>${figure(candidate)}</dd></div>
      <div><dt>${t("rollout.champion")}</dt><dd>${figure(champion)}</dd></div>
    </dl>
    <${Difference} guard=${guard} reach=${reach} />
    <${Evidence} guard=${guard} />
  </li>`;
}

function Difference({ guard, reach }) {
  const { difference, interval, breached } = guard;
  if (difference === null) return html`<p class="muted small">${t("rollout.not_compared")}</p>`;
  const [low, high] = interval ?? [null, null];
  const kind = breached ? "bad" : high !== null && high < 0 ? "good" : low !== null && low > 0 ? "warn" : "open";
  return html`<div>
    <${Interval} value=${difference} low=${low} high=${high} reach=${reach} kind=${kind} />
    <p class="small">${t("rollout.worse_by")} ${inWords(difference, low, high)}</p>
    <${Excluded} guard=${guard} />
  </div>`;
}

/** Which harm is excluded by now, and what it takes until what is borne is the most there can be. */
function Excluded({ guard: { tolerance, upper, excluded, needs } }) {
  if (upper === undefined) return null; // a trial of former days
  const borne = figure(tolerance);
  if (excluded) return html`<p class="small">${t("rollout.excluded", { upper: figure(upper), borne })}</p>`;
  return html`<p class="muted small">
    ${t("rollout.not_excluded", { borne })}${" "}${needs === null ? t("rollout.no_end") : t("rollout.needs", { n: needs })}
  </p>`;
}

/** Evidence against its limit, both as powers of ten: at the right end the trial ends. */
function Evidence({ guard: { name, evidence, limit, breached } }) {
  const place = (value) => Math.min(1, Math.log(Math.max(value, LEAST) / LEAST) / Math.log(limit / LEAST));
  const told = t("rollout.evidence_of", { evidence: shown(evidence), limit: shown(limit) });
  return html`<div>
    <div
      role="meter"
      aria-label=${t("rollout.evidence", { name: guardName(name) })}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${Math.round(place(evidence) * 100)}
      aria-valuetext=${told}
    >
      <svg class=${breached ? "rollout-evidence bad" : "rollout-evidence"} width="100%" height="20" aria-hidden="true" focusable="false">
        <rect class="rollout-track" x="0" y="6" width="100%" height="8" rx="4" />
        <rect class="rollout-filled" x="0" y="6" width=${`${(place(evidence) * 100).toFixed(2)}%`} height="8" rx="4" />
        <line class="rollout-middle" x1=${`${(place(1) * 100).toFixed(2)}%`} x2=${`${(place(1) * 100).toFixed(2)}%`} y1="2" y2="18" />
      </svg>
    </div>
    <p class="small">${told}</p>
  </div>`;
}

const shown = (value) =>
  value >= 1e6 ? number(value, { notation: "scientific", maximumSignificantDigits: 2 }) : figure(value === 0 ? 0 : Number(value.toPrecision(3)));

/** What a guard looks at; one that this page does not know yet by its own name. */
function guardName(name) {
  const text = t(`rollout.guard_${name}`);
  return text.startsWith("rollout.") ? words(name) : text;
}
