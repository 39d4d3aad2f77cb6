// The processes, their memory, and the index.
import { html } from "../../lib/html.js";
import { bytes, dateTime, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

const HOUR = 3600;

export function Server({ server }) {
  const { index, processes, workers } = server;
  const facts = [
    ["version", server.version],
    ["up", t("status.up_since", { time: uptime(server.uptime_seconds), since: dateTime(server.started_at) })],
    ["generator", server.generator],
    ["embedder", index.embedder],
    ["index", indexText(index)],
    index.disk_bytes !== null && ["disk", bytes(index.disk_bytes)],
    ["memory", bytes(processes.reduce((sum, each) => sum + each.memory_bytes, 0))],
  ];
  return html`<section class="card figure">
    <h2>${t("status.server")}</h2>
    <dl class="facts">
      ${facts.filter(Boolean).map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${t(`status.fact_${name}`)}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    <div class="figure-rows" tabindex="0" role="region" aria-label=${t("status.processes")}>
      <table class="stages">
        <thead>
          <tr>
            <th scope="col">${t("status.process")}</th>
            <th scope="col">${t("status.fact_memory")}</th>
            <th scope="col">${t("status.state")}</th>
          </tr>
        </thead>
        <tbody>
          ${processes.map(
            ({ name, memory_bytes: memory }) =>
              html`<tr key=${name}>
                <th scope="row">${name}</th>
                <td>${bytes(memory)}</td>
                <td>${stateText(workers[name])}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** The index in words; its other stages are those of a rebuild. */
function indexText({ stage, points, pending, lacking }) {
  const parts = [
    points !== null && t("status.points", { n: points }),
    stage && t(`status.index_${QUIET.includes(stage) ? stage : "rebuilding"}`),
    pending > 0 && t("status.pending", { n: pending }),
    lacking > 0 && t("status.lacking", { n: lacking }),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** "running, 2 restarts" as the server says it, in the reader's words; the server itself says nothing, and runs. */
function stateText(said = "running") {
  const [, state, restarts = "0"] = /^(running|down)(?:, (\d+) restarts)?$/.exec(said) ?? [];
  if (!state) return said;
  const words = t(`status.process_${state}`);
  return restarts === "0" ? words : `${words}, ${t("status.restarts", { n: Number(restarts) })}`;
}

const QUIET = ["idle", "unavailable"];

function uptime(seconds) {
  const [value, unit] =
    seconds >= 48 * HOUR ? [seconds / 24 / HOUR, "day"] : seconds >= HOUR ? [seconds / HOUR, "hour"] : [seconds / 60, "minute"];
  return number(value, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 });
}
