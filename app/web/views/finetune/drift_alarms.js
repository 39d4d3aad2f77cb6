// Drifts that last: since when, what was found, what to do, and questions that show it.
import { html } from "../../lib/html.js";
import { dateTime } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { words } from "./parts.js";
import { scopeName } from "./rollout_parts.js";

const ENDED = 5;

/** What a measure is called; one that this page does not know yet by its own name. */
export function measureName(name) {
  const text = t(`drift.measure_${name}`);
  return text.startsWith("drift.") ? words(name) : text;
}

/** What a drift is of: all answers, those of a collection, or a version. */
export const whose = ({ scope, measure }) => (measure === "probe" ? scope : scope === "*" ? t("drift.scope_all") : scopeName(scope));

/** `report` as the server tells it, `examples` the questions that may be read, `looks` what former ones came to. */
export function Lasting({ report, examples, looks }) {
  const { lasting = [], scopes, windows } = report;
  const over = looks.flatMap((look) => look.over.map((each) => ({ ...each, at: look.at }))).slice(-ENDED).reverse();
  const ids = ({ scope, measure }) =>
    scopes.find(({ name }) => name === scope)?.findings.find((each) => each.measure === measure)?.ids ?? [];
  return html`${windows && lasting.length === 0 && html`<p class="note good">${t("drift.steady")}</p>`}
    ${lasting.length > 0 &&
    html`<ul class="learning-list" aria-label=${t("drift.lasting")}>
      ${lasting.map((each) => html`<${Drift} key=${`${each.scope} ${each.measure} ${each.direction}`} drift=${each} ids=${ids(each)} examples=${examples} />`)}
    </ul>`}
    ${over.length > 0 &&
    html`<details class="learning-more">
      <summary>${t("drift.over", { n: over.length })}</summary>
      <ul class="learning-list">
        ${over.map((each) => html`<li key=${`${each.scope} ${each.measure} ${each.at}`} class="drift-row">
          <span><b>${measureName(each.measure)}</b> · ${whose(each)}</span>
          <span class="muted small">${t("drift.days", { from: dateTime(each.since), to: dateTime(each.at) })}</span>
        </li>`)}
      </ul>
    </details>`}`;
}

const Drift = ({ drift, ids, examples }) =>
  html`<li class="drift-row">
    <p>
      <span class=${drift.gone ? "badge" : "badge bad"}>${t(drift.gone ? "drift.going" : "drift.alarm")}</span>${" "}
      <b>${measureName(drift.measure)}</b> · ${whose(drift)}${" "}
      <span class="muted small">${t("drift.since", { when: dateTime(drift.since) })}</span>
    </p>
    <p>${drift.said}</p>
    <p class="small">${drift.todo}</p>
    <${Questions} ids=${ids} examples=${examples} />
  </li>`;

/** Those of the questions `ids` that may be read; how many more there are is said where none may. */
export function Questions({ ids, examples }) {
  if (!examples || ids.length === 0) return null;
  const shown = examples.items.filter(({ id }) => ids.includes(id));
  const hidden = ids.length - shown.length;
  return html`${shown.length > 0 &&
    html`<ul class="drift-questions small" aria-label=${t("drift.examples")}>
      ${[...new Set(shown.map(({ question }) => question))].map((each) => html`<li key=${each}><q dir="auto">${each}</q></li>`)}
    </ul>`}
    ${hidden > 0 && html`<p class="muted small">${t("drift.hidden", { n: hidden })}</p>`}`;
}
