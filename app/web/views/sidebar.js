// The way between the views, the reader's conversations, and how the page looks and speaks.
import { html } from "../lib/html.js";
import { api, session } from "../lib/api.js";
import { useStore } from "../lib/store.js";
import { LANGUAGES, chooseLanguage, language, t } from "../lib/texts.js";
import { theme } from "../lib/theme.js";
import { Icon } from "../parts/icon.js";
import { Menu } from "../parts/menu.js";
import { showShortcuts } from "../parts/shortcuts.js";
import { toast } from "../parts/toasts.js";
import { Conversations } from "./chat/conversations.js";

const LINKS = [
  ["/agents", "agents", "bot"],
  ["/documents", "documents", "file-text"],
  ["/search", "search", "search"],
  ["/status", "status", "activity"],
];
const FOR_ADMINISTRATORS = [["/finetune", "finetune", "layers"]];
const THEMES = { system: "monitor", light: "sun", dark: "moon" };

/** `current` is the view shown; `onLeave` is called when something was chosen. */
export function Sidebar({ current, path, onLeave }) {
  const admin = useStore(session, (who) => who?.principal?.admin ?? false);
  const links = admin ? [...LINKS, ...FOR_ADMINISTRATORS] : LINKS;
  // Another address closes the drawer by itself; the one where the reader is does not change.
  const onClick = (event) => event.target.closest("a")?.pathname === location.pathname && onLeave();
  return html`<aside id="sidebar" class="sidebar" onClick=${onClick}>
    <a class="brand" href="/"><img src=${new URL("../icon.svg", import.meta.url).pathname} alt="" width="24" height="24" />Footnote</a>
    <a class="button primary new-chat" href="/"><${Icon} name="plus" />${t("nav.new_chat")}</a>
    <nav class="nav" aria-label=${t("nav.label")}>
      ${links.map(
        ([href, name, icon]) =>
          html`<a key=${name} class="nav-link" href=${href} aria-current=${current === name ? "page" : undefined}>
            <${Icon} name=${icon} />${t(`nav.${name}`)}
          </a>`,
      )}
    </nav>
    <${Conversations} path=${path} />
    <${Foot} />
  </aside>`;
}

function Foot() {
  const chosen = useStore(theme);
  const { code } = useStore(language);
  const who = useStore(session);
  const themes = Object.entries(THEMES).map(([name, icon]) => ({
    label: t(`theme.${name}`),
    icon,
    checked: chosen === name,
    run: () => theme.set(name),
  }));
  const languages = Object.entries(LANGUAGES).map(([name, label]) => ({
    label,
    checked: code === name,
    run: () => chooseLanguage(name),
  }));
  return html`<footer class="sidebar-foot">
    <${Menu} label=${t("theme.label")} items=${themes} align="start up"><${Icon} name=${THEMES[chosen]} /><//>
    <${Menu} label=${t("language.label")} items=${languages} align="start up"><${Icon} name="languages" /><//>
    <button
      type="button"
      class="icon-button"
      aria-label=${t("shortcut.title")}
      title=${t("shortcut.title")}
      onClick=${showShortcuts}
    >
      <${Icon} name="keyboard" />
    </button>
    ${who?.keys_required &&
    html`<button
      type="button"
      class="icon-button"
      aria-label=${t("sign_in.leave", { id: who.principal.id })}
      title=${t("sign_in.leave", { id: who.principal.id })}
      onClick=${signOut}
    >
      <${Icon} name="log-out" />
    </button>`}
  </footer>`;
}

async function signOut() {
  try {
    await api("/v1/session", { method: "DELETE" });
    session.set({ signedOut: true });
  } catch (problem) {
    toast(problem.message, { kind: "bad" });
  }
}
