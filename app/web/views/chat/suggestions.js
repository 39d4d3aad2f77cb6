// Questions to begin with, made from headings that really stand in the documents.
import { api, url } from "../../lib/api.js";
import { t } from "../../lib/texts.js";

const MOST = 4;
const LOOKED_AT = 12;
const SPOKEN = new Set(["en", "de"]);

/** `{empty, questions}`: whether there is no document at all, and up to four questions. */
export async function suggestions(signal) {
  const { items } = await api(url("/v1/documents", { limit: 30 }), { signal });
  // The question is put in the document's language: others than these the page does not speak.
  const fit = items.filter((item) => item.version_id && item.chunks > 0 && SPOKEN.has(item.language));
  const looked = await Promise.all(spread(fit, LOOKED_AT).map((item) => questionOf(item, signal)));
  return { empty: items.length === 0, questions: [...new Set(looked.filter(Boolean))].slice(0, MOST) };
}

/** So many of a list, from all along it. */
function spread(items, most) {
  const step = Math.max(1, items.length / most);
  return Array.from({ length: Math.min(most, items.length) }, (_, n) => items[Math.floor(n * step)]);
}

/** A question about the longest-told heading of a document, null where it has none that would make one. */
async function questionOf({ id, title, language }, signal) {
  const { items } = await api(url(`/v1/documents/${id}/chunks`, { limit: 30 }), { signal });
  const told = new Map();
  for (const { heading_path: path, text, kind } of items) {
    const heading =
      path
        .at(-1)
        ?.replace(/^[\d.§\s]+/, "")
        .trim() ?? "";
    if (kind !== "text" || path.length < 2 || !isSpeakable(heading) || heading === title) continue;
    told.set(heading, (told.get(heading) ?? 0) + text.length);
  }
  const [heading] = [...told].sort((a, b) => b[1] - a[1])[0] ?? [];
  return heading && isSpeakable(title) ? t(`chat.suggest_${language}`, { title, heading }) : null;
}

const isSpeakable = (text) =>
  text.length >= 4 && text.length <= 60 && /\p{L}{3}/u.test(text) && !/[_/\\<>{}]/.test(text);
