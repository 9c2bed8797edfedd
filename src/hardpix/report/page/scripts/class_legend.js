"use strict";
// What the classes' colors mean in a picture: those of its truth and prediction. A click points one out: all else is dim.

const shownClasses = (layers) => layers.some((layer) => layer === "truth" || layer === "prediction");

// present: classes by index; chosen: the one pointed out, or null; choose is told a class, or null to end it.
function classLegend(present, chosen, choose) {
  return make(
    "ul",
    { class: "class-legend", "aria-label": "Classes of this picture" },
    present.map((k) =>
      make(
        "li",
        {},
        button(classLabel(k), () => choose(k === chosen ? null : k), {
          "aria-pressed": String(k === chosen),
          title: k === chosen ? "Show everything again" : `Point out ${className(k)}`,
        }),
      ),
    ),
  );
}

// The classes that a picture's details speak of: those in its truth or prediction.
const presentClasses = ({ class_iou: ious }) =>
  (ious ?? []).map((iou, k) => [iou, k]).filter(([iou]) => known(iou)).map(([, k]) => k);

// A layer that dims all pixels but those of a class in one of the layers shown; null without labels as values.
async function dimmedBut(number, chosen, layers, other) {
  if (!hasLayer(number, "labels", other)) return null;
  const labels = await labelsAt(layerAddress(number, "labels", other));
  const asked = ["truth", "prediction"].filter((layer) => layers.includes(layer) && labels[layer]);
  const read = (asked.length > 0 ? asked : ["truth", "prediction"]).map((layer) => labels[layer]).filter(Boolean);
  const { width, height } = read[0];
  const canvas = make("canvas", { width, height, class: "layer dim", "aria-hidden": true });
  const picture = canvas.getContext("2d").createImageData(width, height);
  for (let i = 0; i < width * height; i++)
    picture.data[4 * i + 3] = read.some(({ values }) => values[i] === chosen) ? 0 : 190;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}
