// What stands where there is nothing to show yet, nothing at all, or something went wrong.
import { html } from "../lib/html.js";
import { t } from "../lib/texts.js";
import { Icon } from "./icon.js";

/** While something loads. */
export const Loading = ({ label = t("state.loading") }) =>
  html`<div class="state" role="status"><${Icon} name="loader-circle" size=${1.5} spin /><span>${label}</span></div>`;

/** Where a list is empty: a sentence and, as children, what to do about it. */
export const Empty = ({ icon, title, children }) =>
  html`<div class="state empty">
    <${Icon} name=${icon} size=${2} />
    <h2>${title}</h2>
    ${children}
  </div>`;

/** What went wrong, as the server says it, and another try. */
export const Failed = ({ problem, onRetry }) =>
  html`<div class="state failed" role="alert">
    <${Icon} name="triangle-alert" size=${1.5} />
    <p>${problem.message}</p>
    ${problem.requestId && html`<p class="muted small">${t("error.request", { id: problem.requestId })}</p>`}
    ${onRetry &&
    html`<button type="button" class="button" onClick=${onRetry}>
      <${Icon} name="rotate-ccw" />${t("action.retry")}
    </button>`}
  </div>`;
