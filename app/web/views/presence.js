// The line that says that the server is away or starting, over everything else so that nothing moves.
import { html, useEffect, useRef } from "../lib/html.js";
import { presence } from "../lib/presence.js";
import { useStore } from "../lib/store.js";
import { t } from "../lib/texts.js";
import { Icon } from "../parts/icon.js";
import { toast } from "../parts/toasts.js";

export function Presence() {
  const state = useStore(presence);
  const before = useRef(state);
  useEffect(() => {
    if (state === "here" && before.current !== "here") toast(t("presence.back"), { kind: "good", seconds: 4 });
    before.current = state;
  }, [state]);
  // The region is always there: what appears together with its text is not read out everywhere.
  return html`<div class="presence" role="status">
    ${state !== "here" &&
    html`<span class="note warn"><${Icon} name="loader-circle" spin />${t(`presence.${state}`)}</span>`}
  </div>`;
}
