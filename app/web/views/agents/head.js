// A thread's title, the way back to the others, and what can be done with the whole of it.
import { html, useState } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Renaming } from "../chat/conversations.js";
import { remove, rename } from "./list.js";

/** `onRenamed({id, title})`. */
export function ThreadHead({ id, title, onRenamed }) {
  const [renaming, setRenaming] = useState(false);
  const items = [
    { label: t("action.rename"), icon: "pencil", run: () => setRenaming(true) },
    {
      label: t("action.delete"),
      icon: "trash",
      danger: true,
      run: () => {
        remove({ id, title });
        navigate("/agents");
      },
    },
  ];
  return html`<header class="chat-head">
    <a class="icon-button" href="/agents" aria-label=${t("agents.all")} title=${t("agents.all")}>
      <${Icon} name="chevron-left" />
    </a>
    <h1 class=${renaming ? "visually-hidden" : undefined} title=${title}>${title}</h1>
    ${
      renaming &&
      html`<${Renaming}
        item=${{ id, title }}
        onEnd=${() => setRenaming(false)}
        onRenamed=${onRenamed}
        save=${rename}
      />`
    }
    <${Menu} label=${t("agents.menu")} items=${items} />
  </header>`;
}
