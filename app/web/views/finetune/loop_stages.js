// The stages of learning with their numbers, out of what the server says of each.
import { ago, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { answering, percent } from "./rollout_parts.js";

const GOING = ["queued", "starting", "running"];
const ROLLOUT = "/finetune/rollout";

const count = (items, wanted) => items?.filter(wanted).length;
const inStage = (deployments, stage) => deployments?.items.filter((each) => each.stage === stage);
const titles = (items) => items.map(({ version }) => version.split("@")[0]).join(", ");

/** `[{name, href, figure, told, on}]`, from feedback to the champion; without a `figure` nothing is known of it yet. */
export function stagesOf({ advice, datasets, runs, gates, deployments }) {
  return [feedback(advice), dataset(datasets), training(runs), gate(gates), shadow(deployments), canary(deployments), champion(deployments)];
}

function stage(name, href, found, told, on) {
  const figure = typeof found === "number" ? number(found) : found;
  return { name, href, figure, told, on: Boolean(on) };
}

function feedback(advice) {
  const { judged, good } = advice?.counts ?? {};
  return stage("feedback", "/finetune?part=feedback", judged, advice && t("rollout.loop_judged", { n: judged, good }), judged);
}

function dataset(datasets) {
  const n = datasets?.items.length;
  const building = datasets?.builds.some(({ state }) => state === "building");
  const told = n ? t("rollout.loop_newest", { when: ago(datasets.items[0].created_at) }) : t("rollout.loop_none");
  return stage("dataset", "/finetune?part=datasets", n, building ? t("rollout.loop_building") : told, building || n);
}

function training(runs) {
  const going = count(runs?.items, ({ state }) => GOING.includes(state));
  const done = count(runs?.items, ({ state }) => state === "done");
  return stage("training", "/finetune?part=runs", done, t("rollout.loop_runs", { n: going ?? 0 }), going || done);
}

function gate(gates) {
  const passed = count(gates?.items, (each) => each.passed === true);
  const stopped = count(gates?.items, (each) => each.passed === false);
  const going = count(gates?.items, ({ state }) => state === "running");
  const told = t("rollout.loop_gates", { n: stopped ?? 0 });
  return stage("gate", `${ROLLOUT}?part=gates`, passed, going ? t("rollout.loop_gate_going") : told, going || passed);
}

function shadow(deployments) {
  const found = inStage(deployments, "shadow");
  const told = found?.length ? titles(found) : t("rollout.loop_none");
  return stage("shadow", `${ROLLOUT}?part=deployments`, found?.length, told, found?.length);
}

function canary(deployments) {
  const found = inStage(deployments, "canary");
  const shares = found?.map(({ share }) => percent(share)).join(", ");
  const told = found?.length ? t("rollout.loop_share", { name: titles(found), share: shares }) : t("rollout.loop_none");
  return stage("canary", `${ROLLOUT}?part=deployments`, found?.length, told, found?.length);
}

function champion(deployments) {
  const found = inStage(deployments, "champion")?.find(({ scope }) => scope === "*");
  const told = found ? t("rollout.loop_since", { when: ago(found.changed_at) }) : t("rollout.loop_unnamed");
  return stage("champion", `${ROLLOUT}?part=deployments`, deployments && answering(deployments, "*"), told, found);
}
