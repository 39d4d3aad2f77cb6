// The browser's formatters. Making one takes far longer than using it, so each is made once.
const made = new Map();

/** `new Kind(code, options)`, for example of `Intl.NumberFormat`. */
export function formatter(Kind, code, options) {
  const key = `${Kind.name} ${code} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Kind(code, options));
  return made.get(key);
}
