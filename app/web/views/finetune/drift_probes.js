// The anchors, asked again at each look: how near answers come to the wanted ones, by the version that answered.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Plot } from "./drift_plot.js";
import { Facts, Section, Versioned, figure } from "./parts.js";
import { inWords } from "./rollout_interval.js";

/** `looks` as the server tells them, the oldest first. */
export function Probes({ looks }) {
  const probes = looks.filter(({ probe }) => probe);
  const now = probes.at(-1)?.probe;
  if (!now) return html`<${Section} title=${t("drift.probes")}><p class="learning-empty muted">${t("drift.probes_none")}</p><//>`;
  return html`<${Section} title=${t("drift.probes")} text=${t("drift.probes_text", { n: now.anchors })}>
    ${now.alarm && html`<p class="note bad">${t("drift.probes_worse")}</p>`}
    <${Facts}
      pairs=${[
        [t("drift.version"), html`<${Versioned} name=${now.version} />`],
        [t("drift.likeness"), figure(now.mean)],
        [t("drift.difference"), now.difference === null ? null : inWords(now.difference, now.low, now.high)],
      ]}
    />
    <${Plot} of=${plotted(probes)} />
  <//>`;
}

function plotted(probes) {
  const lines = new Map();
  for (const { at, probe } of probes) {
    if (!lines.has(probe.version)) lines.set(probe.version, []);
    lines.get(probe.version).push([Date.parse(at), probe.mean]);
  }
  const alarms = probes.filter(({ probe }) => probe.alarm).map(({ at }) => Date.parse(at));
  return { lines: [...lines].map(([name, points]) => ({ name, points })), before: null, borne: null, alarms, show: figure };
}
