// The source that the reader has opened, beside the answer that cites it.
import { html, useEffect } from "../../lib/html.js";
import { SourcePanel } from "./source_panel.js";
import { citedIn } from "./turns.js";

/**
 * `shown` is `{turn, source}`, the key of one of `turns` and the id of its source; `onShow` is given a change of it.
 * `onStep(number)` goes to the step of an agent that a source is.
 */
export function Beside({ turns, shown, onShow, onClose, onStep }) {
  const turn = turns.find((item) => item.key === shown.turn);
  const cited = turn ? citedIn(turn) : [];
  const numbered = cited.includes(shown.source);
  const byId = new Map((turn?.sources ?? []).map((source) => [source.id, source]));
  const list = numbered ? cited.map((id) => byId.get(id)) : (turn?.sources ?? []);
  const at = list.findIndex((source) => source.id === shown.source);
  useEffect(() => {
    if (at < 0) onClose(); // the statement that cited it was taken back
  }, [at]);
  if (at < 0) return null;
  const quotes = turn.statements.filter((item) => item.sources.includes(shown.source)).map((item) => item.text);
  return html`<${SourcePanel}
    list=${list}
    at=${at}
    quotes=${quotes}
    numbered=${numbered}
    onGo=${(source) => onShow((old) => ({ ...old, source }))}
    onClose=${onClose}
    onStep=${onStep}
  />`;
}
