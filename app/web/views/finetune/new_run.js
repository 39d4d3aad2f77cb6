// Starting a run: the common fields, the recipe that they make, and what the server says of it while it is written.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Dialog } from "../../parts/dialog.js";
import { Segments } from "../../parts/segments.js";
import { Looked } from "./lint.js";
import { BASE } from "./parts.js";
import { EMPTY, METHODS, SCHEMES, hasAdapter, recipeOf, trains } from "./recipe.js";

const WAIT_MS = 500; // after the last key before the recipe is looked over

/** What can be offered: the datasets' versions, and the models of earlier runs. */
async function load(signal) {
  const [datasets, runs] = await Promise.all([api(`${BASE}/datasets`, { signal }), api(`${BASE}/runs`, { signal })]);
  return { versions: datasets.items.map(({ version }) => version), models: [...new Set(runs.items.map(({ model }) => model))] };
}

/** `onBegun` gets the run; `first` are fields to begin with. */
export function NewRun({ onClose, onBegun, first = {} }) {
  const known = useLoaded(load, []);
  const [fields, setFields] = useState({ ...EMPTY, ...first });
  const [own, setOwn] = useState(null); // YAML written by hand; the form is not asked then
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    const { versions: [data = ""] = [], models: [model = ""] = [] } = known.value ?? {};
    setFields((old) => ({ ...old, data: old.data || data, model: old.model || model }));
  }, [known.value]);
  const recipe = own ?? recipeOf(fields);
  const whole = own !== null || (fields.model && fields.data && fields.name);
  const looked = useLooked(recipe, whole);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      onBegun(await api(`${BASE}/runs`, { method: "POST", body: { recipe, start: true } }));
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("finetune.new_run")} onClose=${onClose} wide>
    <form class="learning-form" onSubmit=${submit}>
      <${Segments}
        label=${t("finetune.written_as")}
        all=${["form", "yaml"]}
        chosen=${own === null ? "form" : "yaml"}
        text=${(name) => t(`finetune.as_${name}`)}
        onChoose=${(name) => setOwn(name === "yaml" ? recipe : null)}
      />
      ${own === null
        ? html`<${Form} fields=${fields} known=${known.value ?? { versions: [], models: [] }} onChange=${(change) => setFields((old) => ({ ...old, ...change }))} />`
        : html`<label class="field">
            ${t("finetune.recipe")}
            <textarea class="learning-yaml" rows="14" spellcheck="false" value=${own} onInput=${(event) => setOwn(event.target.value)}></textarea>
            <small>${t("finetune.recipe_hint")}</small>
          </label>`}
      <${Looked} looked=${looked} whole=${whole} />
      ${problem && html`<p class="note bad" role="alert">${problem}</p>`}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>${t("action.cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy || !whole || looked.value?.ok === false}>${t("finetune.start")}</button>
      </footer>
    </form>
  <//>`;
}

/** What the server says of the recipe, some time after it was last changed: `{value, problem}`. */
function useLooked(recipe, whole) {
  const [state, setState] = useState({ value: null, problem: null });
  const running = useRef(null);
  useEffect(() => {
    if (!whole) return undefined;
    const timer = setTimeout(async () => {
      const mine = (running.current = new AbortController());
      try {
        const value = await api(`${BASE}/lint`, { method: "POST", body: { recipe }, signal: mine.signal });
        setState({ value, problem: null });
      } catch (problem) {
        if (problem.name !== "AbortError") setState({ value: null, problem });
      }
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      running.current?.abort();
    };
  }, [recipe, whole]);
  return state;
}

function Form({ fields, known, onChange }) {
  const text = (name, label, more = {}) =>
    html`<label class="field">${label}<input value=${fields[name]} ...${more} onInput=${(event) => onChange({ [name]: event.target.value })} /></label>`;
  const amount = (name, label, hint, step) => text(name, label, { type: "number", min: "0", step, placeholder: hint });
  const usual = t("finetune.usual");
  return html`<label class="field">
      ${t("finetune.method")}
      <select value=${fields.method} onChange=${(event) => onChange({ method: event.target.value })}>
        ${METHODS.map((name) => html`<option key=${name} value=${name}>${t(`finetune.method_${name}`)}</option>`)}
      </select>
      <small>${t(`finetune.method_${fields.method}_text`)}</small>
    </label>
    <div class="learning-pair">
      ${text("model", t("finetune.model"), { required: true, placeholder: "/models/…", list: "learning-models" })}
      <datalist id="learning-models">${known.models.map((each) => html`<option key=${each} value=${each} />`)}</datalist>
      <label class="field">
        ${t("finetune.dataset")}
        <input required list="learning-datasets" value=${fields.data} onInput=${(event) => onChange({ data: event.target.value })} />
        <datalist id="learning-datasets">${known.versions.map((each) => html`<option key=${each} value=${each} />`)}</datalist>
      </label>
      ${text("name", t("finetune.name"), { required: true, maxlength: 64 })}
    </div>
    <fieldset class="learning-pair learning-numbers">
      <legend>${t("finetune.numbers")}</legend>
      ${trains(fields.method)
        ? [amount("epochs", t("finetune.epochs"), usual, "any"), amount("rate", t("finetune.rate"), usual, "any")]
        : html`<label class="field">
            ${t("finetune.scheme")}
            <select value=${fields.scheme} onChange=${(event) => onChange({ scheme: event.target.value })}>
              ${SCHEMES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
            </select>
          </label>`}
      ${amount("length", t("finetune.length"), usual, "1")}
      ${hasAdapter(fields.method) && [amount("r", t("finetune.r"), usual, "1"), amount("alpha", t("finetune.alpha"), usual, "any")]}
    </fieldset>
    ${hasAdapter(fields.method) &&
    html`<label class="check"><input type="checkbox" checked=${fields.nf4} onChange=${(event) => onChange({ nf4: event.target.checked })} />${t("finetune.nf4")}</label>`}`;
}
