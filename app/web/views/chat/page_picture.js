// A page as a picture with passages lit, the current one with a bar beside it.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { send, url } from "../../lib/api.js";
import { useLoaded } from "../../lib/load.js";
import { pixelsPerPoint } from "../../lib/png.js";
import { t } from "../../lib/texts.js";
import { Failed, Loading } from "../../parts/states.js";

/**
 * `lit` are the sources whose passages stand on the page, `current` the one that the reader came for; `zoom` is the
 * picture's width as a share of the panel's. `onMissing(problem)` is called where there is no such picture.
 */
export function PagePicture({ document, page, lit, current, zoom, onMissing }) {
  const chunks = lit.map((source) => source.chunk_id).sort();
  const path = url(`/v1/documents/${encodeURIComponent(document)}/pages/${page}.png`, { chunk: chunks });
  const { value, problem, loading, again } = useLoaded((signal) => drawn(path, signal), [path]);
  const frame = useRef(null);
  const [size, setSize] = useState(null);
  useEffect(() => () => value && URL.revokeObjectURL(value.source), [value]);
  useEffect(() => {
    if (problem?.status === 404) onMissing(problem);
  }, [problem]);

  const boxes = current.boxes.filter((box) => box.page === page);
  const place = size && value?.scale && value.path === path ? placeOf(boxes, size, value.scale) : null;
  useLayoutEffect(() => {
    if (!size || value?.path !== path) return;
    const { scrollWidth, scrollHeight, clientHeight, clientWidth } = frame.current;
    const top = place ? place.top * scrollHeight - clientHeight * 0.3 : 0;
    const left = place ? (place.left + place.width / 2) * scrollWidth - clientWidth / 2 : 0;
    frame.current.scrollTo({ top, left });
  }, [size, path, zoom, current.id]);

  if (problem && problem.status !== 404) return html`<${Failed} problem=${problem} onRetry=${again} />`;
  const alt = t("source.picture", { n: lit.length, page, title: current.title });
  return html`<div
    ref=${frame}
    class="source-frame"
    tabindex="0"
    role="region"
    aria-label=${t("source.page", { n: page })}
  >
    ${!value && html`<${Loading} />`}
    ${
      value &&
      html`<div class=${loading ? "source-sheet loading" : "source-sheet"} style=${{ width: `${zoom * 100}%` }}>
        <img
          src=${value.source}
          alt=${alt}
          onLoad=${({ target }) => setSize({ width: target.naturalWidth, height: target.naturalHeight })}
        />
        ${
          place &&
          html`<span
            class="source-mark"
            aria-hidden="true"
            style=${{ top: `${place.top * 100}%`, left: `${place.left * 100}%`, height: `${place.height * 100}%` }}
          ></span>`
        }
      </div>`
    }
  </div>`;
}

async function drawn(path, signal) {
  const blob = await (await send(path, { signal })).blob();
  const scale = pixelsPerPoint(await blob.slice(0, 4096).arrayBuffer());
  return { path, source: URL.createObjectURL(blob), scale };
}

/** Around all boxes, as shares of the picture. */
function placeOf(boxes, { width, height }, scale) {
  if (!boxes.length) return null;
  const [left, top] = [Math.min(...boxes.map((box) => box.x0)), Math.min(...boxes.map((box) => box.y0))];
  const [right, bottom] = [Math.max(...boxes.map((box) => box.x1)), Math.max(...boxes.map((box) => box.y1))];
  return {
    left: (left * scale) / width,
    top: (top * scale) / height,
    width: ((right - left) * scale) / width,
    height: ((bottom - top) * scale) / height,
  };
}
