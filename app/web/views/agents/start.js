// Where a task begins: who does it, and the threads there are already.
import { html, useEffect, useId, useState } from "../../lib/html.js";
import { ago, dateTime } from "../../lib/format.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Failed, Loading } from "../../parts/states.js";
import { Renaming } from "../chat/conversations.js";
import { chosen, more, refresh, remove, rename, threads } from "./list.js";
import { toolName } from "./tools.js";

/** `offered` are the agents as they are loaded, `agent` the name of the one chosen. */
export function Start({ offered, agent }) {
  const { value, problem, again } = offered;
  return html`<div class="agents-start">
    <header>
      <h1>${t("agents.title")}</h1>
      <p class="muted">${t("agents.text")}</p>
    </header>
    <div class="agents-choice">
      ${problem && html`<${Failed} problem=${problem} onRetry=${again} />`}
      ${!value && !problem && html`<${Loading} />`} ${value && html`<${Choice} agents=${value} agent=${agent} />`}
    </div>
    <${Earlier} />
  </div>`;
}

function Choice({ agents, agent }) {
  const name = useId();
  if (!agents.length) return html`<p class="note">${t("agents.none_offered")}</p>`;
  return html`<fieldset class="agents-cards">
    <legend>${t("agents.choose")}</legend>
    ${agents.map(
      (each) =>
        html`<label key=${each.graph_id} class="agents-card">
          <input
            type="radio"
            name=${name}
            checked=${each.graph_id === agent}
            onChange=${() => chosen.set(each.graph_id)}
          />
          <span class="agents-card-name"><${Icon} name="bot" />${each.name}</span>
          <span class="agents-card-text">${each.description}</span>
          <span class="agents-card-tools muted">${equipment(each.metadata)}</span>
        </label>`,
    )}
  </fieldset>`;
}

/** Whom an agent can set to work, and its tools. */
function equipment({ agents = [], tools = {} }) {
  const allowed = Object.entries(tools).filter(([, permission]) => permission !== "deny");
  const named = ([tool, permission]) =>
    permission === "ask" ? t("agents.asks_first", { tool: toolName(tool) }) : toolName(tool);
  return [...agents, ...allowed.map(named)].join(" · ");
}

function Earlier() {
  const { items, more: rest, loading, problem, leaving } = useStore(threads);
  useEffect(() => {
    refresh();
  }, []);
  const shown = items.filter((item) => !leaving.has(item.thread_id));
  if (problem) return html`<${Failed} problem=${problem} onRetry=${refresh} />`;
  if (!shown.length) return null;
  return html`<section class="agents-earlier" aria-label=${t("agents.earlier")}>
    <h2>${t("agents.earlier")}</h2>
    <ul aria-busy=${loading}>
      ${shown.map((item) => html`<${Entry} key=${item.thread_id} item=${item} />`)}
    </ul>
    ${
      rest &&
      html`<button type="button" class="button quiet small" disabled=${loading} onClick=${more}>
        ${t("conversations.more")}
      </button>`
    }
  </section>`;
}

const KINDS = { interrupted: "accent", error: "bad", busy: "" };

function Entry({ item }) {
  const [renaming, setRenaming] = useState(false);
  const id = item.thread_id;
  const title = item.metadata?.title || t("conversations.untitled");
  const items = [
    { label: t("action.rename"), icon: "pencil", run: () => setRenaming(true) },
    { label: t("action.delete"), icon: "trash", danger: true, run: () => remove({ id, title }) },
  ];
  if (renaming) {
    return html`<li class="agents-entry">
      <${Renaming} item=${{ id, title }} onEnd=${() => setRenaming(false)} save=${rename} />
    </li>`;
  }
  return html`<li class="agents-entry">
    <a href=${`/agents/${id}`} title=${title}>${title}</a>
    ${
      item.status in KINDS &&
      html`<span class=${`badge ${KINDS[item.status]}`}>${t(`agents.thread_${item.status}`)}</span>`
    }
    <span class="muted small" title=${dateTime(item.updated_at)}>${ago(item.updated_at)}</span>
    <${Menu} label=${t("agents.menu_of", { title })} items=${items} />
  </li>`;
}
