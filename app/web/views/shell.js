// What surrounds every view: the sidebar with the way between them, and the one view that the address names.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { session } from "../lib/api.js";
import { match, navigate, route } from "../lib/router.js";
import { doubt, presence } from "../lib/presence.js";
import { useStore } from "../lib/store.js";
import { language, t } from "../lib/texts.js";
import { nameView } from "../lib/title.js";
import { Icon } from "../parts/icon.js";
import { Shortcuts, useShortcut } from "../parts/shortcuts.js";
import { Failed, Loading } from "../parts/states.js";
import { Toasts } from "../parts/toasts.js";
import { Presence } from "./presence.js";
import { Sidebar } from "./sidebar.js";
import { SignIn } from "./sign_in.js";

// One function for both addresses: what is begun stays as it is drawn when it gets its own.
const chat = () => import("./chat/chat.js");
const agents = () => import("./agents/agents.js");

const VIEWS = [
  ["/", "chat", chat],
  ["/c/:id", "chat", chat],
  ["/agents", "agents", agents],
  ["/agents/:id", "agents", agents],
  ["/documents", "documents", () => import("./documents/documents.js")],
  ["/documents/:id", "documents", () => import("./documents/document.js")],
  ["/search", "search", () => import("./search/search.js")],
  ["/answers/:id/why", "search", () => import("./search/why.js")],
  ["/status", "status", () => import("./status/status.js")],
  ["/finetune", "finetune", () => import("./finetune/finetune.js")],
  ["/finetune/datasets/:version", "finetune", () => import("./finetune/dataset.js")],
  ["/finetune/runs/:name", "finetune", () => import("./finetune/run.js")],
  ["/finetune/versions/:title/:version", "finetune", () => import("./finetune/version.js")],
  ["/finetune/rollout", "finetune", () => import("./finetune/rollout.js")],
  ["/finetune/drift", "finetune", () => import("./finetune/drift.js")],
  ["/finetune/deployments/:id", "finetune", () => import("./finetune/deployment.js")],
  ["/finetune/gates/:id", "finetune", () => import("./finetune/gate.js")],
];

/** The view at a path: `{name, load, parameters}`. */
function viewAt(path) {
  for (const [pattern, name, load] of VIEWS) {
    const parameters = match(pattern, path);
    if (parameters) return { name, load, parameters };
  }
  return null;
}

const OTHERS_MS = 4000; // what the first view still asks for goes before

const loaded = new Map();

const loading = (load) => load().then((module) => loaded.set(load, module.default));

/** Begins to load the view at a path, before anything is drawn. */
export const expectView = (path) => loading(viewAt(path)?.load ?? chat).catch(() => {}); // drawing it will tell

/** Loads the other views when the browser has nothing to do, so that going there needs no waiting and no server. */
export function expectOthers() {
  const idle = globalThis.requestIdleCallback ?? setTimeout;
  setTimeout(() => VIEWS.forEach(([, , load]) => idle(() => loading(load).catch(() => {}))), OTHERS_MS);
}

/** The component of a view once it is there, and what kept it from being loaded. */
function useView(load) {
  const [failed, setFailed] = useState(null);
  const [, redraw] = useState(null);
  const View = loaded.get(load);
  useEffect(() => {
    if (!load || View) return undefined; // it may have come between drawing and here: then this draws it
    let stale = false;
    loading(load).then(
      () => stale || redraw({}),
      () => {
        doubt();
        if (!stale) setFailed(() => load);
      },
    );
    return () => (stale = true);
  }, [load]);
  return { View, failed: failed === load };
}

function Outlet({ view, query }) {
  const { View, failed } = useView(view?.load);
  // A browser may remember that a module could not be loaded, until the page is loaded anew.
  useEffect(() => presence.watch((found) => found === "here" && failed && location.reload()), [failed]);
  if (!view) return html`<${NotHere} />`;
  if (View) return html`<${View} ...${view.parameters} query=${query} />`;
  if (failed) return html`<${Failed} problem=${{ message: t("error.view") }} onRetry=${() => location.reload()} />`;
  return html`<${Loading} />`;
}

const NotHere = () =>
  html`<div class="state empty">
    <h1>${t("error.not_here")}</h1>
    <p><a href="/">${t("nav.new_chat")}</a></p>
  </div>`;

/** The whole page. */
export function Shell({ onRetry }) {
  const who = useStore(session);
  useStore(language); // all texts are drawn anew when the language changes
  if (who?.problem) return html`<${Failed} problem=${who.problem} onRetry=${onRetry} />`;
  if (who?.signedOut) return html`<${SignIn} onSignedIn=${onRetry} />`;
  return html`<${Frame} />`;
}

function Frame() {
  const { path, query } = useStore(route);
  const view = viewAt(path);
  const [drawer, setDrawer] = useDrawer(path);
  useViewName(view);
  useShortcut("g c", t("shortcut.chat"), () => navigate("/"));
  useShortcut("g a", t("shortcut.agents"), () => navigate("/agents"));
  useShortcut("g d", t("shortcut.documents"), () => navigate("/documents"));
  useShortcut("g s", t("shortcut.search"), () => navigate("/search"));
  useShortcut("g t", t("shortcut.status"), () => navigate("/status"));
  return html`<div
    class=${drawer ? "frame drawer-open" : "frame"}
    onKeyDown=${(event) => event.key === "Escape" && !event.defaultPrevented && setDrawer(false)}
  >
    <a class="skip" href="#main" target="_self" onClick=${focusMain}>${t("nav.skip")}</a>
    <header class="top-bar">
      <button
        type="button"
        class="icon-button"
        aria-label=${t("nav.menu")}
        aria-expanded=${drawer}
        aria-controls="sidebar"
        onClick=${() => setDrawer(!drawer)}
      >
        <${Icon} name=${drawer ? "x" : "menu"} />
      </button>
      <a class="brand" href="/">Footnote</a>
    </header>
    <${Sidebar} current=${view?.name} path=${path} onLeave=${() => setDrawer(false)} />
    <div class="drawer-back" onClick=${() => setDrawer(false)}></div>
    <main id="main" class="main" tabindex="-1" inert=${drawer}><${Outlet} view=${view} query=${query} /></main>
    <${Presence} />
    <${Toasts} />
    <${Shortcuts} />
  </div>`;
}

/** The sidebar on narrow screens: `[open, setOpen]`. What it covers cannot be reached, and no focus stays in it. */
function useDrawer(path) {
  const [open, setOpen] = useState(false);
  const before = useRef({ open, path });
  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    const wide = matchMedia("(min-width: 861px)");
    const close = () => setOpen(false);
    wide.addEventListener("change", close);
    return () => wide.removeEventListener("change", close);
  }, []);
  // Before the sidebar is hidden, not some time after: then the browser has taken the focus from it already.
  useLayoutEffect(() => {
    const was = before.current;
    before.current = { open, path };
    const button = document.querySelector(".top-bar button");
    const sidebar = document.getElementById("sidebar");
    if (open && document.activeElement === button) sidebar.querySelector("a").focus(); // the button is covered
    if (was.open && !open && sidebar.contains(document.activeElement)) {
      (was.path === path ? button : document.getElementById("main")).focus();
    }
  }, [open]);
  return [open, setOpen];
}

/** Names the page after its view, and says the name when the reader came from another one. */
function useViewName(view) {
  const name = !view ? t("error.not_here") : view.name === "chat" ? "" : t(`nav.${view.name}`);
  const first = useRef(true);
  useEffect(() => {
    nameView(name, { spoken: !first.current });
    first.current = false;
  }, [name]);
}

function focusMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}
