// Which documents are asked: a collection, and filters. Chosen once, it holds until it is changed or the page is left.
import { createStore } from "../../lib/store.js";

export const EVERYTHING = { collection: "", documents: [], after: "", before: "", metadata: [] };

/** `documents` are `{id, title}`; `after` and `before` are days, both included; `metadata` is `{key, value}` each. */
export const scope = createStore(EVERYTHING);

/** How many filters hold. */
export const countOf = ({ documents, after, before, metadata }) =>
  documents.length + metadata.length + (after ? 1 : 0) + (before ? 1 : 0);

/** The scope as a question carries it. */
export function requestOf({ collection, documents, after, before, metadata }) {
  const filters = {};
  if (documents.length) filters.document_ids = documents.map((document) => document.id);
  if (after) filters.created_after = dayOf(after, 0);
  if (before) filters.created_before = dayOf(before, 1);
  if (metadata.length) filters.metadata = wantedOf(metadata);
  return { ...(collection ? { collection } : {}), filters };
}

/** The beginning of a day in the reader's own time. */
function dayOf(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** A key named twice may have either value. Nobody has to know whether "2026" was kept as a number or as text. */
function wantedOf(pairs) {
  const wanted = {};
  for (const { key, value } of pairs) wanted[key] = [...(wanted[key] ?? []), ...readings(value)];
  return wanted;
}

function readings(value) {
  if (value === "true" || value === "false") return [value, value === "true"];
  const number = Number(value);
  return value.trim() !== "" && Number.isFinite(number) ? [value, number] : [value];
}
