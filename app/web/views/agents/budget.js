// What a run may use and has used, as bars; its sub-agents' on demand.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { costOf } from "./stage.js";

const MILLION = 1_000_000;
const SCARCE = 0.85;

const SHORT = { notation: "compact", maximumSignificantDigits: 3 };

const whole = (value) => number(value, { maximumFractionDigits: 0 });
const seconds = (value) => `${number(value, { maximumFractionDigits: value < 10 ? 1 : 0 })}\u00a0s`;
const total = (calls) => Object.values(calls ?? {}).reduce((sum, n) => sum + n, 0);

/** `[name, used, most, how to write them, in short]` of each limit; a cost that nothing limits is left out. */
function kindsOf({ limits, steps, calls, tokens, seconds: time, cost }) {
  return [
    ["steps", steps, limits.steps, whole],
    ["calls", total(calls), limits.tool_calls, whole],
    ["tokens", tokens, limits.tokens, whole, (value) => number(value, SHORT)],
    ["seconds", time, limits.seconds, seconds],
    limits.cost !== null && limits.cost !== undefined && ["cost", cost, limits.cost * MILLION, costOf],
  ].filter(Boolean);
}

/** `budget` is null until it was told; its place is kept. */
export function Budget({ budget }) {
  const children = budget?.children ?? [];
  return html`<div class="budget">
    <${Bars} budget=${budget} label=${t("agents.budget")} />
    ${
      children.length > 0 &&
      html`<details class="budget-more">
        <summary><${Icon} name="chevron-right" />${t("agents.budgets_below", { n: children.length })}</summary>
        ${children.map((child) => html`<${Child} key=${child.agent} budget=${child} />`)}
      </details>`
    }
  </div>`;
}

const Child = ({ budget }) =>
  html`<div class="budget-child">
    <p>${budget.agent}</p>
    <${Bars} budget=${budget} label=${t("agents.budget_of", { name: budget.agent })} />
    ${(budget.children ?? []).map((child) => html`<${Child} key=${child.agent} budget=${child} />`)}
  </div>`;

const Bars = ({ budget, label }) =>
  html`<div class="budget-bars" role="group" aria-label=${label}>
    ${
      budget &&
      kindsOf(budget).map(
        ([name, used, most, write, short]) => html`<${Bar} key=${name} ...${{ name, used, most, write, short }} />`,
      )
    }
  </div>`;

function Bar({ name, used, most, write, short = write }) {
  const share = most > 0 ? Math.min(1, used / most) : 0;
  const text = t("agents.used", { used: write(used), most: write(most) });
  return html`<div class=${share >= SCARCE ? "budget-bar scarce" : "budget-bar"}>
    <span>${t(`agents.budget_${name}`)}</span
    ><span class="budget-said" title=${text}> ${t("agents.used", { used: short(used), most: short(most) })} </span>
    <div
      class="progress"
      role="meter"
      aria-label=${t(`agents.budget_${name}`)}
      aria-valuemin="0"
      aria-valuemax=${most}
      aria-valuenow=${Math.min(used, most)}
      aria-valuetext=${text}
    >
      <div style=${{ width: `${share * 100}%` }}></div>
    </div>
  </div>`;
}
