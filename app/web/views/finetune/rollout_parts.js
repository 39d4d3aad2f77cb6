// What the views of gates and rollouts share: stages and scopes in words, who answers, parts that an address can name.
import { html, useEffect } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { VersionLink } from "./parts.js";

export const DEPLOYMENTS = "/v1/deployments";
export const GATES = "/v1/gates";
export const ON_TRIAL = ["shadow", "canary"];
const SERVED = [...ON_TRIAL, "champion"];
const KINDS = { champion: "good", shadow: "accent", canary: "accent", rolled_back: "bad" };

/** A part of a page, which `?part=ID` goes to. */
export const Part = ({ id, children }) => html`<div id=${id} class="learning-part" tabindex="-1">${children}</div>`;

/** Goes to the part that the address names, each time anew. */
export function usePart(query) {
  useEffect(() => {
    const part = query?.get("part") && document.getElementById(query.get("part"));
    if (!part) return;
    part.focus({ preventScroll: true });
    part.scrollIntoView();
  }, [query]);
}

/** Whether a deployment is in service, on its way there, or not yet gone from every engine. */
export const isLive = ({ stage, wanted, leaving }) => SERVED.includes(stage) || wanted !== null || leaving;

/** A stage as a badge. */
export const Stage = ({ stage }) => html`<span class=${`badge ${KINDS[stage] ?? ""}`}>${t(`rollout.stage_${stage}`)}</span>`;

/** Whom a scope is for, in words. */
export function scopeName(scope) {
  const at = scope.indexOf(":");
  return at < 0 ? t("rollout.scope_all") : t(`rollout.scope_${scope.slice(0, at)}`, { name: scope.slice(at + 1) });
}

/** A version and its card; the base has none. */
export const Served = ({ name }) => (name.includes("@") ? html`<${VersionLink} name=${name} />` : html`<b>${name}</b>`);

/** Who answers in a scope where the deployment `without` does not: its champion, everybody's, what the settings name. */
export function answering({ items, default: usual }, scope, without = null) {
  const champion = (of) => items.find((each) => each.scope === of && each.stage === "champion" && each.id !== without);
  return (champion(scope) ?? champion("*"))?.version ?? usual ?? t("rollout.base");
}

/** What going to a stage is called; from a stage to itself only the share changes. */
export const wayName = (stage, to) => (to === stage ? t("rollout.to_share") : t(`rollout.to_${to}`));

export const percent = (share) => number(share, { style: "percent", maximumFractionDigits: 1 });

/** A difference with its sign. */
export const signed = (value) =>
  value === null || value === undefined ? "–" : number(value, { signDisplay: "exceptZero", maximumFractionDigits: 3 });

/** A refusal where it was met. */
export const Refused = ({ problem }) => problem && html`<p class="note bad" role="alert">${problem}</p>`;

/** Why somebody does something, for the history. */
export const Why = ({ value, onChange }) =>
  html`<label class="field">
    ${t("rollout.why")}
    <input maxlength="500" value=${value} onInput=${(event) => onChange(event.target.value)} />
  </label>`;
