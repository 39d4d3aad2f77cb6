// What a step does, in words and as a drawing.
import { language, t } from "../../lib/texts.js";

const ICONS = {
  answer: "message-square-text",
  ask_person: "circle-question-mark",
  calculate: "calculator",
  critique: "eye",
  find_in_document: "search",
  http_request: "globe",
  list_documents: "layers",
  query_database: "database",
  read_document: "book-open",
  run_python: "square-terminal",
  search_documents: "search",
  web_search: "globe",
};
const BRIEF = 160;

/** The drawing of a step; `handed` says that a sub-agent took it over. */
export const iconOf = (step, handed) => (handed ? "users" : (ICONS[step.tool] ?? "wrench"));

/** A tool as readers call it; its own name where it has no other. */
export const toolName = (tool) => (`agents.tool_${tool}` in language.get().texts ? t(`agents.tool_${tool}`) : tool);

/** What a step does. */
export function titleOf(step, handed) {
  if (handed) return t("agents.handed", { name: step.tool });
  if (step.tool === "answer" && step.parent !== null) return t("agents.reported");
  return toolName(step.tool);
}

/** The argument that says most, in one line. */
export function briefOf({ tool, arguments: given }) {
  if (tool === "answer") return "";
  const text = Object.values(given ?? {})
    .flat()
    .find((value) => typeof value === "string" && value.trim());
  const line = (text ?? "").replace(/\s+/g, " ").trim();
  return line.length > BRIEF ? `${line.slice(0, BRIEF)}…` : line;
}

/** A step as it is said aloud when it begins. */
export const saidOf = (step) => {
  const brief = briefOf(step);
  const text = brief ? `${titleOf(step)}: ${brief}` : titleOf(step);
  return t("agents.say_step", { n: step.number, text });
};

/** Milliseconds that a step took in all, null while nobody knows. */
export function tookOf({ timings_ms: timings = {} }) {
  if (timings.total !== undefined) return timings.total;
  const parts = Object.values(timings);
  return parts.length ? parts.reduce((sum, ms) => sum + ms, 0) : null;
}

/** What became of a step, as a badge: `{kind, text}`; null where there is nothing to say. */
export function outcomeOf(step) {
  if (step.status === "waiting") return { kind: "accent", text: t("agents.waiting") };
  if (step.tool === "critique") return critiqueOf(step.arguments);
  if (step.decision === "reject") return decisionOf(step.decision); // which is why it failed
  if (step.failure) return { kind: "warn", text: worded("failure", step.failure) };
  if (step.permission === "deny") return { kind: "bad", text: t("agents.denied") };
  return step.decision ? decisionOf(step.decision) : null;
}

const decisionOf = (decision) => ({
  kind: decision === "reject" ? "bad" : "good",
  text: worded("decision", decision),
});

const critiqueOf = ({ accept }) =>
  accept ? { kind: "good", text: t("agents.accepted") } : { kind: "warn", text: t("agents.sent_back") };

const worded = (area, code) => (`agents.${area}_${code}` in language.get().texts ? t(`agents.${area}_${code}`) : code);

/** The steps as a tree: each with the `children` that were taken below it. */
export function treeOf(steps) {
  const nodes = new Map(steps.map((step) => [step.number, { step, children: [] }]));
  const roots = [];
  for (const node of nodes.values()) (nodes.get(node.step.parent)?.children ?? roots).push(node);
  return roots;
}

/** An argument as text: words as they are, everything else as JSON. */
export const argumentText = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** Signs that are not seen, or that turn around how others are read: a person approves what is there, not how it looks. */
const UNSEEN = /[^\P{C}\n\t]|[\u2028\u2029\u{e0000}-\u{e0fff}]/gu;

/** A text in which what cannot be seen is named. */
export const visible = (text) =>
  text.replace(UNSEEN, (sign) => `⟨U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
