// What a screen reader is told without being asked.

/** Says `text` when the reader is next idle, or at once when it is `urgent`. */
export function announce(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "assertive" : "polite");
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50); // the same text twice is a change only this way
}
