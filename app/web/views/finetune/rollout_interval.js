// A difference with its interval as a line, around the place where nothing has changed. The words stand beside it.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { signed } from "./rollout_parts.js";

const EDGE = 3; // percent of the width that stays free on both sides, for what lies at an end

/** How far to draw to either side of `middle`, so that every one of `values` has its place; at least `least`. */
export const reachOf = (values, middle, least) =>
  values.filter(Number.isFinite).reduce((most, value) => Math.max(most, Math.abs(value - middle)), least);

/** `low` and `high` may be null: without end. `kind` is how it is drawn: good, bad, warn or open. */
export function Interval({ value, low, high, middle = 0, reach, kind = "open" }) {
  const part = (at) => Math.min(1, Math.max(0, (at - middle + reach) / (2 * reach)));
  const x = (at) => `${(EDGE + (100 - 2 * EDGE) * part(at)).toFixed(2)}%`;
  return html`<svg class=${`rollout-interval ${kind}`} width="100%" height="20" aria-hidden="true" focusable="false">
    <line class="rollout-axis" x1="0" x2="100%" y1="10" y2="10" />
    <line class="rollout-middle" x1=${x(middle)} x2=${x(middle)} y1="1" y2="19" />
    <line class="rollout-reach" x1=${x(low ?? middle - reach)} x2=${x(high ?? middle + reach)} y1="10" y2="10" />
    <circle cx=${x(value)} cy="10" r="4.5" />
  </svg>`;
}

/** The same in words; `show` writes one value. */
export const inWords = (value, low, high, show = signed) =>
  t("rollout.interval", { value: show(value), low: low === null ? "−∞" : show(low), high: high === null ? "∞" : show(high) });
