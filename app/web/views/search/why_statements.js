// The answer's statements, each with how far its sources carry it, and who says so.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

export function Statements({ answer, verdicts }) {
  if (answer.status === "failed") return html`<p>${t("why.failed")}</p>`;
  if (!answer.statements.length) return html`<p>${answer.retrieval?.used ? t("chat.abstained") : t("why.not_searched")}</p>`;
  return html`<ol class="why-statements">
    ${answer.statements.map(
      (statement, n) =>
        html`<li key=${n}>
          <p>
            ${statement.text}${" "}
            ${statement.sources.map((source) => html`<sup key=${source} class="why-cite">${source}</sup>`)}
          </p>
          <p class="why-support">
            <span class="leg-track" aria-hidden="true">
              <span
                class=${statement.supported ? "good" : "bad"}
                style=${{ width: `${Math.round(statement.support * 100)}%` }}
              ></span>
            </span>
            <span>${t("why.support", { share: number(statement.support, { style: "percent" }) })}</span>
            ${!statement.supported && html`<span class="badge bad">${t("why.unsupported")}</span>`}
            ${verdicts[n] && html`<span>${t(`why.method_${verdicts[n].method}`)}</span>`}
          </p>
          ${verdicts[n]?.reason && html`<p class="muted">${verdicts[n].reason}</p>`}
        </li>`,
    )}
  </ol>`;
}
