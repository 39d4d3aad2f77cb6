// The end of what a run's process said, asked for when it is opened.
import { html, useState } from "../../lib/html.js";
import { api } from "../../lib/api.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";

const BAR = /^(.*?)\s*\d+%\|/;

/** The lines without bars of progress that were drawn over, and without the gaps between them. */
export const readable = (lines) =>
  lines.filter((line, n) => line.trim() && !(BAR.test(line) && BAR.exec(line)[1] === BAR.exec(lines[n + 1] ?? "")?.[1]));

export function Log({ path }) {
  const [lines, setLines] = useState(null);
  const [problem, setProblem] = useState(null);
  const load = async () => {
    try {
      setLines((await api(`${path}/log`)).lines);
      setProblem(null);
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<details class="card learning-more" onToggle=${(event) => event.target.open && load()}>
    <summary>${t("finetune.log")}</summary>
    ${problem && html`<p class="note bad" role="alert">${problem}</p>`}
    ${lines && html`<pre class="learning-log" tabindex="0" aria-label=${t("finetune.log")}>${lines.length ? readable(lines).join("\n") : t("finetune.log_empty")}</pre>`}
    ${lines && html`<button type="button" class="button small" onClick=${load}><${Icon} name="rotate-ccw" />${t("finetune.log_again")}</button>`}
  </details>`;
}
