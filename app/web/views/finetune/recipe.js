// A recipe as the form's fields have it, written as the YAML that the server takes.

export const METHODS = ["sft", "dpo", "ipo", "kto", "orpo", "reward", "grpo", "rloo", "reranker", "embedder", "quantize"];
export const SCHEMES = ["gptq-w4a16", "awq-w4a16", "fp8", "int8", "gguf-q8_0", "gguf-f16"];
const WHOLE = new Set(["reranker", "embedder", "quantize"]); // the models that search are trained whole

/** What the form begins with. Numbers that are empty are left to the server. */
export const EMPTY = { name: "feedback", method: "sft", model: "", data: "", epochs: "", rate: "", length: "", r: "", alpha: "", nf4: false, scheme: SCHEMES[0] };

/** Whether a method can train an adapter. */
export const hasAdapter = (method) => !WHOLE.has(method);

/** Whether a method trains at all. */
export const trains = (method) => method !== "quantize";

/** Any text as a YAML string: what JSON quotes, YAML reads. */
const quoted = (text) => (/^[A-Za-z0-9_./][A-Za-z0-9_./@-]*$/.test(text) ? text : JSON.stringify(text));

const filled = (pairs) => pairs.filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}`);

/** The fields as YAML. */
export function recipeOf({ name, method, model, data, epochs, rate, length, r, alpha, nf4, scheme }) {
  const train = filled([
    ["num_train_epochs", trains(method) ? epochs : ""],
    ["learning_rate", trains(method) ? rate : ""],
    ["max_length", length],
  ]);
  const lora = hasAdapter(method) ? filled([["r", r], ["lora_alpha", alpha]]) : [];
  return [
    `name: ${quoted(name)}`,
    `method: ${method}`,
    `model: ${quoted(model)}`,
    `data: ${quoted(data)}`,
    ...(trains(method) ? [] : [`scheme: ${scheme}`]),
    ...(lora.length ? [`lora: {${lora.join(", ")}}`] : []),
    ...(train.length ? [`train: {${train.join(", ")}}`] : []),
    ...(nf4 && hasAdapter(method) ? ["quantization: nf4"] : []),
    "",
  ].join("\n");
}
