"use strict";
// Dark or light: the system's choice until the reader makes one, which is kept where the browser lets a page on disk
// keep anything. Runs before the first paint.

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : systemIsDark.matches;
}

function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("hardpix-theme", theme);
  } catch {
    /* kept for this visit only */
  }
  document.dispatchEvent(new Event("themechange"));
}

// A color of the style sheet as the browser resolves it, for charts that take no variables.
function themeColor(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

// "rgb(1, 2, 3)" as numbers, and what lies between two such colors.
const channels = (color) =>
  color
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
const mixed = (from, to, share) => from.map((value, i) => value + (to[i] - value) * share);

systemIsDark.addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
try {
  const kept = localStorage.getItem("hardpix-theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch {
  /* the system's choice */
}
