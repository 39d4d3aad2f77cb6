// What was done worse than usual, in words.
import { html } from "../lib/html.js";
import { language, t } from "../lib/texts.js";
import { Icon } from "./icon.js";

/** The sentence for a reason that the server names. */
export const degradedText = (code) =>
  `degraded.${code}` in language.get().texts ? t(`degraded.${code}`) : t("degraded.other", { code });

/** A line for each reason; nothing where there is none. */
export const Degraded = ({ reasons }) =>
  reasons.map(
    (code) => html`<p key=${code} class="note warn"><${Icon} name="triangle-alert" /> ${degradedText(code)}</p>`,
  );
