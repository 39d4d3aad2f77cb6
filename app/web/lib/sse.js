// Server-sent events over fetch, which, unlike EventSource, can POST and tells why it was refused.
import { Problem } from "./api.js";
import { presence } from "./presence.js";
import { t } from "./texts.js";

const LINE = /\r\n|\n|\r/;
const TRANSIENT = new Set([0, 429, 502, 503, 504]);
const MOST_TRIES = 8;

/** Takes text piece by piece; each piece gives the events that it completes: `{id, name, data}` with `data` parsed. */
export function createParser() {
  let rest = "";
  let fields = {};
  return (piece) => {
    const text = rest + piece;
    // A carriage return at the very end may be the first half of a line's end.
    const held = text.endsWith("\r") ? "\r" : "";
    const lines = text.slice(0, text.length - held.length).split(LINE);
    rest = lines.pop() + held;
    const events = [];
    for (const line of lines) {
      if (line === "") {
        if (fields.data !== undefined) events.push(eventOf(fields));
        fields = {};
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === "data" && fields.data !== undefined) fields.data += `\n${value}`;
      else fields[name] = value;
    }
    return events;
  };
}

const eventOf = ({ id, event = "message", data }) => ({
  id: id === undefined ? null : Number(id),
  name: event,
  data: JSON.parse(data),
});

/** The events of a response's body as they come. */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = createParser();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield* parse(value);
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have been lost already
  }
}

/**
 * Reads a stream to its last event, through lost connections. `open(lastId, signal)` asks for the events after `lastId`
 * (0 in the beginning); `onEvent(event)` returns true for the last one; `onLost()` is called before each new try.
 * A server that is away is waited for. Throws `Problem` for a refusal that does not pass, and an `AbortError`.
 */
export async function follow(open, { onEvent, onLost, signal }) {
  let last = 0;
  let failures = 0;
  for (;;) {
    let problem = null;
    try {
      const response = await open(last, signal);
      if (response.status === 204) return;
      for await (const event of eventsOf(response)) {
        failures = 0;
        if (event.id !== null) last = event.id;
        if (onEvent(event)) return;
      }
    } catch (error) {
      if (error.name === "AbortError" || (error instanceof Problem && !TRANSIENT.has(error.status))) throw error;
      if (!(error instanceof Problem) && !(error instanceof TypeError)) throw error; // not the network's doing
      problem = error instanceof Problem ? error : null;
    }
    failures += 1;
    if (failures >= MOST_TRIES) throw problem ?? lost();
    onLost?.();
    await pause(Math.min(500 * 2 ** (failures - 1), 8000), signal);
    if (await awayUntilNow(signal)) failures = 0;
  }
}

const lost = () => new Problem({ status: 0, code: "unreachable", message: t("error.unreachable") });

/** Waits while the server is known to be away, for as long as that is; whether it was. */
const awayUntilNow = (signal) =>
  new Promise((resolve, reject) => {
    if (presence.get() === "here") return resolve(false);
    const stop = presence.watch((found) => {
      if (found !== "here") return;
      stop();
      resolve(true);
    });
    signal?.addEventListener("abort", () => {
      stop();
      reject(new DOMException("", "AbortError"));
    });
  });

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
