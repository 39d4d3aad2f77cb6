// What the generator was sent and what it wrote; JSON gets line breaks and nothing else. It is text, whoever wrote it.
import { html } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

/** The prompt and the schema, folded away. */
export function Sent({ trace, generator }) {
  const { sent } = trace;
  if (!sent) return html`<p>${t("why.not_sent")}</p>`;
  const schema = JSON.stringify(sent.output_schema, null, 2);
  return html`${generator?.name === "extractive" && html`<p class="muted">${t("why.extractive")}</p>`}
    ${sent.messages.map(
      ({ role, content }, n) => html`<${Folded} key=${n} title=${t(`why.role_${role}`)} text=${content} />`,
    )}
    <${Folded} title=${t("why.schema")} text=${schema} />`;
}

/** Each attempt; the last one stands unless a problem is named. */
export function Written({ trace }) {
  const several = trace.attempts.length > 1;
  return trace.attempts.map(
    ({ output, problem }, n) =>
      html`<div key=${n} class="why-attempt">
        ${several && html`<h3>${t("why.attempt", { n: n + 1 })}</h3>`}
        ${problem && html`<p class="note bad">${problem}</p>`}
        ${output ? html`<${Raw} text=${readable(output)} label=${t("why.written")} />` : html`<p class="muted">${t("why.silent")}</p>`}
      </div>`,
  );
}

/** JSON with line breaks, where it is JSON. */
function readable(output) {
  try {
    return JSON.stringify(JSON.parse(output), null, 2);
  } catch {
    return output;
  }
}

const Folded = ({ title, text }) =>
  html`<details class="why-folded">
    <summary>${title} <span class="muted">${t("why.characters", { n: number(text.length) })}</span></summary>
    <${Raw} text=${text} label=${title} />
  </details>`;

const Raw = ({ text, label }) => html`<pre class="why-raw" tabindex="0" role="region" aria-label=${label}>${text}</pre>`;
