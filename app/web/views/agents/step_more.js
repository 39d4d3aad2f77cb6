// Everything about a step: its arguments to the letter, what it brought, who allowed it, what it took, what readers
// think of it.
import { html, useState } from "../../lib/html.js";
import { duration, number } from "../../lib/format.js";
import { t } from "../../lib/texts.js";
import { Icon } from "../../parts/icon.js";
import { placeOf } from "../chat/place.js";
import { Arguments } from "./arguments.js";
import { StepFeedback } from "./step_feedback.js";
import { TextBox } from "./text_box.js";

const SHOWN_AT_FIRST = 1500;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export function StepMore({ id, step, task, acts }) {
  return html`<div id=${id} class="step-more">
    ${step.tool !== "answer" && html`<${Arguments} given=${step.arguments} />`}
    <${Brought} step=${step} />
    <${Sources} ...${{ step, task, acts }} />
    ${
      step.reasons?.length > 0 &&
      html`<div>
        <h3>${t("agents.reasons")}</h3>
        <ul class="step-reasons">
          ${step.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}
        </ul>
      </div>`
    }
    <${Facts} step=${step} />
    ${step.status === "done" && html`<${StepFeedback} ...${{ step, task, acts }} />`}
  </div>`;
}

function Brought({ step }) {
  const [all, setAll] = useState(false);
  const { observation, rest, untrusted, data } = step;
  if (!observation) return null;
  const long = observation.length > SHOWN_AT_FIRST && !all;
  return html`<div>
    <h3>
      ${t("agents.observation")}
      ${untrusted && html`<span class="badge" title=${t("agents.untrusted_text")}>${t("agents.untrusted")}</span>`}
    </h3>
    <${TextBox}
      text=${long ? `${observation.slice(0, SHOWN_AT_FIRST)}…` : observation}
      label=${t("agents.observation")}
    />
    ${
      long &&
      html`<button type="button" class="button small quiet" onClick=${() => setAll(true)}>
        ${t("agents.show_all")}
      </button>`
    }
    ${rest && html`<p class="muted small">${rest}</p>`}
    <${Pictures} data=${data} />
  </div>`;
}

/** Pictures that a program drew; anything else than PNG is not shown. */
function Pictures({ data }) {
  const pictures = (data?.pictures ?? []).filter((each) => BASE64.test(each?.png ?? ""));
  return pictures.map(
    ({ name, png }, n) =>
      html`<img
        key=${n}
        class="step-picture"
        src=${`data:image/png;base64,${png}`}
        alt=${name ?? t("agents.picture")}
      />`,
  );
}

/** What the step made citable, as far as it is passages. */
function Sources({ step, task, acts }) {
  const own = task.sources.filter((source) => step.sources?.includes(source.id) && !source.step);
  if (!own.length) return null;
  return html`<div>
    <h3>${t("agents.passages")}</h3>
    <ul class="footnotes">
      ${own.map(
        (source) =>
          html`<li key=${source.id}>
            <button type="button" class="footnote" onClick=${() => acts.open(task, source.id)}>
              <${Icon} name="file-text" />
              <span class="footnote-title">${source.withheld ? t("source.gone") : source.title}</span>
              <span class="footnote-place muted">${placeOf(source)}</span>
            </button>
          </li>`,
      )}
    </ul>
  </div>`;
}

/** What a rail did: never to which words. */
const findingText = ({ action, what, count, place }) =>
  t(`agents.rail_${action}`, { what, n: count, place: t(`agents.place_${place}`) });

function Facts({ step }) {
  const { timings_ms: timings = {}, usage, cost, generator, agent } = step;
  const tokens = (usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0);
  const facts = [
    [t("agents.fact_agent"), agent],
    ...Object.entries(timings).map(([name, ms]) => [timingName(name), duration(ms)]),
    tokens > 0 && [
      t("agents.fact_tokens"),
      t("agents.tokens", { read: usage.prompt_tokens, written: usage.completion_tokens }),
    ],
    cost > 0 && [t("agents.fact_cost"), number(cost, { maximumSignificantDigits: 3 })],
    generator && [t("agents.fact_generator"), generator.name],
    step.findings?.length > 0 && [t("agents.fact_rails"), step.findings.map(findingText).join(", ")],
  ].filter(Boolean);
  return html`<dl class="step-facts">
    ${facts.map(
      ([name, value]) =>
        html`<div key=${name}>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

const TIMINGS = { generate: "agents.took_generate", call: "agents.took_call", total: "timing.total" };
const timingName = (name) => (name in TIMINGS ? t(TIMINGS[name]) : name);
