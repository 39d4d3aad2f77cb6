// The words of a passage, as text: paragraphs, lines that are rows of a table, and marked what an answer quotes.
import { html } from "../../lib/html.js";

/** `quotes` are statements; those that stand in the passage word for word are marked. */
export function PassageBody({ text, quotes = [] }) {
  return text
    .trim()
    .split(/\n{2,}/)
    .map((block, n) => {
      const rows = rowsOf(block);
      return rows ? html`<${Table} key=${n} rows=${rows} />` : html`<p key=${n}>${marked(block, quotes)}</p>`;
    });
}

/** A block whose lines all have the same number of cells, null for another. */
function rowsOf(block) {
  const rows = block.split("\n").map((line) => line.split(" | "));
  return rows.length > 1 && rows[0].length > 1 && rows.every((row) => row.length === rows[0].length) ? rows : null;
}

const Table = ({ rows }) =>
  html`<div class="source-table">
    <table>
      <tbody>
        ${rows.map(
          (row, n) =>
            html`<tr key=${n}>
              ${row.map((cell, m) => html`<td key=${m}>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;

/** Text with the quotes in it in <mark>. Line breaks in the passage are spaces in a quote. */
function marked(text, quotes) {
  const spans = quotes.flatMap((quote) => spansOf(quote, text)).sort((a, b) => a[0] - b[0]);
  const parts = [];
  let at = 0;
  for (const [from, to] of spans) {
    if (from < at) continue;
    parts.push(text.slice(at, from), html`<mark>${text.slice(from, to)}</mark>`);
    at = to;
  }
  return [...parts, text.slice(at)];
}

function spansOf(quote, text) {
  const words = quote.trim().split(/\s+/);
  if (words.length < 3) return [];
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
  const found = new RegExp(pattern, "u").exec(text);
  return found ? [[found.index, found.index + found[0].length]] : [];
}
