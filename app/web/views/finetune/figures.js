// What is known of a dataset as a whole: from how many words and people, how far they agree, whose fault bad answers were.
import { html } from "../../lib/html.js";
import { bytes, dateTime, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Facts, Section, figure } from "./parts.js";

export function Figures({ dataset: { answers, created_at: at, size, figures = {} } }) {
  const { words, agreement, agreement_trusted: trusted, blame, topics, masked, replay } = figures;
  const used = Object.values(replay ?? {}).reduce((sum, each) => sum + each.used, 0);
  return html`<${Section} title=${t("finetune.figures")}>
    <${Facts}
      pairs=${[
        [t("finetune.made"), dateTime(at)],
        [t("finetune.answers"), number(answers)],
        [t("finetune.people"), words && number(words.people)],
        [t("finetune.agreement"), agreement && agreed(agreement)],
        [t("finetune.agreement_trusted"), differs(agreement, trusted) ? agreed(trusted) : null],
        [t("finetune.topics"), topics?.length ? number(topics.length) : null],
        [t("finetune.masked_rows"), masked?.rows ? number(masked.rows) : null],
        [t("finetune.replayed"), used ? number(used) : null],
        [t("finetune.size"), bytes(size)],
      ]}
    />
    ${agreement && html`<p class="muted small">${t("finetune.agreement_text")}</p>`}
    ${blame && html`<${Blame} blame=${blame} />`}
  <//>`;
}

const differs = (one, other) => other && JSON.stringify(one) !== JSON.stringify(other);

/** How far raters agree, and on how many answers that rests; too few of them say nothing. */
const agreed = ({ alpha, shared }) => (alpha === null ? t("finetune.agreement_none") : t("finetune.agreement_on", { alpha: figure(alpha), n: shared }));

const FAULTS = ["none", "generation", "retrieval", "unclear", "refused"];

const Blame = ({ blame }) =>
  html`<div class="learning-group">
    <h3>${t("finetune.blame")}</h3>
    <${Facts} pairs=${FAULTS.filter((fault) => blame[fault]).map((fault) => [t(`finetune.fault_${fault}`), number(blame[fault])])} />
  </div>`;
