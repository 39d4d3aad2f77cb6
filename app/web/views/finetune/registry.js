// What training made: every version there is, of every kind.
import { html } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { ago, bytes } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";
import { BASE, Place, Section, VersionLink, methodName } from "./parts.js";

/** The part of the overview. `made` changes when there is something new. */
export function Registry({ made }) {
  const { value, problem, again } = useLoaded((signal) => api(`${BASE}/registry`, { signal }), [made]);
  if (problem?.status === 404) return null; // a server without this part
  return html`<${Section} title=${t("finetune.registry")} text=${t("finetune.registry_text")}>
    ${problem && !value ? html`<${Failed} problem=${problem} onRetry=${again} />` : !value && html`<${Loading} />`}
    ${value && !value.items.length && html`<p class="learning-empty muted">${t("finetune.registry_empty")}</p>`}
    ${value?.items.length > 0 && html`<ul class="learning-list">${value.items.map((each) => html`<${Row} key=${each.name} version=${each} />`)}</ul>`}
  <//>`;
}

const Row = ({ version: { name, kind, method, base, size, created_at: at, sound, serving } }) =>
  html`<li class="learning-row">
    <span>
      <${VersionLink} name=${name} />${" "}
      <span class="badge">${t(`finetune.made_${kind}`)}</span>
      ${serving && html` <span class="badge good">${t("finetune.serving")}</span>`}
      ${sound === false && html` <span class="badge bad">${t("finetune.damaged")}</span>`}
    </span>
    <span class="small">${method && `${methodName(method)} · `}${base && html`<${Place} path=${base} />`}</span>
    <span class="muted small">${[size && bytes(size), at && ago(at)].filter(Boolean).join(" · ")}</span>
  </li>`;
