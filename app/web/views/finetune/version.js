// One version of the registry: its card, whether its files are whole, and loading it onto the engines.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { useTitle } from "../../lib/title.js";
import { Failed, Loading } from "../../parts/states.js";
import { toast } from "../../parts/toasts.js";
import { Card } from "./card.js";
import { ForAdministrators, Page } from "./parts.js";

/** The view at /finetune/versions/:title/:version. */
export default function VersionPage({ title, version }) {
  return html`<${ForAdministrators}><${Shown} key=${`${title}@${version}`} title=${title} version=${version} /><//>`;
}

function Shown({ title, version }) {
  const name = `${title}@${version}`;
  useTitle(name);
  const path = `/v1/adapters/${encodeURIComponent(title)}/versions/${encodeURIComponent(version)}`;
  const { value, problem, again } = useLoaded((signal) => api(path, { signal }), [path]);
  const [checked, setChecked] = useState(null);
  const [refused, setRefused] = useState(null);
  const [busy, setBusy] = useState("");
  const act = async (what, done) => {
    setBusy(what);
    setRefused(null);
    try {
      done(await api(`${path}/${what}`, { method: "POST" }));
    } catch (error) {
      setRefused(error.message);
    }
    setBusy("");
  };
  const load = () =>
    act("load", () => {
      toast(t("finetune.loaded", { name }), { kind: "good" });
      again();
    });
  const actions = html`<button type="button" class="button" disabled=${busy} onClick=${() => act("verify", setChecked)}>
      ${t(busy === "verify" ? "finetune.verifying" : "finetune.verify")}
    </button>
    ${value?.kind === "adapter" &&
    !value.serving &&
    html`<button type="button" class="button primary" disabled=${busy || checked?.sound === false} onClick=${load}>
      ${t(busy === "load" ? "finetune.loading" : "finetune.load")}
    </button>`}`;
  return html`<${Page} title=${name} actions=${value && actions}>
    <div class="learning-told" role="status">${checked && html`<${Checked} ...${checked} />`}</div>
    ${refused && html`<p class="note bad" role="alert">${refused}</p>`}
    ${problem ? html`<${Failed} problem=${problem} onRetry=${again} />` : value ? html`<${Card} version=${value} />` : html`<${Loading} />`}
  <//>`;
}

function Checked({ sound, problems }) {
  if (sound) return html`<p class="note good">${t("finetune.sound")}</p>`;
  return html`<div class="note bad">
    <p>${t("finetune.unsound")}</p>
    <ul>${problems.map((each) => html`<li key=${each}>${each}</li>`)}</ul>
  </div>`;
}
