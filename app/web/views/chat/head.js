// The conversation's title, and what can be done with the whole of it.
import { html, useState } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Renaming } from "./conversations.js";
import { remove } from "./list.js";

/** `onRenamed(conversation)`. */
export function ChatHead({ id, title, onRenamed }) {
  const [renaming, setRenaming] = useState(false);
  const items = [
    { label: t("action.rename"), icon: "pencil", run: () => setRenaming(true) },
    {
      label: t("action.delete"),
      icon: "trash",
      danger: true,
      run: () => {
        remove({ id, title });
        navigate("/");
      },
    },
  ];
  return html`<header class="chat-head">
    <h1 class=${renaming ? "visually-hidden" : undefined} title=${title}>${title}</h1>
    ${renaming && html`<${Renaming} item=${{ id, title }} onEnd=${() => setRenaming(false)} onRenamed=${onRenamed} />`}
    <a
      class="icon-button"
      href=${`/v1/conversations/${encodeURIComponent(id)}/export.md`}
      download
      aria-label=${t("chat.export")}
      title=${t("chat.export")}
    >
      <${Icon} name="download" />
    </a>
    <${Menu} label=${t("chat.menu")} items=${items} />
  </header>`;
}
