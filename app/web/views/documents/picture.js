// The pictures of pages: fetched once each, a few of them kept, the next one fetched before it is asked for.
import { useEffect, useRef, useState } from "../../lib/html.js";
import { send, url } from "../../lib/api.js";
import { pixelsPerPoint } from "../../lib/png.js";

const KEPT = 8;

/** Where the picture of a page lies; `chunk` is a passage that the server is to mark on it. */
export const address = (id, page, chunk = null) => url(`/v1/documents/${encodeURIComponent(id)}/pages/${page}.png`, { chunk });

/** `{path, source, width, height, scale}`: `source` for an <img>, `scale` the pixels to a point, null if not told. */
async function fetched(path, signal) {
  const blob = await (await send(path, { signal })).blob();
  const head = await blob.slice(0, 4096).arrayBuffer();
  const view = new DataView(head); // a PNG begins with its width and height
  return {
    path,
    source: URL.createObjectURL(blob),
    width: view.getUint32(16),
    height: view.getUint32(20),
    scale: pixelsPerPoint(head),
  };
}

/**
 * The picture at `wanted`, and, once it is there, the one at `next` in advance. Until then `picture` is the one before,
 * so that nothing flickers. `{picture, problem, again}`.
 */
export function usePicture(wanted, next) {
  const kept = useRef(new Map()).current;
  const [state, setState] = useState({ picture: null, problem: null, failed: null });
  const [tries, setTries] = useState(0);

  useEffect(() => () => [...kept.values()].forEach(({ source }) => URL.revokeObjectURL(source)), []);
  useEffect(() => {
    const leaving = new AbortController();
    const get = async (path) => {
      const known = kept.get(path);
      const picture = known ?? (await fetched(path, leaving.signal));
      if (leaving.signal.aborted) {
        if (!known) URL.revokeObjectURL(picture.source);
        throw new DOMException("", "AbortError");
      }
      kept.delete(path); // it becomes the youngest
      kept.set(path, picture);
      for (const [oldest, { source }] of kept) {
        if (kept.size <= KEPT) break;
        kept.delete(oldest);
        URL.revokeObjectURL(source);
      }
      return picture;
    };
    get(wanted)
      .then((picture) => {
        setState({ picture, problem: null, failed: null });
        return next && get(next).catch(() => {});
      })
      .catch((problem) => {
        if (!leaving.signal.aborted) setState((old) => ({ ...old, problem, failed: wanted }));
      });
    return () => leaving.abort();
  }, [wanted, next, tries]);
  return { picture: state.picture, problem: state.failed === wanted ? state.problem : null, again: () => setTries((old) => old + 1) };
}
