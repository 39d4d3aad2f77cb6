// Going to a step from elsewhere: its timeline unfolds, the step opens and gets the focus.
import { createStore, useStore } from "../../lib/store.js";

const wanted = createStore(null);

/** Goes to the step `number` of the task `key`. */
export const goToStep = (key, number) => wanted.set({ key, number });

/** Whether this step is gone to, or without a number any step of the task. */
export const useWanted = (key, number) =>
  useStore(wanted, (at) => at?.key === key && (number === undefined || at.number === number));

/** It was got to. */
export const arrived = () => wanted.set(null);
