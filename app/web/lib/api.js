// Requests to the server, and its refusals as `Problem`s.
import { doubt } from "./presence.js";
import { reasonOf } from "./reasons.js";
import { createStore } from "./store.js";
import { t } from "./texts.js";

/** Who the server takes us for: null before it was asked, `{principal, ...}` after, `{signedOut: true}` without a key. */
export const session = createStore(null);

/** A refusal: `status` (0 when the server was not reached), `code`, a `message` for people, and the `requestId`. */
export class Problem extends Error {
  constructor({ status, code, message, requestId = null, errors = [] }) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.errors = errors;
  }
}

/** The problem in a response that is not a success. */
export async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy may have answered with a page of its own.
  }
  if (response.status === 401) session.set({ signedOut: true });
  if (body.code === "starting" || (!body.code && [502, 503, 504].includes(response.status))) doubt();
  const code = body.code ?? "unknown";
  return new Problem({
    status: response.status,
    code,
    message: reasonOf({ code, message: body.detail ?? body.title }) ?? t("error.status", { status: response.status }),
    requestId: body.request_id ?? response.headers.get("x-request-id"),
    errors: body.errors ?? [],
  });
}

/** Fetches `path`; the response if it is a success. Throws `Problem`, and an `AbortError` when `signal` says so. */
export async function send(path, { method = "GET", body, headers = {}, signal } = {}) {
  const json = body !== undefined && !(body instanceof Blob) && !(body instanceof FormData);
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: { ...(json ? { "Content-Type": "application/json" } : {}), ...headers },
      body: json ? JSON.stringify(body) : body,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    doubt();
    throw new Problem({ status: 0, code: "unreachable", message: t("error.unreachable") });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The JSON at `path`, null for an empty answer. Throws what `send` throws. */
export async function api(path, options) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

/** `path` with those parameters that are neither null, undefined nor empty; lists are repeated. */
export function url(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== null && item !== undefined && item !== "") query.append(name, item);
    }
  }
  return query.size ? `${path}?${query}` : path;
}
