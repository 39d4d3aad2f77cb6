// The loop of learning as one picture: each stage a link with its number, the ways between them drawn around the links.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { BASE, Section, Versioned } from "./parts.js";
import { stagesOf } from "./loop_stages.js";
import { waysBetween } from "./loop_ways.js";
import { useWatched } from "./rollout_live.js";
import { DEPLOYMENTS, GATES } from "./rollout_parts.js";

const SELDOM_MS = 15_000; // what people say and what is built of it changes slowly, and is counted anew each time
const NEWEST = 30; // those in service come first, and each is judged anew

/** Everything that is in service or was lately, looked at again and again. */
export const useDeployments = () => useWatched(`${DEPLOYMENTS}?limit=${NEWEST}`);

/** The picture for the overview, with a way to the rest. */
export function LoopHere() {
  const deployments = useDeployments();
  const gates = useWatched(GATES);
  const action = html`<div class="learning-actions">
    <a class="button" href="/finetune/drift">${t("drift.open")}</a><a class="button" href="/finetune/rollout">${t("rollout.open")}</a>
  </div>`;
  return html`<${Loop} deployments=${deployments.value} gates=${gates.value} action=${action} />`;
}

/** `deployments` and `gates` as the server lists them, null as long as that is not known. */
export function Loop({ deployments, gates, action }) {
  const advice = useWatched(`${BASE}/advice`, SELDOM_MS).value;
  const datasets = useWatched(`${BASE}/datasets`, SELDOM_MS).value;
  const runs = useWatched(`${BASE}/runs`).value;
  const stages = stagesOf({ advice, datasets, runs, gates, deployments });
  return html`<${Section} title=${t("rollout.loop")} text=${t("rollout.loop_text")} action=${action}>
    <${Picture} stages=${stages} />
  <//>`;
}

function Picture({ stages }) {
  const list = useRef(null);
  const ways = useWays(list);
  return html`<div class="loop">
    <ol ref=${list} class="loop-stages">
      ${stages.map((stage) => html`<li key=${stage.name}><${Stage} ...${stage} /></li>`)}
    </ol>
    <svg class="loop-ways" width="100%" height="100%" aria-hidden="true" focusable="false">
      ${ways.map(({ line, head }) => html`<g key=${line}><path class="loop-way" d=${line} /><path class="loop-head" d=${head} /></g>`)}
    </svg>
    <p class="visually-hidden">${t("rollout.loop_back")}</p>
  </div>`;
}

const Stage = ({ name, href, figure, told, on }) =>
  html`<a class=${on ? "loop-stage on" : "loop-stage"} href=${href}>
    <span class="loop-name">${t(`rollout.loop_${name}`)}</span>
    <b class=${name === "champion" ? "loop-figure loop-words" : "loop-figure"}><${Versioned} name=${figure ?? "–"} /></b>
    <span class="loop-told">${figure !== undefined && told}</span>
  </a>`;

/** The ways between the children of a list, measured anew whenever its size changes. */
function useWays(list) {
  const [ways, setWays] = useState([]);
  useLayoutEffect(() => {
    const measure = () => setWays(waysBetween([...list.current.children].map(box), list.current.offsetHeight));
    measure();
    const sized = new ResizeObserver(measure);
    sized.observe(list.current);
    return () => sized.disconnect();
  }, []);
  return ways;
}

const box = ({ offsetLeft: x, offsetTop: y, offsetWidth: width, offsetHeight: height }) => ({ x, y, width, height });
