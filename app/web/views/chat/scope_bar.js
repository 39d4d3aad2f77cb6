// What is asked, under the composer's field: the collection and the filters, and each filter as a chip above.
import { html } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { useStore } from "../../lib/store.js";
import { language, t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { countOf, scope } from "./scope.js";

/** The collection and the way to the filters: `onFilters()`. */
export function ScopeBar({ onFilters }) {
  const chosen = useStore(scope);
  const { value } = useLoaded((signal) => api("/v1/collections", { signal }), []);
  const names = (value?.items ?? []).map((item) => item.name);
  // A collection that was deleted meanwhile is still shown, so that the refusal can be understood.
  const all = [...new Set(["", ...names, chosen.collection])];
  const items = all.map((name) => ({
    label: name || t("scope.all"),
    checked: chosen.collection === name,
    run: () =>
      scope.set((old) => ({ ...old, collection: name, documents: name === old.collection ? old.documents : [] })),
  }));
  const count = countOf(chosen);
  return html`<div class="composer-scope">
    <${Menu}
      label=${t("scope.collection", { name: chosen.collection || t("scope.all") })}
      items=${items}
      align="start up"
      buttonClass="button quiet small composer-collection"
    >
      <${Icon} name="layers" /><span>${chosen.collection || t("scope.all")}</span
      ><${Icon} name="chevron-down" size=${0.9} />
    <//>
    <button type="button" class="button quiet small" onClick=${onFilters}>
      <${Icon} name="list-filter" /><span>${count ? t("scope.filters_n", { n: count }) : t("scope.filters")}</span>
    </button>
  </div>`;
}

/** The filters that hold, each with a way to take it away. */
export function ScopeChips() {
  const chosen = useStore(scope);
  if (!countOf(chosen)) return null;
  const day = (value) =>
    new Intl.DateTimeFormat(language.get().locale, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(value));
  const without = (name, item) => () =>
    scope.set((old) => ({ ...old, [name]: old[name].filter((each) => each !== item) }));
  const chips = [
    ...chosen.documents.map((item) => [item.id, item.title, without("documents", item)]),
    chosen.after && [
      "after",
      t("scope.after", { day: day(chosen.after) }),
      () => scope.set((old) => ({ ...old, after: "" })),
    ],
    chosen.before && [
      "before",
      t("scope.before", { day: day(chosen.before) }),
      () => scope.set((old) => ({ ...old, before: "" })),
    ],
    ...chosen.metadata.map((item, n) => [`m${n}`, `${item.key} = ${item.value}`, without("metadata", item)]),
  ].filter(Boolean);
  return html`<ul class="composer-chips" aria-label=${t("scope.active")}>
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
