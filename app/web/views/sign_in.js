// Where a key is asked for. The server keeps it in a cookie that scripts cannot read.
import { html, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { t } from "../lib/texts.js";

/** `onSignedIn` is called once the server knows the key. */
export function SignIn({ onSignedIn }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api("/v1/session", { method: "POST", body: { key: event.target.elements.key.value.trim() } });
      await onSignedIn();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<main class="sign-in">
    <form class="card" onSubmit=${submit}>
      <header class="sign-in-brand">
        <img src=${new URL("../icon.svg", import.meta.url).pathname} alt="" width="32" height="32" />
        <h1>Footnote</h1>
      </header>
      <p class="muted">${t("sign_in.text")}</p>
      <label class="field">
        <span>${t("sign_in.key")}</span>
        <input
          name="key"
          type="password"
          autocomplete="current-password"
          required
          autofocus
          aria-invalid=${problem ? "true" : undefined}
          aria-describedby="sign-in-problem"
        />
      </label>
      <p id="sign-in-problem" class="bad" role="alert">${problem}</p>
      <button class="button primary" disabled=${busy}>${t("sign_in.go")}</button>
    </form>
  </main>`;
}
