// Begins the page: texts, who we are, and the view that the address asks for.
import { html, render } from "./lib/html.js";
import { api, session } from "./lib/api.js";
import { startRouter } from "./lib/router.js";
import { passes, presence } from "./lib/presence.js";
import { loadTexts } from "./lib/texts.js";
import { startTheme } from "./lib/theme.js";
import { startShortcuts } from "./parts/shortcuts.js";
import { Shell, expectOthers, expectView } from "./views/shell.js";

async function askSession() {
  try {
    session.set(await api("/v1/session"));
  } catch (problem) {
    if (problem.status !== 401) session.set({ problem });
  }
}

expectView(location.pathname);
await Promise.all([loadTexts(), askSession()]);
startTheme();
startRouter();
startShortcuts();
presence.watch((found) => found === "here" && passes(session.get()?.problem) && askSession());
render(html`<${Shell} onRetry=${askSession} />`, document.getElementById("app"));
expectOthers();
