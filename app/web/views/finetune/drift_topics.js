// Topics that are asked about more, and less, than before, with questions that show them.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Questions, measureName } from "./drift_alarms.js";
import { Section } from "./parts.js";
import { percent } from "./rollout_parts.js";

const MOST = 5;
const PSI = 0.01; // topics with less of the index have not moved

/** `scope` as the server tells it. */
export function Topics({ scope: { topics, findings }, examples }) {
  const moved = { grew: topics.grew.filter(({ part }) => part >= PSI).slice(0, MOST), shrank: topics.shrank.filter(({ part }) => part >= PSI).slice(0, MOST) };
  const found = findings.find(({ measure }) => measure === "topics");
  const fresh = findings.find(({ measure }) => measure === "new_questions");
  const none = !moved.grew.length && !moved.shrank.length;
  return html`<${Section} title=${t("drift.topics")} text=${t("drift.topics_text")}>
    ${none && html`<p class="learning-empty muted">${found?.too_little ?? t(found ? "drift.topics_none" : "drift.no_points")}</p>`}
    ${Object.entries(moved).map(
      ([way, list]) =>
        list.length > 0 &&
        html`<div key=${way} class="learning-group">
          <h3>${t(`drift.${way}`)}</h3>
          <ul class="learning-list" aria-label=${t(`drift.${way}`)}>${list.map((each) => html`<${Topic} key=${each.topic} topic=${each} examples=${examples} />`)}</ul>
        </div>`,
    )}
    ${fresh?.ids.length > 0 &&
    html`<div class="learning-group">
      <h3>${measureName("new_questions")}</h3>
      <p class="small">${t("drift.from_to", { from: percent(fresh.reference), to: percent(fresh.current) })}</p>
      <${Questions} ids=${fresh.ids} examples=${examples} />
    </div>`}
  <//>`;
}

const Topic = ({ topic: { reference, current, ids }, examples }) =>
  html`<li class="drift-row drift-topic">
    <div>
      <p class="small"><b>${t("drift.from_to", { from: percent(reference), to: percent(current) })}</b></p>
      <svg class="drift-shares" width="100%" height="14" aria-hidden="true" focusable="false">
        <rect class="rollout-track" x="0" y="0" width=${wide(reference)} height="6" rx="3" />
        <rect class="rollout-filled" x="0" y="8" width=${wide(current)} height="6" rx="3" />
      </svg>
    </div>
    <div><${Questions} ids=${ids} examples=${examples} /></div>
  </li>`;

const wide = (share) => `${(100 * share).toFixed(2)}%`;
