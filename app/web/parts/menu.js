// A button that opens a list of actions: arrows move, Escape closes, as the ARIA menu button pattern has it.
import { html, useEffect, useId, useRef, useState } from "../lib/html.js";
import { Icon } from "./icon.js";

/** `items` are `{label, icon?, run, danger?, checked?}`; null ones are left out. `children` replace the three dots. */
export function Menu({ label, items, children, align = "end", buttonClass = "icon-button" }) {
  const [open, setOpen] = useState(false);
  const root = useRef(null);
  const id = useId();
  const entries = () => [...root.current.querySelectorAll("[role^=menuitem]")];

  useEffect(() => {
    if (!open) return undefined;
    entries()[0]?.focus();
    const outside = (event) => !root.current.contains(event.target) && setOpen(false);
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);

  const close = () => {
    setOpen(false);
    root.current.querySelector("button").focus();
  };
  const onKeyDown = (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    const all = entries();
    if (!open || !all.length) return;
    if (event.key === "Escape") close();
    else if (event.key in steps)
      all[(all.indexOf(document.activeElement) + steps[event.key] + all.length) % all.length].focus();
    else if (event.key === "Home") all[0].focus();
    else if (event.key === "End") all.at(-1).focus();
    else if (event.key === "Tab") return setOpen(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return html`<div class="menu" ref=${root} onKeyDown=${onKeyDown}>
    <button
      type="button"
      class=${buttonClass}
      aria-label=${label}
      title=${label}
      aria-haspopup="menu"
      aria-expanded=${open}
      aria-controls=${open ? id : undefined}
      onClick=${() => setOpen(!open)}
    >
      ${children ?? html`<${Icon} name="ellipsis" />`}
    </button>
    ${open &&
    html`<div id=${id} class=${`menu-list ${align}`} role="menu" aria-label=${label}>
      ${items.filter(Boolean).map(
        ({ label: name, icon, run, danger, checked }) =>
          html`<button
            type="button"
            key=${name}
            tabindex="-1"
            role=${checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked=${checked}
            class=${danger ? "menu-item danger" : "menu-item"}
            onClick=${() => {
              close();
              run();
            }}
          >
            ${icon && html`<${Icon} name=${icon} />`}<span>${name}</span>
            ${checked && html`<${Icon} name="check" />`}
          </button>`,
      )}
    </div>`}
  </div>`;
}
