// Numbers, sizes and times as the reader's language writes them.
import { formatter } from "./intl.js";
import { language } from "./texts.js";

const inLanguage = (Kind, options) => formatter(Kind, language.get().locale, options);

export const number = (value, options) => inLanguage(Intl.NumberFormat, options).format(value);

/** Bytes, for example "4.2 MB". */
export function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step > 0 && value < 10 ? 1 : 0;
  const unitDisplay = step ? "short" : "long"; // "43 bytes", since its short form has no plural
  return number(value, { style: "unit", unit: units[step], unitDisplay, maximumFractionDigits: digits });
}

/** Milliseconds, for example "12 ms" or "1.3 s". */
export function duration(ms) {
  const seconds = ms >= 1000;
  const digits = seconds || ms < 10 ? 1 : 0;
  // The units' signs are the same everywhere; what Intl calls short is "secs" in British English.
  return `${number(seconds ? ms / 1000 : ms, { maximumFractionDigits: digits })}\u00a0${seconds ? "s" : "ms"}`;
}

/** A day and time in full. */
export const dateTime = (value) =>
  inLanguage(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));

/** The time of day, to the second. */
export const time = (value) => inLanguage(Intl.DateTimeFormat, { timeStyle: "medium" }).format(new Date(value));

const STEPS = [
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago, for example "3 minutes ago", or how long until then: "in 2 hours". */
export function ago(value) {
  const seconds = (Date.parse(value) - Date.now()) / 1000;
  const words = inLanguage(Intl.RelativeTimeFormat, { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.round(seconds / length), unit);
  }
  return words.format(0, "second");
}
