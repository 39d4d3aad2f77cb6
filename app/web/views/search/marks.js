// Which words of a passage are those of a question: the same but for case, accents and ending. Only the text is cut; it
// stays text. The server's own stemming is finer, so a mark is a help to the eye and not its word.
import { html } from "../../lib/html.js";

const WORD = /[\p{L}\p{N}]+/gu;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const COMMON = new Set(
  [
    "a an and any are as at be been but by can could did do does for from had has have how i if in into is it its may",
    "me my no not of on or our shall should so than that the their them there these they this those to was we were what",
    "when where which who whom whose why will with would you your",
    "aber als am an auch auf aus bei bin bis das dass dem den der des die dies diese dieser doch du ein eine einem einen",
    "einer eines er es für gibt hat haben ich ihr im in ist ja kann können man mein mit muss nach nicht noch nur ob oder",
    "sein sich sie sind so über um und uns unser vom von vor wann war warum was welche welcher wenn wer werden wie wieviel",
    "wir wird wo wohin zu zum zur",
    "au aux ce ces dans de des du elle en et est il la le les ne ou par pas pour que qui se sur un une",
    "al como con del el ella en es la las los por qué que se un una y",
  ].flatMap((line) => line.split(" ")),
);

const plain = (word) => word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** What of a question is worth marking: stems of its words, or for scripts without spaces its words themselves. */
export function stemsOf(question) {
  const stems = new Set();
  for (const word of question.match(WORD) ?? []) {
    if (UNSPACED.test(word)) for (const part of parted(word)) stems.add(part);
    else if (!COMMON.has(word.toLowerCase())) stems.add(plain(word));
  }
  return [...stems];
}

function parted(word) {
  if (!Intl.Segmenter) return [word];
  const parts = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(word)].map(({ segment }) => segment);
  return parts.filter((part) => part.length > 1);
}

/** Do two words differ in their endings only? Long ones may differ by more. */
function alike(stem, word) {
  if (stem === word) return true;
  const shorter = Math.min(stem.length, word.length);
  if (shorter < 4 || Math.abs(stem.length - word.length) > 3) return false;
  const kept = Math.max(4, Math.max(stem.length, word.length) - 3);
  return shorter >= kept && stem.slice(0, kept) === word.slice(0, kept);
}

/** `text` as a list of strings and `<mark>`s. */
export function marked(text, stems) {
  const parts = [];
  let at = 0;
  for (const [from, to] of spansOf(text, stems)) {
    if (from < at) continue;
    if (from > at) parts.push(text.slice(at, from));
    parts.push(html`<mark>${text.slice(from, to)}</mark>`);
    at = to;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

function spansOf(text, stems) {
  const spans = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (!UNSPACED.test(word)) {
      if (stems.some((stem) => alike(stem, plain(word)))) spans.push([index, index + word.length]);
      continue;
    }
    for (const stem of stems) {
      for (let at = word.indexOf(stem); at >= 0; at = word.indexOf(stem, at + stem.length))
        spans.push([index + at, index + at + stem.length]);
    }
  }
  return spans.sort((a, b) => a[0] - b[0]);
}
