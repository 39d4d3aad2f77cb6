// One row of a dataset as people read it: what is asked, what is learnt, where it comes from; and all of it as it is written.
import { html } from "../../lib/html.js";
import { dateTime } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Facts, named } from "./parts.js";

/** A row that is learnt from; one that is withheld says no more than that. */
export function Row({ item }) {
  if (item.withheld) return html`<p class="muted">${t("finetune.withheld")}</p>`;
  const { question, query, lineage, prompt, ...rest } = item;
  return html`<p class="learning-asked"><b>${question || query || t("finetune.no_question")}</b></p>
    <${Learnt} row=${rest} />
    <${Origin} lineage=${lineage} />
    ${prompt &&
    html`<details>
      <summary>${t("finetune.prompt")}</summary>
      ${prompt.map(({ role, content }, n) => html`<p key=${n} class="learning-text"><b>${role}</b>${"\n"}${content}</p>`)}
    </details>`}
    <details>
      <summary>${t("finetune.as_written")}</summary>
      <pre class="learning-log" tabindex="0" aria-label=${t("finetune.as_written")}>${JSON.stringify(item, null, 2)}</pre>
    </details>`;
}

function Learnt({ row: { completion, chosen, rejected, label, positives, negatives } }) {
  if (chosen) return html`<${Said} label=${t("finetune.preferred")} kind="good" said=${chosen} /><${Said} label=${t("finetune.rejected")} kind="bad" said=${rejected} />`;
  if (completion && label === undefined) return html`<${Said} label=${t("finetune.target")} kind="good" said=${completion} />`;
  if (completion) return html`<${Said} label=${t(label ? "finetune.label_good" : "finetune.label_bad")} kind=${label ? "good" : "bad"} said=${completion} />`;
  if (positives) return html`<${Passages} label=${t("finetune.positives")} kind="good" all=${positives} /><${Passages} label=${t("finetune.negatives")} kind="bad" all=${negatives} />`;
  return null;
}

const Passages = ({ label, kind, all }) =>
  html`<div class="learning-said">
    <span class=${`badge ${kind}`}>${label}</span>
    <ul>${all.map((text, n) => html`<li key=${n}>${text}</li>`)}</ul>
  </div>`;

const Said = ({ label, kind, said }) =>
  html`<div class="learning-said">
    <span class=${`badge ${kind}`}>${label}</span>
    <${Text} text=${said.map(({ content }) => content).join("\n")} />
  </div>`;

/** What an answer says, with the numbers of its sources; any other text as it is. */
function Text({ text }) {
  const answer = parsed(text);
  if (!answer) return html`<p class="learning-text">${text}</p>`;
  if (!answer.answerable) return html`<p class="muted">${t("finetune.unanswerable")}</p>`;
  return html`<p>${answer.statements.map(({ text: each, sources }) => `${each} ${(sources ?? []).map((id) => `[${id}]`).join("")}`).join(" ")}</p>`;
}

function parsed(text) {
  try {
    const found = JSON.parse(text);
    return Array.isArray(found?.statements) ? found : null;
  } catch {
    return null;
  }
}

function Origin({ lineage: { maker, person, at, origin, answer_id: answer, documents = [], generator, masked } }) {
  const read = documents.map(
    ({ document_id: id }, n) => html`<a key=${id} class="learning-number" href=${`/documents/${encodeURIComponent(id)}`} aria-label=${t("finetune.document", { n: n + 1 })}>${n + 1}</a>${" "}`,
  );
  return html`<${Facts}
    pairs=${[
      [t("finetune.maker"), named(t(`finetune.maker_${maker}`), maker)],
      [t("finetune.person"), person],
      [t("finetune.said_at"), at && dateTime(at)],
      [t("finetune.origin"), origin],
      [t("finetune.answer"), answer && html`<a href=${`/answers/${encodeURIComponent(answer)}/why`}>${t("finetune.answer_why")}</a>`],
      [t("finetune.documents"), read.length ? read : null],
      [t("finetune.generator"), generator && [generator.name, generator.adapter].filter(Boolean).join(" · ")],
      [t("finetune.masked"), masked || null],
    ]}
  />`;
}
