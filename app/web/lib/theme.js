// Light, dark, or as the system has it.
import { createStore } from "./store.js";

const KEPT = "footnote.theme";

/** "system", "light" or "dark". */
export const theme = createStore(document.documentElement.dataset.theme ?? "system");

/** Whether the page is dark at this moment. */
export const isDark = () =>
  theme.get() === "dark" || (theme.get() === "system" && matchMedia("(prefers-color-scheme: dark)").matches);

/** Writes the choice to the document and keeps it. */
export function startTheme() {
  theme.watch((value) => {
    if (value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    try {
      localStorage.setItem(KEPT, value);
    } catch {
      // It holds until the page is left.
    }
  });
}
