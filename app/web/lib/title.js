// What the browser's tab and a screen reader call the page: the innermost thing shown, then the product.
import { announce } from "./announce.js";
import { useEffect } from "./html.js";

const inner = [];
let view = "";

const write = () => (document.title = [inner.at(-1)?.text || view, "Footnote"].filter(Boolean).join(" · "));

/** While the component is drawn, the page is called `text`: a document's name, a conversation's title. */
export function useTitle(text) {
  useEffect(() => {
    const entry = { text };
    inner.push(entry);
    write();
    return () => {
      inner.splice(inner.indexOf(entry), 1);
      write();
    };
  }, [text]);
}

/** The view has another name now; `spoken` says it aloud as well. */
export function nameView(text, { spoken }) {
  view = text;
  write();
  if (spoken && text) announce(text);
}
