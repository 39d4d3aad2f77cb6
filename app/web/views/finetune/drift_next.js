// The run of training that would be next, what former ones let one expect of it, and the form that begins it.
import { html, useState } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { NewRun } from "./new_run.js";
import { Facts, Section, VersionLink, methodName } from "./parts.js";
import { percent } from "./rollout_parts.js";
import { pathOf } from "./runs.js";

/** `proposal` as the server tells it; null where it knows of none. */
export function NextRun({ proposal }) {
  const [beginning, setBeginning] = useState(false);
  if (!proposal) return null;
  const action =
    proposal.due &&
    html`<button type="button" class="button primary" onClick=${() => setBeginning(true)}><${Icon} name="plus" />${t("drift.prepare")}</button>`;
  return html`<${Section} title=${t("drift.next_run")} action=${action}>
    <p>${proposal.reason}</p>
    ${proposal.due ? html`<${Due} proposal=${proposal} />` : html`<${NotYet} missing=${proposal.missing} />`}
    ${beginning && html`<${NewRun} first=${{ method: proposal.method }} onClose=${() => setBeginning(false)} onBegun=${(run) => navigate(pathOf(run.name))} />`}
  <//>`;
}

const Due = ({ proposal: { method, rows, after, expected } }) =>
  html`<${Facts}
      pairs=${[
        [t("finetune.method"), methodName(method)],
        [t("drift.rows"), number(rows)],
        [t("drift.after"), after && html`<${VersionLink} name=${after} />`],
        [t("drift.expected"), expected.low === null ? null : t("drift.gain", { low: gain(expected.low), high: gain(expected.high), held: percent(expected.held) })],
      ]}
    />
    <p class="muted small">${expected.said}</p>`;

const gain = (value) => number(value, { style: "percent", signDisplay: "exceptZero", maximumFractionDigits: 1 });

const NotYet = ({ missing }) =>
  Object.keys(missing).length > 0 &&
  html`<p class="muted small">
    ${t("finetune.missing")} ${Object.entries(missing).map(([method, n]) => t("finetune.missing_rows", { method: methodName(method), n: Math.max(0, n) })).join(", ")}
  </p>`;
