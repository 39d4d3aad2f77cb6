// The page's texts: one file a language, `texts/<language>.json`, flat keys. `{name}` in a text is replaced; a text that
// is an object holds one form for each plural category of `n`.
import { formatter } from "./intl.js";
import { createStore } from "./store.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
const KEPT = "footnote.language";

/** The language shown: `{code, locale, texts}`. `locale` also knows the reader's country, for dates and numbers. */
export const language = createStore({ code: "en", locale: "en", texts: {} });

const localeOf = (code) => navigator.languages?.find((each) => each.split("-")[0] === code) ?? code;

function preferred() {
  const kept = document.documentElement.lang;
  const wanted = [localStorageLanguage() ?? "", ...(navigator.languages ?? []), kept];
  return wanted.map((code) => code.split("-")[0]).find((code) => code in LANGUAGES) ?? "en";
}

function localStorageLanguage() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Loads the texts of `code`, or of the language this browser prefers. */
export async function loadTexts(code = preferred()) {
  const response = await fetch(new URL(`../texts/${code}.json`, import.meta.url));
  if (!response.ok) throw new Error(`The texts of ${code} cannot be loaded.`);
  document.documentElement.lang = code;
  language.set({ code, locale: localeOf(code), texts: await response.json() });
}

/** Chooses a language and keeps the choice. */
export async function chooseLanguage(code) {
  await loadTexts(code);
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    // It holds until the page is left.
  }
}

/** The text `key` with its parts filled in. An unknown key is shown as it is. */
export function t(key, parts = {}) {
  const { code, locale, texts } = language.get();
  let text = texts[key] ?? key;
  if (typeof text === "object") text = text[formatter(Intl.PluralRules, code).select(parts.n ?? 0)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in parts ? shown(parts[name], locale) : whole));
}

function shown(value, locale) {
  return typeof value === "number" ? formatter(Intl.NumberFormat, locale).format(value) : String(value);
}
