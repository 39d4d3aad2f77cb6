// An answer as text that keeps its footnotes.
import { t } from "../../lib/texts.js";
import { placeOf } from "./place.js";
import { citedIn } from "./turns.js";

/** The statements with [1], [2] … and below what these are. */
export function citedText(turn) {
  const ids = citedIn(turn);
  const sources = new Map(turn.sources.map((source) => [source.id, source]));
  const statements = turn.statements.map(({ text, sources: own }) => {
    const marks = own.filter((id) => ids.includes(id)).map((id) => `[${ids.indexOf(id) + 1}]`);
    return [text, marks.join("")].filter(Boolean).join(" ");
  });
  const notes = ids.map((id, n) => {
    const source = sources.get(id);
    const place = placeOf(source);
    return `[${n + 1}] ${source.withheld ? t("source.gone") : source.title}${place ? `, ${place}` : ""}`;
  });
  return [statements.join("\n\n"), notes.join("\n")].filter(Boolean).join("\n\n");
}
