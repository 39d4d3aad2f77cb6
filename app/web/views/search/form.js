// What to search for, how, and where.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { api, session } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Segments } from "../../parts/segments.js";
import { useShortcut } from "../../parts/shortcuts.js";
import { FiltersDialog } from "../chat/filters.js";
import { countOf } from "../chat/scope.js";
import { LIMITS, MODES } from "./asked.js";
import { Chips } from "./chips.js";

/** `asked` is what the address holds; `onAsk` gets what is asked for next. */
export function SearchForm({ asked, onAsk }) {
  const [text, setText] = useState(asked.text);
  const [filters, setFilters] = useState(false);
  const field = useRef(null);
  const longest = useStore(session, (who) => who?.limits?.question_chars ?? 4000);
  useEffect(() => setText(asked.text), [asked.text]);
  useEffect(() => {
    // Where a finger points, the focus would bring the keyboard over what is to be read.
    if (!asked.text && matchMedia("(pointer: fine)").matches) field.current.focus({ preventScroll: true });
  }, []);
  useShortcut("/", t("shortcut.search_field"), () => field.current.select());
  const change = (part) => onAsk({ ...asked, text, ...part });
  const count = countOf(asked.scope);
  return html`<form
    class="search-form"
    role="search"
    aria-label=${t("search.form")}
    onSubmit=${(event) => {
      event.preventDefault();
      change({});
    }}
  >
    <div class="search-line">
      <label class="visually-hidden" for="search-field">${t("search.field")}</label>
      <${Icon} name="search" />
      <input
        ref=${field}
        id="search-field"
        type="search"
        autocomplete="off"
        enterkeyhint="search"
        maxlength=${longest}
        placeholder=${t("search.placeholder")}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
      />
      <button class="button primary">${t("search.go")}</button>
    </div>
    <div class="search-how">
      <${Segments}
        label=${t("search.mode")}
        all=${MODES}
        chosen=${asked.mode}
        text=${(name) => t(`mode.${name}`)}
        onChoose=${(mode) => change({ mode })}
      />
      <${Collections} chosen=${asked.scope.collection} onChange=${(collection) => change({ scope: { ...asked.scope, collection } })} />
      <${Choice} label=${t("search.rerank")} value=${asked.rerank} onChange=${(rerank) => change({ rerank })}>
        <option value="">${t("search.rerank_usual")}</option>
        <option value="on">${t("search.rerank_on")}</option>
        <option value="off">${t("search.rerank_off")}</option>
      <//>
      <${Choice} label=${t("search.limit")} value=${String(asked.limit)} onChange=${(limit) => change({ limit: Number(limit) })}>
        ${LIMITS.map((limit) => html`<option key=${limit} value=${String(limit)}>${t("search.limit_n", { n: limit })}</option>`)}
      <//>
      <button type="button" class="button" onClick=${() => setFilters(true)}>
        <${Icon} name="list-filter" />${count ? t("scope.filters_n", { n: count }) : t("scope.filters")}
      </button>
    </div>
    <${Chips} scope=${asked.scope} onChange=${(scope) => change({ scope })} />
  </form>
  ${filters &&
  html`<${FiltersDialog} value=${asked.scope} onChange=${(scope) => change({ scope })} onClose=${() => setFilters(false)} />`}`;
}

function Collections({ chosen, onChange }) {
  const { value } = useLoaded((signal) => api("/v1/collections", { signal }), []);
  // One that was deleted meanwhile is still shown, so that the refusal can be understood.
  const names = [...new Set([...(value?.items ?? []).map((item) => item.name), chosen])].filter(Boolean);
  return html`<${Choice} label=${t("search.collection")} value=${chosen} onChange=${onChange}>
    <option value="">${t("scope.all")}</option>
    ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
  <//>`;
}

const Choice = ({ label, value, onChange, children }) =>
  html`<label class="search-choice">
    <span class="visually-hidden">${label}</span>
    <select title=${label} value=${value} onChange=${(event) => onChange(event.target.value)}>${children}</select>
  </label>`;
