// Conversations by the day they were last used.
import { language, t } from "../../lib/texts.js";

const DAY = 86400000;

/** `items` in groups `{label, items}`, in the order given. */
export function byDay(items, now = new Date()) {
  const groups = [];
  for (const item of items) {
    const label = labelOf(new Date(item.updated_at), now);
    if (groups.at(-1)?.label === label) groups.at(-1).items.push(item);
    else groups.push({ label, items: [item] });
  }
  return groups;
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

function labelOf(date, now) {
  // Rounded, as a day with a change of the clock has 23 or 25 hours.
  const days = Math.round((midnight(now) - midnight(date)) / DAY);
  if (days <= 0) return t("conversations.today");
  if (days === 1) return t("conversations.yesterday");
  if (days <= 7) return t("conversations.week");
  if (days <= 30) return t("conversations.month");
  return new Intl.DateTimeFormat(language.get().locale, { month: "long", year: "numeric" }).format(date);
}
