"use strict";
// What the keys do.

const HELP = [
  [
    "Anywhere",
    [
      ["?", "this help"],
      ["d", "dark or light"],
      ["g", "gallery"],
      ["v", "verdict"],
    ],
  ],
  [
    "Tables",
    [
      ["Tab", "go from head to head"],
      ["Enter", "sort by it; again turns the order round"],
    ],
  ],
  [
    "Confusion and Plots",
    [
      ["← → ↑ ↓", "from cell to cell, or point to point"],
      ["Enter", "show its images"],
    ],
  ],
  [
    "Gallery",
    [
      ["← → ↑ ↓", "from image to image"],
      ["Page up, Page down", "a screen on"],
      ["Home, End", "first and last"],
      ["Enter", "open it"],
    ],
  ],
  [
    "One picture",
    [
      ["← →", "previous, next"],
      ["1, 2, 3 …", "layers on and off"],
      ["+ − 0", "zoom in, out, fit"],
      ["Shift + arrows", "move"],
      ["s", "two runs side by side"],
      ["Esc", "back to the gallery or the suspects"],
    ],
  ],
  [
    "Pointer",
    [
      ["wheel", "zoom on a picture"],
      ["drag", "move it, or a plot"],
      ["double click", "zoom in, or fit"],
    ],
  ],
];

const helpDialog = make(
  "dialog",
  { class: "help-dialog", "aria-labelledby": "help-title" },
  make(
    "form",
    { method: "dialog" },
    make("h2", { id: "help-title" }, "Keys"),
    make("button", { "aria-label": "Close" }, "×"),
  ),
  make(
    "div",
    { class: "help-groups" },
    HELP.map(([title, keys]) =>
      make(
        "section",
        {},
        make("h3", {}, title),
        make(
          "dl",
          {},
          keys.map(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]),
        ),
      ),
    ),
  ),
);

document.body.append(helpDialog);
helpDialog.addEventListener("click", (event) => {
  if (event.target === helpDialog) helpDialog.close();
});
const openHelp = () => {
  if (!helpDialog.open) helpDialog.showModal();
};
