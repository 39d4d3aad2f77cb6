// The filters that hold, each with a way to take it away.
import { html } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { formatter } from "../../lib/intl.js";
import { useLoaded } from "../../lib/load.js";
import { language, t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { remember, titleOf } from "./asked.js";

export function Chips({ scope, onChange }) {
  useTitles(scope.documents.map(({ id }) => id));
  const without = (name, item) => () => onChange({ ...scope, [name]: scope[name].filter((each) => each !== item) });
  const chips = [
    ...scope.documents.map((item) => [item.id, titleOf(item.id) ?? item.title, without("documents", item)]),
    scope.after && ["after", t("scope.after", { day: dayText(scope.after) }), () => onChange({ ...scope, after: "" })],
    scope.before && ["before", t("scope.before", { day: dayText(scope.before) }), () => onChange({ ...scope, before: "" })],
    ...scope.metadata.map((item, n) => [`m${n}`, `${item.key} = ${item.value}`, without("metadata", item)]),
  ].filter(Boolean);
  if (!chips.length) return null;
  return html`<ul class="search-chips" aria-label=${t("scope.active")}>
    ${chips.map(
      ([key, label, remove]) =>
        html`<li key=${key} class="badge accent">
          <span title=${label}>${label}</span>
          <button type="button" aria-label=${t("scope.remove", { name: label })} onClick=${remove}>
            <${Icon} name="x" size=${0.9} />
          </button>
        </li>`,
    )}
  </ul>`;
}

const dayText = (day) =>
  formatter(Intl.DateTimeFormat, language.get().locale, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(day));

/** Asks for the titles of documents that came with the address. One that is gone keeps its id, so it can be taken away. */
function useTitles(ids) {
  const unknown = ids.filter((id) => titleOf(id) === undefined);
  useLoaded(
    async (signal) => {
      const asked = unknown.map((id) => api(`/v1/documents/${encodeURIComponent(id)}`, { signal }));
      const found = await Promise.allSettled(asked);
      found.forEach(({ value }, n) => value && remember(unknown[n], value.title));
      return found.length;
    },
    [unknown.join(" ")],
  );
}
