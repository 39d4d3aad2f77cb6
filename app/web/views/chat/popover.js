// A small window beside what it belongs to. It opens under the pointer and on keyboard focus, stays while the pointer
// is over either, and closes by Escape.
import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";

const OPEN_MS = 140;
const CLOSE_MS = 180;
const GAP = 8;

/** `{open, anchor, handlers, close}`: `anchor` is the ref of the element, `handlers` its and the window's listeners. */
export function useHover() {
  const [open, setOpen] = useState(false);
  const anchor = useRef(null);
  const timer = useRef(0);
  const after = useCallback((ms, value) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOpen(value), ms);
  }, []);
  const close = useCallback(() => {
    clearTimeout(timer.current);
    setOpen(false);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!open) return undefined;
    const onKey = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // the panel beside stays open
      event.stopPropagation();
      close();
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, [open]);
  const handlers = {
    onPointerEnter: (event) => event.pointerType === "mouse" && after(OPEN_MS, true),
    onPointerLeave: (event) => event.pointerType === "mouse" && after(CLOSE_MS, false),
    onFocusIn: (event) => event.target.matches(":focus-visible") && after(0, true),
    onFocusOut: (event) => !event.currentTarget.contains(event.relatedTarget) && after(0, false),
  };
  return { open, anchor, handlers, close };
}

/** The window: as near to its anchor as the screen allows. */
export function Popover({ anchor, id, label, children }) {
  const element = useRef(null);
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    place(element.current, anchor.current);
    setScrolls(element.current.scrollHeight > element.current.clientHeight + 1);
  }, []);
  return html`<div
    ref=${element}
    id=${id}
    class="cite-popover"
    role=${scrolls ? "region" : "note"}
    aria-label=${label}
    tabindex=${scrolls ? "0" : undefined}
  >
    ${children}
  </div>`;
}

function place(element, anchor) {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const above = at.top - GAP - height >= GAP;
  const below = at.bottom + GAP + height <= innerHeight - GAP;
  const top = below || !above ? Math.min(at.bottom + GAP, innerHeight - height - GAP) : at.top - GAP - height;
  const left = Math.min(Math.max(at.left + at.width / 2 - width / 2, GAP), innerWidth - width - GAP);
  element.style.top = `${Math.max(GAP, top)}px`;
  element.style.left = `${left}px`;
}
