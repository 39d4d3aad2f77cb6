// How long each stage took, as one bar and in words.
import { html } from "../../lib/html.js";
import { duration } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

/** `timings` in milliseconds by stage; `stages` are those in the bar, in order. What is left of `total` comes last. */
export function Timings({ timings, stages, label }) {
  const parts = stages.filter((stage) => timings[stage] > 0).map((stage) => [stage, timings[stage]]);
  const total = timings.total ?? parts.reduce((sum, [, took]) => sum + took, 0);
  const rest = total - parts.reduce((sum, [, took]) => sum + took, 0);
  if (rest > total / 100) parts.push(["rest", rest]);
  if (!total) return null;
  return html`<figure class="timings" aria-label=${label}>
    <div class="timings-bar" aria-hidden="true">
      ${parts.map(
        ([stage, took], n) =>
          html`<span key=${stage} class=${`timing timing-${n % 5}`} style=${{ width: `${(took / total) * 100}%` }}></span>`,
      )}
    </div>
    <figcaption>
      <ul class="timings-list">
        <li class="timings-total">${t("timing.total")} <b>${duration(total)}</b></li>
        ${parts.map(
          ([stage, took], n) =>
            html`<li key=${stage}>
              <span class=${`timings-key timing-${n % 5}`} aria-hidden="true"></span>${t(`timing.${stage}`)} ${duration(took)}
            </li>`,
        )}
      </ul>
    </figcaption>
  </figure>`;
}
