// Why something could not be done, in the reader's language.
import { language, t } from "./texts.js";

const SERVER = "en";

/**
 * What to say of `{code, message}`. The server's own sentence knows the particulars, and is English: in other languages
 * the page has one of its own for what readers meet, and says the server's where it has none.
 */
export function reasonOf({ code, message }) {
  const { code: shown, texts } = language.get();
  if (message && shown === SERVER) return message;
  return `reason.${code}` in texts ? t(`reason.${code}`) : message;
}
