"use strict";
// The keyboard's way to the parts of a chart: the arrows go from one to the next, Enter opens it, and what it is stands
// below the chart, where it is also read out.

// step(part, key) gives the next part, part being null before the first; show(part) marks it; words(part) says what it
// is.
function withKeys(element, hint, { step, show, words, open }) {
  const line = make("p", { class: "note chart-line", "aria-live": "polite" }, hint);
  let part = null;
  element.tabIndex = 0;
  element.setAttribute("role", "application");
  element.setAttribute("aria-description", hint);
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !element.dataset.drawn) return;
    if (event.key === "Enter" && part !== null) open(part);
    else if (event.key.startsWith("Arrow")) {
      part = step(part, event.key);
      show(part);
      line.textContent = words(part);
    } else return;
    event.preventDefault();
  });
  return [element, line];
}
