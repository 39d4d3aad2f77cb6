// Text to the letter in a box of bounded height, which the keyboard reaches where it scrolls.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";

/** `label` names the box to a screen reader. */
export function TextBox({ text, label }) {
  const element = useRef(null);
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    setScrolls(element.current.scrollHeight > element.current.clientHeight + 1);
  }, [text]);
  const reached = scrolls ? { tabindex: "0", role: "group", "aria-label": label } : {};
  return html`<pre ref=${element} class="step-text" ...${reached}>${text}</pre>`;
}
