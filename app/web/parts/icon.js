// A drawing by name, the size of the text around it. It says nothing to a screen reader: its button does.
import { h } from "../vendor/preact.js";
import nodes from "../vendor/icons.js";

/** The icon `name` of vendor/icons.js, `size` in em. */
export function Icon({ name, size = 1.15, spin = false }) {
  return h(
    "svg",
    {
      class: spin ? "icon spin" : "icon",
      viewBox: "0 0 24 24",
      width: `${size}em`,
      height: `${size}em`,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 2,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
      focusable: "false",
    },
    nodes[name].map(([element, attributes]) => h(element, attributes)),
  );
}
