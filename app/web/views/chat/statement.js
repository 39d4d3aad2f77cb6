// One statement of an answer with its footnotes, and a word of warning where they do not carry it.
import { html, useMemo } from "../../lib/html.js";
import { inlineMarkdown } from "../../lib/markdown.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { Cite } from "./cite.js";

/** `sources` by id, `numbers` of footnotes by source, `current` the source shown beside; `onOpen(sourceId)`. */
export function Statement({ statement, sources, numbers, current, onOpen }) {
  const { text, whole, supported } = statement;
  const inside = useMemo(() => ({ __html: inlineMarkdown(text) }), [text]);
  const cited = whole ? statement.sources.filter((id) => sources.has(id)) : [];
  const withheld = cited.some((id) => sources.get(id).withheld);
  const doubtful = whole && !supported && !withheld;
  return html`<div class=${doubtful ? "statement doubtful" : "statement"}>
    <p class=${withheld ? "muted" : undefined}>
      ${withheld ? t("source.withheld_statement") : html`<span dangerouslySetInnerHTML=${inside}></span>`}${cited.map(
        (id) =>
          html`<${Cite}
            key=${id}
            number=${numbers.get(id)}
            source=${sources.get(id)}
            quote=${text}
            current=${id === current}
            onOpen=${() => onOpen(id)}
          />`,
      )}
    </p>
    ${
      doubtful &&
      html`<p class="statement-doubt">
        <${Icon} name="triangle-alert" />${t(cited.length ? "statement.unsupported" : "statement.uncited")}
      </p>`
    }
  </div>`;
}
