// One run: where it stands, its curves as they are measured, what came of it, what its process said.
import { html, useEffect, useState } from "../../lib/html.js";
import { api, send } from "../../lib/api.js";
import { dateTime } from "../../lib/format.js";
import { navigate } from "../../lib/router.js";
import { follow } from "../../lib/sse.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Confirm } from "../../parts/dialog.js";
import { Failed, Loading } from "../../parts/states.js";
import { toast } from "../../parts/toasts.js";
import { Curves } from "./curves.js";
import { Log } from "./log.js";
import { Metrics } from "./metrics.js";
import { BASE, DatasetLink, Facts, ForAdministrators, Page, Place, Section, Share, State, VersionLink, figure, methodName, named, span } from "./parts.js";

const GOING = ["queued", "starting", "running"];

/** The view at /finetune/runs/:name. */
export default function RunPage({ name }) {
  return html`<${ForAdministrators}><${Shown} key=${name} name=${name} /><//>`;
}

/** `{run, lines, problem}` of the run, followed until it ends; `round` begins anew. */
function useFollowed(path, round) {
  const [state, setState] = useState({ run: null, lines: [], problem: null });
  useEffect(() => {
    const stop = new AbortController();
    let lines = [];
    let drawing = null;
    const draw = () => {
      drawing = null;
      setState((old) => ({ ...old, lines: [...lines] }));
    };
    const open = (last, signal) => send(`${path}/events`, { headers: last ? { "Last-Event-ID": String(last) } : {}, signal });
    const onEvent = ({ name, data }) => {
      if (name === "metrics") {
        lines.push(data);
        drawing ??= requestAnimationFrame(draw);
      } else if (name === "status" || name === "end") setState((old) => ({ ...old, run: data, problem: null }));
      return name === "end";
    };
    follow(open, { onEvent, signal: stop.signal }).catch(
      (problem) => problem.name === "AbortError" || setState((old) => ({ ...old, problem })),
    );
    return () => {
      stop.abort();
      cancelAnimationFrame(drawing);
    };
  }, [path, round]);
  return state;
}

function Shown({ name }) {
  useTitle(name);
  const path = `${BASE}/runs/${encodeURIComponent(name)}`;
  const [round, setRound] = useState(0);
  const [deleting, setDeleting] = useState(false);
  const { run, lines, problem } = useFollowed(path, round);
  const act = async (what) => {
    try {
      await api(`${path}/${what}`, { method: "POST" });
      setRound((old) => old + 1);
    } catch (error) {
      toast(error.message, { kind: "bad" });
    }
  };
  const remove = async () => {
    await api(path, { method: "DELETE" });
    navigate("/finetune");
  };
  return html`<${Page} title=${name} actions=${run && html`<${Actions} state=${run.state} onAct=${act} onDelete=${() => setDeleting(true)} />`}>
    ${problem && html`<${Failed} problem=${problem} onRetry=${() => setRound((old) => old + 1)} />`}
    ${run ? html`<${Told} run=${run} lines=${lines} path=${path} />` : !problem && html`<${Loading} />`}
    ${deleting && html`<${Confirm} title=${t("finetune.delete_run")} text=${t("finetune.delete_run_text", { name })} action=${t("action.delete")} onConfirm=${remove} onClose=${() => setDeleting(false)} />`}
  <//>`;
}

const Actions = ({ state, onAct, onDelete }) =>
  html`${GOING.includes(state) && html`<button type="button" class="button" onClick=${() => onAct("cancel")}>${t("finetune.stop")}</button>`}
    ${["failed", "cancelled", "interrupted"].includes(state) && html`<button type="button" class="button primary" onClick=${() => onAct("resume")}>${t("finetune.resume")}</button>`}
    ${!GOING.includes(state) && html`<button type="button" class="button" onClick=${onDelete}>${t("action.delete")}</button>`}`;

function Told({ run, lines, path }) {
  return html`<${Where} run=${run} />
    ${run.alarms.map(({ code, message }) => html`<p key=${code} class="note warn" role="alert">${message}</p>`)}
    ${run.findings.map(({ code, message, remedy }, n) => html`<p key=${`${code} ${n}`} class="note warn">${message} ${remedy}</p>`)}
    <${Curves} lines=${lines} going=${GOING.includes(run.state)} />
    <${Metrics} ...${run.metrics} />
    <${Log} path=${path} />`;
}

function Where({ run }) {
  const { state, stage, step, steps, progress, error, eta_seconds: left, published } = run;
  const told = [
    steps > 0 && t("finetune.step", { step, steps }),
    stage && state !== "done" && named(t(`finetune.doing_${stage.replaceAll(" ", "_")}`), stage),
    left && t("finetune.left", { time: span(left) }),
  ].filter(Boolean);
  return html`<${Section} title=${t("finetune.where")} action=${html`<${State} state=${state} />`}>
    ${steps > 0 && html`<${Share} share=${progress} label=${t("finetune.progress")} />`}
    ${told.length > 0 && html`<p class="small">${told.join(" · ")}</p>`}
    ${error && html`<p class="note bad" role="alert">${error}</p>`}
    <${Facts}
      pairs=${[
        [t("finetune.method"), methodName(run.method)],
        [t("finetune.model"), html`<${Place} path=${run.model} />`],
        [t("finetune.dataset"), html`<${DatasetLink} version=${run.data} />`],
        [t("finetune.loss"), run.loss === null ? null : figure(run.loss)],
        [t("finetune.by"), run.created_by],
        [t("finetune.begun"), run.started_at && dateTime(run.started_at)],
        [t("finetune.ended"), run.ended_at && dateTime(run.ended_at)],
        [t("finetune.attempts"), run.attempts > 1 ? run.attempts : null],
        [t("finetune.published"), published && html`<${VersionLink} name=${published} />`],
      ]}
    />
  <//>`;
}
