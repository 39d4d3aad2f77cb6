// The door to tus-js-client, which is a script and no module: it is fetched when the first file is sent.
import { Problem } from "../../lib/api.js";
import { t } from "../../lib/texts.js";

let loading = null;

/** tus-js-client's own object. Throws `Problem` when its file cannot be fetched; another call tries again. */
export function loadTus() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../../vendor/tus.js", import.meta.url).href;
    script.onload = () => resolve(window.tus);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Problem({ status: 0, code: "unreachable", message: t("error.unreachable") }));
    };
    document.head.append(script);
  });
  return loading;
}

/** Whether this browser remembers uploads that were begun and not ended. */
export function remembersUploads() {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith("tus::"));
  } catch {
    return false;
  }
}
