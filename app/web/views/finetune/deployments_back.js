// The way back of a scope: what ends, and who answers then, said before it is done.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { ago } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { Loading } from "../../parts/states.js";
import { toast } from "../../parts/toasts.js";
import { DEPLOYMENTS, Refused, Why, answering } from "./rollout_parts.js";

const FARTHEST = 200; // deployments of the scope that are looked through, the newest first

/** Those that were champion of a scope and are no more, the last one first. */
async function formerOf(scope, signal) {
  const of = `scope=${encodeURIComponent(scope)}`;
  const [known, history] = await Promise.all([
    api(`${DEPLOYMENTS}?${of}&limit=${FARTHEST}`, { signal }),
    api(`${DEPLOYMENTS}/history?${of}&limit=1000`, { signal }),
  ]);
  const were = new Set(history.items.filter(({ after }) => after === "champion").map((each) => each.deployment_id));
  return known.items
    .filter(({ id, stage }) => were.has(id) && stage !== "champion")
    .sort((a, b) => Date.parse(b.changed_at) - Date.parse(a.changed_at));
}

/** `champion` and `trial` are what is in service in the scope, undefined where nothing is. */
export function Back({ scope, list, champion, trial, onClose, onDone }) {
  const { value: former, problem } = useLoaded((signal) => formerOf(scope, signal), [scope]);
  return html`<${Dialog} title=${t("rollout.back")} onClose=${onClose}>
    ${former
      ? html`<${Choice} scope=${scope} list=${list} champion=${champion} trial=${trial} former=${former} onClose=${onClose} onDone=${onDone} />`
      : problem
        ? html`<${Refused} problem=${problem.message} />`
        : html`<${Loading} />`}
  <//>`;
}

/** What can be gone back to: `[{key, to, name, text}]`, what is done without being asked first. */
function waysBack({ scope, list, champion, trial, former }) {
  const ways = [];
  if (trial) ways.push({ key: "trial", text: t("rollout.back_trial", { version: trial.version, name: answering(list, scope, trial.id) }) });
  if (!champion) return ways;
  const usual = former.find(({ stage }) => stage === "retired");
  const all = usual ? [usual, ...former.filter((each) => each !== usual)] : former;
  const none = { key: "none", text: t("rollout.back_none", { version: champion.version, name: answering(list, scope, champion.id) }) };
  // Without a name the server goes to the last that was retired; where there is none, to nobody.
  if (!usual && !trial) ways.push(none);
  return [...ways, ...all.map(({ id, version, changed_at: at }) => ({ key: id, to: id, text: t("rollout.back_to", { version: champion.version, name: version, when: ago(at) }) }))];
}

function Choice({ onClose, onDone, ...around }) {
  const ways = waysBack(around);
  const [chosen, setChosen] = useState(ways[0].key);
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { to } = ways.find(({ key }) => key === chosen);
    try {
      const ended = await api(`${DEPLOYMENTS}/rollback`, { method: "POST", body: { scope: around.scope, why, ...(to ? { to } : {}) } });
      toast(t("rollout.back_done", { version: ended.version }), { kind: "good" });
      onDone();
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<form class="learning-form" onSubmit=${submit}>
    ${ways.length === 1
      ? html`<p>${ways[0].text}</p>`
      : html`<fieldset class="learning-choices">
          <legend>${t("rollout.back_where")}</legend>
          ${ways.map(
            ({ key, text }) => html`<label key=${key} class="check">
              <input type="radio" name="way" checked=${key === chosen} onChange=${() => setChosen(key)} /><span>${text}</span>
            </label>`,
          )}
        </fieldset>`}
    <${Why} value=${why} onChange=${setWhy} />
    <${Refused} problem=${problem} />
    <footer class="dialog-foot">
      <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
      <button type="submit" class="button danger" disabled=${busy}>${t("rollout.back")}</button>
    </footer>
  </form>`;
}
