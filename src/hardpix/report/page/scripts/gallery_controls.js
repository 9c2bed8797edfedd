"use strict";
// What the gallery is filtered and sorted by, as menus; each change makes a new state.

const EVERY = "";

function galleryControls(state, found, changed) {
  const classes = report.classes.map(({ name }, k) => [k, name]);
  const kinds = report.kinds.map(({ key, title }) => [key, title]);
  const bands = (report.size_bands ?? []).map(({ title }, band) => [band, title]);
  const pair = known(state.true) && known(state.predicted) && found.measure !== null;
  const groups = [...groupsOf(report.columns.image)].map(([group, columns]) => [
    group,
    columns.map(({ key, title }) => [key, title]),
  ]);
  const sorts = found.measure ? [[EVERY, "Size of these errors"], ...groups] : groups;
  const asked = (key) => state[key] ?? EVERY;
  // an order belongs to what is sorted by
  const set = (changes) => changed({ ...state, ...changes, order: "order" in changes ? changes.order : null });
  const clear = { true: null, predicted: null, suspects: null };
  return [
    pair && chip(`${className(Number(state.true))} taken for ${className(Number(state.predicted))}`, () => set(clear)),
    state.suspects === "1" && found.measure && chip("with suspects", () => set(clear)),
    select("Class", [[EVERY, "all"], ...classes], asked("class"), (value) => set({ ...clear, class: value })),
    select("Kind", [[EVERY, "all"], ...kinds], asked("kind"), (value) => set({ ...clear, kind: value, band: null })),
    bands.length > 0 &&
      select("Size", [[EVERY, "all"], ...bands], asked("band"), (value) => set({ ...clear, band: value, kind: null })),
    select("Sort", sorts, found.column?.key ?? EVERY, (value) => set({ sort: value })),
    button(
      found.order === "ascending" ? "↑ lowest first" : "↓ highest first",
      () => set({ order: found.order === "ascending" ? "descending" : "ascending" }),
      { class: "order", "data-field": "order" },
    ),
    images.thumbnails && errorsShown(state.plain !== "1", (shown) => changed({ ...state, plain: shown ? null : "1" })),
  ];
}

// Whether the thumbnails show errors, and what their colors mean.
function errorsShown(shown, change) {
  const checkbox = make("input", {
    type: "checkbox",
    checked: shown,
    "data-field": "errors",
    on: { change: () => change(checkbox.checked) },
  });
  return make(
    "div",
    { class: "errors-shown" },
    make("label", {}, checkbox, "Errors"),
    shown && report.kinds.map((_, k) => kindLabel(k)),
  );
}

const chip = (text, remove) =>
  make("span", { class: "chip" }, text, button("×", remove, { "aria-label": `Do not filter by: ${text}` }));
