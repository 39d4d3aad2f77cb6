// Until when something can be decided.
import { html, useEffect, useState } from "../../lib/html.js";
import { ago, dateTime } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";

const EVERY_MS = 30_000;
const LONGEST_MS = 2 ** 31 - 1; // of a timer

/** `onLate()` is called when the time is over. */
export function Expiry({ at, onLate }) {
  const [, redraw] = useState(null);
  useEffect(() => {
    const ticking = setInterval(() => redraw({}), EVERY_MS);
    const left = Date.parse(at) - Date.now();
    const end = left < LONGEST_MS ? setTimeout(onLate, Math.max(0, left)) : 0;
    return () => {
      clearInterval(ticking);
      clearTimeout(end);
    };
  }, [at]);
  return html`<p class="approval-expiry muted small" title=${dateTime(at)}>
    <${Icon} name="clock" />${t("agents.expires", { when: ago(at) })}
  </p>`;
}
