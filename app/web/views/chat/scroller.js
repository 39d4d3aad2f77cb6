// A scrolling area that stays at its end while it grows, unless the reader has gone elsewhere in it.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";

const NEAR = 48;

/**
 * `{area, content, atEnd, toEnd, stay}`: `area` scrolls `content`, both refs. `name` changes when something else is
 * shown; while `still`, what grows is not followed. `stay()` is for a reader who opens something where they are.
 */
export function useScroller(name, still) {
  const resting = useRef(still);
  resting.current = still;
  const area = useRef(null);
  const content = useRef(null);
  const following = useRef(true);
  const [atEnd, setAtEnd] = useState(true);
  const toEnd = useCallback((smooth = false) => {
    following.current = true;
    area.current?.scrollTo({ top: area.current.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  }, []);
  const stay = useCallback(() => (following.current = false), []);
  useLayoutEffect(() => toEnd(), [name]);
  useEffect(() => {
    const element = area.current;
    let last = element.scrollTop;
    const onScroll = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR;
      // Only the reader goes up; going down may be ourselves on the way to the end.
      if (near) following.current = true;
      else if (element.scrollTop < last) following.current = false;
      last = element.scrollTop;
      setAtEnd(near);
    };
    const grown = new ResizeObserver(() => {
      if (following.current && !resting.current) toEnd();
      else onScroll();
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    grown.observe(content.current);
    grown.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      grown.disconnect();
    };
  }, []);
  return { area, content, atEnd, toEnd, stay };
}
