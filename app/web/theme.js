// Before the first paint: the theme and the language that were chosen, so that nothing flashes.
"use strict";
(function () {
  let theme = null;
  let language = null;
  try {
    theme = localStorage.getItem("footnote.theme");
    language = localStorage.getItem("footnote.language");
  } catch {
    // Storage may be forbidden; the system's choice holds then.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  if (language) document.documentElement.lang = language;
})();
