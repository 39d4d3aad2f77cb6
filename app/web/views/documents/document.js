import { html } from "../../lib/html.js";
import { Loading } from "../../parts/states.js";

export default () => html`<${Loading} />`;
