// One run of the gate: how it fares while it is at work, and its report once it is done.
import { html } from "../../lib/html.js";
import { dateTime } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Icon } from "../../parts/icon.js";
import { Failed, Loading } from "../../parts/states.js";
import { GateActions, GateState, Progress } from "./gate_state.js";
import { Report } from "./gate_report.js";
import { DatasetLink, Facts, ForAdministrators, Page, Section } from "./parts.js";
import { useWatched } from "./rollout_live.js";
import { GATES, Served } from "./rollout_parts.js";

/** The view at /finetune/gates/:id. */
export default function GatePage({ id }) {
  return html`<${ForAdministrators}><${Shown} key=${id} id=${id} /><//>`;
}

function Shown({ id }) {
  const path = `${GATES}/${encodeURIComponent(id)}`;
  const { value, problem, again } = useWatched(path);
  const title = value ? t("gate.of", { candidate: value.candidate }) : t("gate.gate");
  useTitle(title);
  const actions = value && html`<${GateActions} gate=${value} onChanged=${again} />
    ${value.report &&
    html`<a class="button" href=${`${path}/page`} target="_blank" rel="noopener"><${Icon} name="external-link" />${t("gate.page")}<span class="visually-hidden"> ${t("gate.new_tab")}</span></a>`}`;
  return html`<${Page} title=${title} actions=${actions} back=${["/finetune/rollout", t("rollout.title")]}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : value ? html`<${Told} gate=${value} />` : html`<${Loading} />`}
  <//>`;
}

function Told({ gate }) {
  const { candidate, champion, dataset, harmful, by, started_at: from, ended_at: to, error, report } = gate;
  return html`<${Section} title=${t("finetune.where")} action=${html`<${GateState} gate=${gate} />`}>
      <${Progress} gate=${gate} />
      ${error && html`<p class="note bad" role="alert">${error}</p>`}
      <${Facts}
        pairs=${[
          [t("gate.candidate"), html`<${Served} name=${candidate} />`],
          [t("gate.champion"), html`<${Served} name=${champion} />`],
          [t("gate.dataset"), html`<${DatasetLink} version=${dataset} />`],
          [t("gate.harmful"), harmful],
          [t("finetune.by"), by],
          [t("finetune.begun"), dateTime(from)],
          [t("finetune.ended"), to && dateTime(to)],
          ...(report ? figures(report) : []),
        ]}
      />
    <//>
    ${report && html`<${Report} report=${report} />`}`;
}

const figures = ({ items, clusters, leaks, rules }) => [
  [t("gate.questions"), t("gate.questions_in", { n: items, clusters })],
  [t("gate.leaks"), leaks ? t("gate.leaks_in", { n: leaks.count, rows: leaks.rows }) : t("gate.leaks_unknown")],
  [t("gate.rules_digest"), rules.digest],
];
