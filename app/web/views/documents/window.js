// Long lists: only the rows in sight are in the document, whatever there is of them.
import { html, useCallback, useLayoutEffect, useRef, useState } from "../../lib/html.js";

const BEYOND = 8;

/**
 * Draws `row(item, index)` for those of `items` that are in sight. All rows are as high as the CSS length `--row` of
 * `class`. `scroller()` is the element that scrolls; `onEnd` is called when the last row is near. `onPlace` is how the
 * list is told to keep its place when rows are added above: pass the number of rows that were.
 */
export function Window({ items, row, scroller, onEnd, class: name, ...attributes }) {
  const root = useRef(null);
  const probe = useRef(null);
  const [span, setSpan] = useState({ first: 0, last: 30, height: 0 });

  const look = useCallback(() => {
    if (!root.current) return;
    const height = probe.current.offsetHeight || 1;
    const frame = scroller();
    const top = frame.getBoundingClientRect().top - root.current.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - BEYOND);
    const last = Math.ceil((top + frame.clientHeight) / height) + BEYOND;
    setSpan((old) => (old.first === first && old.last === last && old.height === height ? old : { first, last, height }));
  }, [scroller]);

  useLayoutEffect(() => {
    const frame = scroller();
    look();
    frame.addEventListener("scroll", look, { passive: true });
    const watch = new ResizeObserver(look);
    watch.observe(frame);
    watch.observe(probe.current);
    return () => {
      frame.removeEventListener("scroll", look);
      watch.disconnect();
    };
  }, [look]);
  useLayoutEffect(look, [items.length]);
  useLayoutEffect(() => {
    if (onEnd && span.height && span.last + 40 >= items.length) onEnd();
  }, [span.last, span.height, items.length]);

  const first = Math.min(span.first, Math.max(0, items.length - 1));
  const shown = items.slice(first, span.last);
  const below = Math.max(0, items.length - first - shown.length);
  return html`<div ref=${root} class=${`window ${name}`} ...${attributes}>
    <div ref=${probe} class="window-probe" aria-hidden="true"></div>
    <div class="window-gap" role="presentation" style=${{ height: `${first * span.height}px` }}></div>
    ${shown.map((item, n) => row(item, first + n))}
    <div class="window-gap" role="presentation" style=${{ height: `${below * span.height}px` }}></div>
  </div>`;
}
