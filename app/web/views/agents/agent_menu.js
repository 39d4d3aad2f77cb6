// Who the next task is for, in the composer.
import { html } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { chosen } from "./list.js";

/** `agents` there are, `agent` the name of the one chosen. */
export function AgentMenu({ agents, agent }) {
  const items = agents.map((each) => ({
    label: each.name,
    checked: each.graph_id === agent,
    run: () => chosen.set(each.graph_id),
  }));
  return html`<${Menu}
    label=${t("agents.agent", { name: agent })}
    items=${items}
    align="start up"
    buttonClass="button quiet small composer-agent"
  >
    <${Icon} name="bot" /><span>${agent}</span><${Icon} name="chevron-down" size=${0.9} />
  <//>`;
}
