// Drift: what is asked, answered and paid for now, held against what it was; what lasts, and what would be trained next.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { ago, dateTime } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { Lasting, whose } from "./drift_alarms.js";
import { Figures } from "./drift_figures.js";
import { NextRun } from "./drift_next.js";
import { Probes } from "./drift_probes.js";
import { day } from "./drift_series.js";
import { Topics } from "./drift_topics.js";
import { Facts, ForAdministrators, Page, Section } from "./parts.js";
import { useWatched } from "./rollout_live.js";
import { Part, Refused, usePart } from "./rollout_parts.js";

const DRIFT = "/v1/drift";
const EVERY_MS = 10_000; // the server looks once a day; somebody else may look now
const LOOKS = 90;
const EVERYTHING = "*";

/** The view at /finetune/drift. */
export default function DriftPage({ query }) {
  return html`<${ForAdministrators}><${Shown} query=${query} /><//>`;
}

function Shown({ query }) {
  useTitle(t("drift.title"));
  const [wanted, setScope] = useState(EVERYTHING);
  const found = useWatched(DRIFT, EVERY_MS);
  const report = found.value?.report;
  const looks = useLoaded((signal) => api(`${DRIFT}/history?limit=${LOOKS}`, { signal }), [report?.at]).value?.items ?? [];
  usePart(report && query); // the parts are there once it is
  const scope = report?.scopes.find(({ name }) => name === wanted) ?? report?.scopes[0];
  const examples = useLoaded(
    async (signal) => (scope ? api(`${DRIFT}/examples?scope=${encodeURIComponent(scope.name)}`, { signal }) : null),
    [report?.at, scope?.name],
  ).value;
  const choice = report?.scopes.length > 1 && html`<${Scopes} scopes=${report.scopes} chosen=${scope.name} onChoose=${setScope} />`;
  return html`<${Page} title=${t("drift.title")} actions=${html`<${LookNow} onLooked=${found.again} />`}>
    <p class="muted learning-about">${t("drift.about")}</p>
    ${found.problem && !found.value ? html`<${Failed} problem=${found.problem} onRetry=${found.again} />` : !found.value && html`<${Loading} />`}
    ${found.value && html`<${Newest} report=${report} next=${found.value.next_at} examples=${examples} looks=${looks} />`}
    ${scope &&
    html`<${Part} id="figures"><${Figures} scope=${scope} looks=${looks} action=${choice} /><//>
      <${Part} id="topics"><${Topics} scope=${scope} examples=${examples} /><//>`}
    ${report && html`<${Part} id="anchors"><${Probes} looks=${looks} /><//><${Part} id="next"><${NextRun} proposal=${report.proposal} /><//>`}
  <//>`;
}

/** The last look in a sentence, what lasts, and what is needed where nothing was compared. */
function Newest({ report, next, examples, looks }) {
  const compared = report?.windows;
  const days = ({ start, end }) => t("drift.days", { from: day(Date.parse(start)), to: day(Date.parse(end) - 1) });
  return html`<${Section} title=${t("drift.last")} text=${report && t("drift.looked", { when: ago(report.at) })}>
    ${!compared && html`<p class="learning-empty">${t("drift.empty")} ${!next && t("drift.empty_none")}</p>`}
    <${Facts}
      pairs=${[
        [t("drift.reference"), compared && days(compared.reference)],
        [t("drift.current"), compared && days(compared.current)],
        [t("drift.next"), next && dateTime(next)],
        [t("drift.sample"), sampled(report?.sample)],
      ]}
    />
    ${report && html`<${Lasting} report=${report} examples=${examples} looks=${looks} />`}
  <//>`;
}

const sampled = (sample) => sample && sample.looked_at < sample.answers && t("drift.sampled", { n: sample.answers, looked: sample.looked_at });

const Scopes = ({ scopes, chosen, onChoose }) =>
  html`<label class="field">
    ${t("drift.scope")}
    <select value=${chosen} onChange=${(event) => onChoose(event.target.value)}>
      ${scopes.map(({ name, state }) => html`<option key=${name} value=${name}>${whose({ scope: name })} · ${t(`drift.state_${state}`)}</option>`)}
    </select>
  </label>`;

function LookNow({ onLooked }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const look = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await api(`${DRIFT}/look`, { method: "POST" });
      await onLooked();
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  return html`<${Refused} problem=${problem} />
    <button type="button" class="button" disabled=${busy} onClick=${look}>
      <${Icon} name=${busy ? "loader-circle" : "rotate-ccw"} spin=${busy} />${t(busy ? "drift.looking" : "drift.look")}
    </button>`;
}
