// How the server fares: what there is, how quick it is, what was answered and what people thought of it.
import { html, useEffect } from "../../lib/html.js";
import { api, session, url } from "../../lib/api.js";
import { time } from "../../lib/format.js";
import { useLoaded } from "../../lib/load.js";
import { navigate } from "../../lib/router.js";
import { useStore } from "../../lib/store.js";
import { t } from "../../lib/texts.js";
import { Segments } from "../../parts/segments.js";
import { Empty, Failed, Loading } from "../../parts/states.js";
import { Answers, Errors, Feedback, Queue } from "./counts.js";
import { Latency } from "./latency.js";
import { Numbers } from "./numbers.js";
import { Server } from "./server.js";

const SPANS = ["1h", "24h", "7d", "30d"];
const EVERY = 15_000;

/** The view at /status; `query` is the address's. */
export default function Status({ query }) {
  const admin = useStore(session, (who) => who?.principal?.admin ?? false);
  const span = SPANS.includes(query.get("span")) ? query.get("span") : "24h";
  return html`<div class="view status">
    <header class="view-head">
      <h1>${t("nav.status")}</h1>
      ${admin && html`<${Spans} span=${span} />`}
    </header>
    ${admin
      ? html`<${Figures} span=${span} />`
      : html`<${Empty} icon="activity" title=${t("status.refused")}><p>${t("status.refused_text")}</p><//>`}
  </div>`;
}

const Spans = ({ span }) =>
  html`<${Segments}
    label=${t("status.span")}
    all=${SPANS}
    chosen=${span}
    text=${(name) => t(`status.span_${name}`)}
    onChoose=${(name) => navigate(name === "24h" ? "/status" : url("/status", { span: name }), { replace: true })}
  />`;

function Figures({ span }) {
  const { value, problem, loading, again } = useLoaded(
    (signal) => api(url("/v1/stats", { span, utc_offset: -new Date().getTimezoneOffset() }), { signal }),
    [span],
  );
  useWhileVisible(again);
  if (problem && !value) return html`<${Failed} problem=${problem} onRetry=${again} />`;
  if (!value) return html`<${Loading} />`;
  const stale = value.span !== span;
  return html`<div class=${stale ? "status-figures stale" : "status-figures"} aria-busy=${stale}>
    <${Numbers} stats=${value} />
    <${Latency} latency=${value.latency} />
    <div class="status-pair">
      <${Answers} stats=${value} />
      <${Feedback} stats=${value} />
    </div>
    <div class="status-pair">
      <${Queue} stats=${value} />
      <${Errors} stats=${value} />
    </div>
    <${Server} server=${value.server} />
    <p class="muted small">
      ${problem && !loading ? problem.message : t("status.updated", { time: time(value.at) })}
    </p>
  </div>`;
}

/** Runs `again` from time to time while the page can be seen, and at once when it can be seen again. */
function useWhileVisible(again) {
  useEffect(() => {
    let last = Date.now();
    const look = () => {
      if (document.visibilityState !== "visible" || Date.now() - last < EVERY - 500) return;
      last = Date.now();
      again();
    };
    const timer = setInterval(look, EVERY);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [again]);
}
