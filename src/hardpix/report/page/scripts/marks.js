"use strict";
// Small marks that mean the same everywhere: a class's color, a kind's color and letter, a difference's sign.

const swatch = (index) => make("span", { class: "swatch", style: { background: rgb(report.classes[index].colour) } });
const classLabel = (index) =>
  make("span", { class: "class-label" }, swatch(index), make("span", { class: "text" }, className(index)));

function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// Black or white, whichever reads better on a color: the two are even at this luminance.
const inkOn = (colour) => (luminance(colour) > 0.179 ? "#000" : "#fff");
const kindLetter = (kind) => report.kinds[kind].key[0].toUpperCase();

// Kinds of error have a letter beside their color, so that nobody needs the color.
function kindMark(kind) {
  const { colour, title } = report.kinds[kind];
  return make(
    "span",
    { class: "kind-mark", title, style: { background: rgb(colour), color: inkOn(colour) } },
    kindLetter(kind),
  );
}

const kindLabel = (kind) =>
  make("span", { class: "kind-label" }, kindMark(kind), make("span", { class: "text" }, report.kinds[kind].title));

// The kinds' parts of a whole as one bar, with letters where there is room for them.
function kindBar(parts, share = 1) {
  const total = parts.reduce((sum, part) => sum + part, 0);
  return make(
    "span",
    { class: "kind-bar", "aria-hidden": true, style: { width: `${100 * share}%` } },
    parts.map((part, kind) => {
      const { colour } = report.kinds[kind];
      const width = total > 0 ? (100 * part) / total : 0;
      return (
        part > 0 &&
        make(
          "span",
          { style: { width: `${width}%`, background: rgb(colour), color: inkOn(colour) } },
          width * share > 9 && kindLetter(kind),
        )
      );
    }),
  );
}

// An image in small, its errors over it in the colors of their kinds.
function thumb(number, { errors = true } = {}) {
  const layer = (src, layerClass) =>
    src && make("img", { class: layerClass, src, alt: "", loading: "lazy", decoding: "async" });
  return make(
    "span",
    { class: "thumb" },
    layer(thumbnail(number), "image"),
    layer(errors && thumbnailOfErrors(number), "errors"),
  );
}

// How one run differs from another: an arrow and a sign beside the color. Null where neither way is better.
function difference(value, other, column) {
  if (column.better === null) return null;
  if (!known(value)) return make("span", { class: "difference" });
  if (!known(other)) return make("span", { class: "difference same", title: "The other run has no value" }, NONE);
  const change = value - other;
  const text =
    column.unit === "%"
      ? points(change, column.digits ?? 1)
      : `${change > 0 ? "+" : ""}${figure(change, column.unit, column.digits)}`;
  const same = Number(text.replace("−", "-")) === 0;
  const kind = same ? "same" : change > 0 === (column.better === "high") ? "gain" : "loss";
  return make(
    "span",
    { class: `difference ${kind}` },
    !same && make("span", { class: "arrow", "aria-hidden": true }, change > 0 ? "▲" : "▼"),
    text,
  );
}

// What a bar says beside its figure is for the eye alone.
function bar(share, attributes = {}) {
  return make(
    "span",
    { class: "meter", "aria-hidden": true },
    known(share) && make("span", { style: { width: `${Math.max(0, Math.min(1, share)) * 100}%` }, ...attributes }),
  );
}
