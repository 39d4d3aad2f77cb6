// Parts of the questions by measures: where the candidate is shown to be worse, however good the mean.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Section } from "./parts.js";
import { measureName, saidOf } from "./gate_words.js";
import { signed } from "./rollout_parts.js";

export function Slices({ slices }) {
  if (!slices.length) return null;
  const parts = [...new Set(slices.map(({ slice }) => slice))];
  const measures = [...new Set(slices.map(({ measure }) => measure))];
  const at = new Map(slices.map((each) => [`${each.slice} ${each.measure}`, each]));
  return html`<${Section} title=${t("gate.slices")} text=${t("gate.slices_text")}>
    <div class="figure-rows" tabindex="0" role="region" aria-label=${t("gate.slices_table")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("gate.part")}</th>
            ${measures.map((measure) => html`<th key=${measure} scope="col">${measureName(measure)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${parts.map(
            (part) => html`<tr key=${part}>
              <th scope="row">${measureName("", part)}</th>
              ${measures.map((measure) => html`<${Cell} key=${measure} compared=${at.get(`${part} ${measure}`)} />`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}

function Cell({ compared }) {
  if (!compared) return html`<td>–</td>`;
  const { text, kind } = saidOf(compared.said);
  if (kind !== "bad") return html`<td>${signed(compared.difference)}</td>`;
  return html`<td><span class="badge bad">${signed(compared.difference)}<span class="visually-hidden"> ${text}</span></span></td>`;
}
