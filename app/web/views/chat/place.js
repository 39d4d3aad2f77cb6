// Where a passage stands, in words.
import { t } from "../../lib/texts.js";

/**
 * "page 2 · Leave › Annual leave", or which step of an agent it is; the title is left to the caller. Empty where nothing
 * is known.
 */
export function placeOf({ page, heading_path: headings, title, step }) {
  if (step) return t("source.step", { n: step });
  const path = headings[0] === title ? headings.slice(1) : headings;
  return [page ? t("source.page", { n: page }) : "", path.join(" › ")].filter(Boolean).join(" · ");
}
