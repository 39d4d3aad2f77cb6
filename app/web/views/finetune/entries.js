// A look into a dataset: kinds of entries as buttons with their number, and below them the entries, part by part.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { api, url } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";

/** `groups` are `{label, choices: [{label, n, query}]}`; `draw` is the component for one entry. */
export function Entries({ path, groups, draw }) {
  const [chosen, setChosen] = useState("");
  return groups.map(
    ({ label, choices }) => html`<div key=${label} class="learning-group" role="group" aria-label=${label}>
      <h3>${label}</h3>
      <div class="learning-chosen">
        ${choices.map((each) => {
          const key = JSON.stringify(each.query);
          return html`<button key=${key} type="button" class="button small" aria-expanded=${chosen === key} onClick=${() => setChosen(chosen === key ? "" : key)}>
            ${each.label} <b>${number(each.n)}</b>
          </button>`;
        })}
      </div>
      ${choices
        .filter(({ query }) => chosen === JSON.stringify(query))
        .map((each) => html`<${Some} key=${chosen} path=${path} query=${each.query} label=${`${label}: ${each.label}`} draw=${draw} />`)}
    </div>`,
  );
}

function Some({ path, query, label, draw: Draw }) {
  const [{ items, next, problem, loading }, setState] = useState({ items: [], next: null, problem: null, loading: true });
  const list = useRef(null);
  const fetchPart = async (after) => {
    setState((old) => ({ ...old, problem: null, loading: true }));
    try {
      const part = await api(url(path, { ...query, after }));
      setState((old) => ({ items: [...old.items, ...part.items], next: part.next, problem: null, loading: false }));
    } catch (error) {
      setState((old) => ({ ...old, problem: error, loading: false }));
    }
  };
  const more = async () => {
    const before = items.length;
    await fetchPart(next);
    list.current?.children[before]?.focus(); // the button may be gone
  };
  useEffect(() => void fetchPart(), []);
  return html`<ol ref=${list} class="learning-entries" aria-label=${label} aria-busy=${loading}>
      ${items.map((item, n) => html`<li key=${n} tabindex="-1"><${Draw} item=${item} /></li>`)}
    </ol>
    ${loading && html`<${Loading} />`}
    ${problem && html`<${Failed} problem=${problem} onRetry=${() => fetchPart(items.length ? next : undefined)} />`}
    ${!loading && !problem && next !== null && html`<button type="button" class="button small" onClick=${more}>${t("finetune.more")}</button>`}`;
}
