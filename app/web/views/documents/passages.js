// The passages in reading order, as they were cut.
import { html, useEffect, useRef } from "../../lib/html.js";
import { number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";

/** `passages` is what `usePassages` gives; choosing the chosen one again lets go of it. */
export function Passages({ passages, chosen, onChoose }) {
  const end = useRef(null);
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => entry.isIntersecting && passages.more(), { rootMargin: "600px" });
    watch.observe(end.current);
    return () => watch.disconnect();
  }, [passages.more]);
  return html`<ol class="passages">
    ${passages.items.map(
      (passage) =>
        html`<${Passage}
          key=${passage.id}
          passage=${passage}
          chosen=${chosen?.id === passage.id}
          onChoose=${() => onChoose(chosen?.id === passage.id ? null : passage)}
        />`,
    )}
    <li ref=${end} class="passages-end" aria-hidden="true"></li>
  </ol>`;
}

function Passage({ passage, chosen, onChoose }) {
  const { id, ordinal, page, heading_path: path, tokens, kind, text } = passage;
  const facts = [
    page && t("documents.on_page", { n: page }),
    t("documents.n_tokens", { n: tokens }),
    kind !== "text" && t(`documents.chunk_${kind}`),
  ];
  return html`<li id=${`passage-${id}`} class=${chosen ? "passage chosen" : "passage"}>
    <button type="button" aria-pressed=${chosen} onClick=${onChoose}>
      <span class="passage-facts">
        <span class="passage-number">${number(ordinal + 1)}</span>
        <span>${facts.filter(Boolean).join(" · ")}</span>
      </span>
      ${path.length > 0 && html`<span class="passage-path">${path.join(" › ")}</span>`}
      <span class="passage-text">${text}</span>
    </button>
  </li>`;
}
