// What is searched for, as the address holds it and as the server is asked. An address can be kept and sent to others.
import { url } from "../../lib/api.js";
import { EVERYTHING, requestOf } from "../chat/scope.js";

export const MODES = ["hybrid", "dense", "lexical"];
export const LIMITS = [10, 25, 50, 100];

const titles = new Map();

/** Keeps a document's title, which the address does not hold. */
export const remember = (id, title) => titles.set(id, title);
export const titleOf = (id) => titles.get(id);

const oneOf = (choices, value, otherwise) => (choices.includes(value) ? value : otherwise);
const day = (value) => (/^\d{4}-\d\d-\d\d$/.test(value ?? "") ? value : "");

/** `{text, mode, limit, rerank, scope}` of the address's query. */
export function askedOf(query) {
  return {
    text: query.get("q") ?? "",
    mode: oneOf(MODES, query.get("mode"), "hybrid"),
    limit: oneOf(LIMITS, Number(query.get("limit")), LIMITS[0]),
    rerank: oneOf(["on", "off"], query.get("rerank"), ""),
    scope: {
      ...EVERYTHING,
      collection: query.get("collection") ?? "",
      documents: query.getAll("document").map((id) => ({ id, title: titles.get(id) ?? id })),
      after: day(query.get("after")),
      before: day(query.get("before")),
      metadata: query.getAll("meta").map(pairOf),
    },
  };
}

function pairOf(text) {
  const [key, ...rest] = text.split("=");
  return { key: decoded(key), value: rest.join("=") };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody wrote the address by hand
  }
}

/** The address that holds it; what is as usual is left out. */
export function addressOf({ text, mode, limit, rerank, scope }) {
  for (const { id, title } of scope.documents) titles.set(id, title);
  return url("/search", {
    q: text.trim(),
    mode: mode === "hybrid" ? "" : mode,
    limit: limit === LIMITS[0] ? "" : limit,
    rerank,
    collection: scope.collection,
    document: scope.documents.map(({ id }) => id),
    after: scope.after,
    before: scope.before,
    meta: scope.metadata.map(({ key, value }) => `${encodeURIComponent(key)}=${value}`),
  });
}

/** The body of a search. */
export const bodyOf = ({ text, mode, limit, rerank, scope }) => ({
  query: text.trim(),
  mode,
  limit,
  ...(rerank ? { rerank: rerank === "on" } : {}),
  ...requestOf(scope),
  trace: true,
});
