// Bringing a version into service: which, for whom, where it begins, and the report that lets it through.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { dateTime } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { Segments } from "../../parts/segments.js";
import { Percent } from "./deployments_move.js";
import { BASE } from "./parts.js";
import { DEPLOYMENTS, GATES, Refused, Why } from "./rollout_parts.js";

const EMPTY = { version: "", kind: "all", place: "", stage: "shadow", percent: "10", gate: "", ungated: "", why: "" };

/** What can be offered: versions with the base among them, reports that let one through, collections. */
async function load(signal) {
  const [adapters, registry, gates, collections] = await Promise.all(
    ["/v1/adapters", `${BASE}/registry`, GATES, "/v1/collections"].map((path) => api(path, { signal })),
  );
  const made = registry.items.filter(({ kind }) => kind === "adapter").map(({ name }) => name);
  const served = adapters.items.map(({ name }) => name);
  return {
    base: adapters.base,
    versions: [...new Set([...made, ...served, adapters.base])],
    gates: gates.items.filter(({ passed, state }) => passed && state === "done"),
    collections: collections.items.map(({ name }) => name),
  };
}

/** What the server is sent. */
function bodyOf({ version, kind, place, stage, percent, gate, ungated, why }) {
  const scope = kind === "all" ? "*" : `${kind}:${place.trim()}`;
  const share = stage === "canary" ? { share: Number(percent) / 100 } : {};
  return { version, scope, stage, why, ...share, ...(gate ? { gate } : ungated ? { ungated } : {}) };
}

export function Begin({ onClose, onBegun }) {
  const known = useLoaded(load, []);
  const [fields, setFields] = useState(EMPTY);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const change = (some) => setFields((old) => ({ ...old, ...some }));
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api(DEPLOYMENTS, { method: "POST", body: bodyOf(fields) });
      onBegun();
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("rollout.begin")} onClose=${onClose}>
    <form class="learning-form" onSubmit=${submit}>
      <${Version} fields=${fields} known=${known.value} onChange=${change} />
      <${Scope} fields=${fields} known=${known.value} onChange=${change} />
      <${Segments} label=${t("rollout.begins_at")} all=${["shadow", "canary", "champion"]} chosen=${fields.stage} text=${(each) => t(`rollout.stage_${each}`)} onChoose=${(stage) => change({ stage })} />
      ${fields.stage === "canary" && html`<${Percent} value=${fields.percent} onChange=${(percent) => change({ percent })} />`}
      <${Passed} fields=${fields} known=${known.value} onChange=${change} />
      <${Why} value=${fields.why} onChange=${(why) => change({ why })} />
      <${Refused} problem=${problem ?? known.problem?.message} />
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy || !fields.version}>${t("rollout.begin")}</button>
      </footer>
    </form>
  <//>`;
}

const Version = ({ fields, known, onChange }) =>
  html`<label class="field">
    ${t("rollout.version")}
    <select required value=${fields.version} onChange=${(event) => onChange({ version: event.target.value, gate: "" })}>
      <option value="">${t("rollout.choose")}</option>
      ${(known?.versions ?? []).map((name) => html`<option key=${name} value=${name}>${name === known.base ? t("rollout.base_named", { name }) : name}</option>`)}
    </select>
  </label>`;

const Scope = ({ fields, known, onChange }) =>
  html`<div class="learning-pair">
    <label class="field">
      ${t("rollout.scope")}
      <select value=${fields.kind} onChange=${(event) => onChange({ kind: event.target.value, place: "" })}>
        ${["all", "collection", "group"].map((kind) => html`<option key=${kind} value=${kind}>${t(`rollout.for_${kind}`)}</option>`)}
      </select>
    </label>
    ${fields.kind !== "all" &&
    html`<label class="field">
      ${t(`rollout.name_${fields.kind}`)}
      <input required maxlength="200" list=${fields.kind === "collection" ? "rollout-collections" : undefined} value=${fields.place} onInput=${(event) => onChange({ place: event.target.value })} />
      <datalist id="rollout-collections">${(known?.collections ?? []).map((name) => html`<option key=${name} value=${name} />`)}</datalist>
    </label>`}
  </div>`;

/** The report of a gate that let the version through, or why it goes without. */
function Passed({ fields, known, onChange }) {
  const reports = (known?.gates ?? []).filter(({ candidate }) => candidate === fields.version);
  return html`${reports.length > 0 &&
    html`<label class="field">
      ${t("rollout.gate")}
      <select value=${fields.gate} onChange=${(event) => onChange({ gate: event.target.value })}>
        <option value="">${t("rollout.gate_none")}</option>
        ${reports.map(({ id, started_at: at }) => html`<option key=${id} value=${id}>${dateTime(at)}</option>`)}
      </select>
    </label>`}
    ${!fields.gate &&
    fields.version !== known?.base &&
    html`<label class="field">
      ${t("rollout.ungated")}
      <input minlength="3" maxlength="500" value=${fields.ungated} onInput=${(event) => onChange({ ungated: event.target.value })} />
      <small>${t("rollout.ungated_hint")}</small>
    </label>`}`;
}
