// Figures of drift as lines over time: what is told by day, what by look, where alarms were.
import { number } from "../../lib/format.js";
import { formatter } from "../../lib/intl.js";
import { language } from "../../lib/texts.js";
import { figure } from "./parts.js";

const share = (value) => number(value, { style: "percent", maximumFractionDigits: 1 });
const amount = (value) => number(value, { maximumSignificantDigits: 3 });

/** Every figure: its measure, whether looks or days tell of it, how a value is written. */
const FIGURES = [
  { name: "topics", by: "look", show: figure, least: 0 },
  { name: "new_questions", by: "look", show: share, least: 0 },
  { name: "length", by: "day", show: figure },
  { name: "abstention", by: "day", show: share, least: 0 },
  { name: "support", by: "day", show: figure },
  { name: "entropy", by: "day", show: figure },
  { name: "hallucination", by: "day", show: share, least: 0 },
];

/** A day as the reader's language writes it; days are those of UTC, as the server counts them. */
export const day = (at) => formatter(Intl.DateTimeFormat, language.get().locale, { day: "numeric", month: "short", timeZone: "UTC" }).format(at);

/**
 * `[{name, by, show, least, lines: [{name, points: [[time, value]]}], before, borne, alarms: [time]}]`. `before` is the
 * value of the reference, `borne` the index that is borne: levels, where there are such.
 */
export function figuresOf(scope, looks) {
  const figures = FIGURES.map((each) => {
    const found = scope.findings.find(({ measure }) => measure === each.name);
    const points = each.by === "day" ? byDay(scope, each.name) : byLook(scope.name, each.name, looks);
    return {
      ...each,
      lines: [{ name: each.name, points }],
      before: found?.reference ?? null,
      borne: found?.index === null || found?.index === undefined ? null : found.borne,
      alarms: alarmsOf(scope.name, each.name, looks),
    };
  });
  return [...figures, { name: "cost", by: "look", show: amount, least: 0, lines: costs(scope.name, looks), before: null, borne: null, alarms: [] }];
}

const known = (points) => points.filter(([, value]) => Number.isFinite(value));

const byDay = ({ series }, name) => known(series.map((point) => [Date.parse(point.day), point[name]]));

const byLook = (scope, name, looks) => known(looks.map((look) => [Date.parse(look.at), look.scopes[scope]?.measures[name]?.value]));

/** Alarms of a measure, or of how it is distributed. */
const alarmsOf = (scope, name, looks) =>
  looks
    .filter(({ alarms }) => alarms.some((each) => each.scope === scope && [name, `${name}_distribution`].includes(each.measure)))
    .map(({ at }) => Date.parse(at));

/** A line for each model with its adapter. */
function costs(scope, looks) {
  const lines = new Map();
  for (const look of looks) {
    for (const { model, adapter, per_answer: cost } of look.scopes[scope]?.costs ?? []) {
      const name = adapter ?? model;
      if (!lines.has(name)) lines.set(name, []);
      lines.get(name).push([Date.parse(look.at), cost]);
    }
  }
  return [...lines].map(([name, points]) => ({ name, points: known(points) })).filter(({ points }) => points.length);
}
