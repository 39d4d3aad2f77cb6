// Measures of the gate and what it says of each, in the reader's words.
import { t } from "../../lib/texts.js";
import { words } from "./parts.js";

const KINDS = { passed: "good", undecided: "warn", not_ruled: "" };

/** A text of the gate; the code as words where this page has none for it. */
const known = (text, code) => (text.startsWith("gate.") ? words(code) : text);

/** A measure by its name, a part of it by the part's. */
export function measureName(measure, slice = null) {
  if (slice === null) return known(t(`gate.measure_${measure}`), measure);
  const at = slice.indexOf(":");
  return t("gate.slice", { by: known(t(`gate.by_${slice.slice(0, at)}`), slice.slice(0, at)), name: slice.slice(at + 1) });
}

/** The verdict on a measure: `{text, kind}`, `kind` being how it is drawn. */
export const saidOf = (said) => ({ text: known(t(`gate.said_${said}`), said), kind: KINDS[said] ?? "bad" });
