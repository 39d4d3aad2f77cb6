// What the server has learnt from what people said, what it could learn next, and what came of it.
import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Advice } from "./advice.js";
import { Datasets } from "./datasets.js";
import { LoopHere } from "./loop.js";
import { ForAdministrators } from "./parts.js";
import { Registry } from "./registry.js";
import { Part, usePart } from "./rollout_parts.js";
import { Runs } from "./runs.js";

/** The view at /finetune. */
export default function Learning({ query }) {
  const [made, setMade] = useState(0);
  usePart(query);
  return html`<div class="view learning">
    <header class="view-head"><h1>${t("nav.finetune")}</h1></header>
    <${ForAdministrators}>
      <p class="muted learning-about">${t("finetune.about")}</p>
      <${LoopHere} />
      <${Part} id="feedback"><${Advice} /><//>
      <${Part} id="datasets"><${Datasets} /><//>
      <${Part} id="runs"><${Runs} onMade=${setMade} /><//>
      <${Registry} made=${made} />
    <//>
  </div>`;
}
