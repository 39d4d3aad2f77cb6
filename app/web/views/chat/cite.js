// A footnote's number in the text. It shows its passage when it is looked at, and opens the source when it is pressed.
import { html, useId } from "../../lib/html.js";
import { t } from "../../lib/texts.js";
import { PassageBody } from "./passage_body.js";
import { placeOf } from "./place.js";
import { Popover, useHover } from "./popover.js";

/** `quote` is the statement that cites it; `onOpen()` opens the source. */
export function Cite({ number, source, quote, current, onOpen }) {
  const { open, anchor, handlers, close } = useHover();
  const id = useId();
  return html`<span class="cite" ...${handlers}>
    <button
      ref=${anchor}
      type="button"
      class="cite-number"
      aria-label=${t("cite.label", { n: number, title: source.title })}
      aria-describedby=${open ? id : undefined}
      aria-pressed=${current ? "true" : "false"}
      onClick=${() => {
        close();
        onOpen();
      }}
    >
      ${number}
    </button>
    ${
      open &&
      html`<${Popover} anchor=${anchor} id=${id} label=${t("cite.passage", { n: number })}>
        <${Place} source=${source} />
        <div class="cite-text">
          ${
            source.withheld
              ? html`<p class="muted">${t("source.withheld")}</p>`
              : html`<${PassageBody} text=${source.text} quotes=${[quote]} />`
          }
        </div>
      <//>`
    }
  </span>`;
}

function Place({ source }) {
  const place = placeOf(source);
  return html`<p class="cite-place">
    <strong>${source.withheld ? t("source.gone") : source.title}</strong>${
      place && html`<span class="muted">${place}</span>`
    }
  </p>`;
}
