// What the views of learning share: who may look, states, facts in pairs, a way back.
import { html, useEffect } from "../../lib/html.js";
import { session } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Empty } from "../../parts/states.js";

export const BASE = "/v1/finetune";

/** Asks again some time after each answer (`told`), while something goes on. */
export function usePolled(going, again, told, ms) {
  useEffect(() => {
    if (!going) return undefined;
    const timer = setTimeout(again, ms);
    return () => clearTimeout(timer);
  }, [going, again, told, ms]);
}

/** Draws `children` for administrators; tells others who may look. */
export function ForAdministrators({ children }) {
  const admin = useStore(session, (who) => who?.principal?.admin ?? false);
  if (admin) return children;
  return html`<${Empty} icon="layers" title=${t("finetune.refused")}><p>${t("finetune.refused_text")}</p><//>`;
}

/** The page of one thing: a way back (`[address, name]`), its name, what can be done with it. */
export const Page = ({ title, actions, children, back: [address, name] = ["/finetune", t("nav.finetune")] }) =>
  html`<div class="view learning">
    <p class="learning-back"><a href=${address}><${Icon} name="chevron-left" />${name}</a></p>
    <header class="view-head">
      <h1><${Versioned} name=${title} /></h1>
      <div class="learning-actions">${actions}</div>
    </header>
    ${children}
  </div>`;

/** A part of the overview: its heading, a sentence, what can be begun. */
export const Section = ({ title, text, action, children }) =>
  html`<section class="card learning-section" aria-label=${title}>
    <header class="learning-head">
      <div>
        <h2>${title}</h2>
        ${text && html`<p class="muted small">${text}</p>`}
      </div>
      ${action}
    </header>
    ${children}
  </section>`;

const KINDS = { done: "good", failed: "bad", running: "accent", building: "accent", starting: "accent", interrupted: "warn" };

/** Where a run or a build stands. */
export const State = ({ state }) => html`<span class=${`badge ${KINDS[state] ?? ""}`}>${t(`finetune.state_${state}`)}</span>`;

/** `pairs` are [name, value]; those without a value are left out. */
export const Facts = ({ pairs }) =>
  html`<dl class="facts">
    ${pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
  </dl>`;

/** How far something is, as a bar that says so; `share` is in [0, 1]. */
export const Share = ({ share, label }) =>
  html`<div
    class="progress"
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(share * 100)}
  >
    <div style=${{ width: `${share * 100}%` }}></div>
  </div>`;

/** A version's name, which may break before its digest. */
export function Versioned({ name }) {
  const at = name.lastIndexOf("@");
  return at < 0 ? name : html`${name.slice(0, at)}<wbr />${name.slice(at)}`;
}

/** A place on the machine, which may break after each slash. */
export const Place = ({ path }) => path.split(/(?<=\/)/).map((part) => html`${part}<wbr />`);

/** A dataset by its version, and where to look at it; a file by its name. */
export const DatasetLink = ({ version }) =>
  version.includes("@") ? html`<a href=${`/finetune/datasets/${encodeURIComponent(version)}`}><${Versioned} name=${version} /></a>` : version;

/** A version of the registry, and where to look at it. */
export function VersionLink({ name }) {
  const [title, version] = name.split("@");
  return html`<a href=${`/finetune/versions/${encodeURIComponent(title)}/${encodeURIComponent(version)}`}><${Versioned} name=${name} /></a>`;
}

/** A measured value: four digits that mean something. */
export const figure = (value) =>
  value === null || value === undefined
    ? "–"
    : value !== 0 && Math.abs(value) < 0.001
      ? value.toExponential(1)
      : number(value, { maximumSignificantDigits: 4 });

/** How something was made; a method that this page does not know yet by its own name. */
export const methodName = (method) => named(t(`finetune.method_${method}`), method);

/** Seconds in the two largest units. */
export function span(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return t("finetune.seconds", { n: Math.round(seconds) });
  if (minutes < 90) return t("finetune.minutes", { n: minutes });
  return t("finetune.hours", { n: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** A code that others made, as words: "too_short" is "too short". */
export const words = (code) => code.replaceAll("_", " ");

/** The `text` of a code; the code as words where the page has no text for it. */
export const named = (text, code) => (text.startsWith("finetune.") ? words(code) : text);
