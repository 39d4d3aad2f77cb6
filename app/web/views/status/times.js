// Times along a plot, as short as the step allows.
import { formatter } from "../../lib/intl.js";
import { language } from "../../lib/texts.js";

const DAY = 86_400;
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

const written = (seconds, options) => formatter(Intl.DateTimeFormat, language.get().locale, options).format(new Date(seconds * 1000));

/** At an axis: hours where a step is shorter than some hours, days beyond. */
export const axisTime = (seconds, step) =>
  step >= DAY / 12 ? written(seconds, { day: "numeric", month: "short" }) : written(seconds, CLOCK);

/** In a table or beside the pointer: which step it is. */
export const stepTime = (seconds, step) =>
  step >= DAY
    ? written(seconds, { weekday: "short", day: "numeric", month: "short" })
    : written(seconds, { day: "numeric", month: "short", ...CLOCK });
