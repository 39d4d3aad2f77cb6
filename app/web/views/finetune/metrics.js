// What training changed on rows that were kept back from it.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Section, figure, words } from "./parts.js";
import { byWeight, isMeasure } from "./series.js";

/** `before` and `after` are measured values by name, or null where they were not measured yet. */
export function Metrics({ before, after }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter(isMeasure).sort(byWeight);
  if (!names.length) return null;
  return html`<${Section} title=${t("finetune.metrics")} text=${t("finetune.metrics_text")}>
    <div class="figure-rows" tabindex="0" role="region" aria-label=${t("finetune.metric")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("finetune.metric")}</th>
            <th scope="col">${t("finetune.before")}</th>
            <th scope="col">${t("finetune.after")}</th>
          </tr>
        </thead>
        <tbody>
          ${names.map(
            (name) => html`<tr key=${name}>
              <th scope="row">${words(name.replace(/^eval_/, ""))}</th>
              <td>${figure(before?.[name])}</td>
              <td>${figure(after?.[name])}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}
