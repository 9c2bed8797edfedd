"use strict";
// The layers of one picture, laid over each other on a stage, and what their labels are under the pointer.

const LAYER_TITLES = {
  image: "Image",
  truth: "Truth",
  prediction: "Prediction",
  kinds: "Kinds of error",
  hardness: signalTitle,
  suspects: "Suspects",
};
const SHOWN_FIRST = ["image", "kinds"];
// where errors lie has to be seen without an image too
const shownFirst = (number) => (hasLayer(number, "image") ? SHOWN_FIRST : ["truth", "kinds"]);
const opacity = { image: 1, truth: 0.6, prediction: 0.6, kinds: 0.7, hardness: 0.7, suspects: 0.8 };

// Layers that the two runs share are the first run's.
const isShared = (layer) => ["image", "truth", "suspects"].includes(layer);
const hasBothRuns = (number) => hasPicture(number) && Boolean(images.against_layers?.[number]);
const sideBySide = (state, number) => state.side === "1" && hasBothRuns(number);
const layersOf = (number, both) =>
  Object.keys(LAYER_TITLES).filter(
    (layer) => hasLayer(number, layer) || (both && !isShared(layer) && hasLayer(number, layer, true)),
  );

// Which layers an address asks for, of those that a picture has.
function shownLayers(state, number) {
  const there = layersOf(number, sideBySide(state, number));
  const asked = known(state.layers) ? state.layers.split(",") : shownFirst(number);
  const shown = there.filter((layer) => asked.includes(layer));
  return shown.length > 0 || known(state.layers) ? shown : there.slice(0, 1);
}

// The address of a layer as a run shows it, or null where it has none.
function sourceOf(number, layer, other) {
  const own = other && !isShared(layer);
  return hasLayer(number, layer, own) ? layerAddress(number, layer, own) : null;
}

// A stage with the layers of a picture; box: a place to point out, in the image's pixels.
function drawSheet(sheet, number, layers, other, box) {
  const width = images.width[number];
  const height = images.height[number];
  sheet.style.width = `${width}px`;
  sheet.style.height = `${height}px`;
  sheet.classList.toggle("imageless", !hasLayer(number, "image"));
  const pictures = layers
    .filter((layer) => sourceOf(number, layer, other))
    .map((layer) =>
      make("img", {
        src: sourceOf(number, layer, other),
        class: `layer ${layer}`,
        draggable: "false",
        alt: `${LAYER_TITLES[layer]} of ${images.stem[number]}`,
        style: { opacity: opacity[layer] },
      }),
    );
  const frame =
    box &&
    makeSvg(
      "svg",
      { class: "boxes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": true },
      ["under", "over"].map((kind) =>
        makeSvg("rect", { x: box[1] - 1, y: box[0] - 1, width: box[3] + 2, height: box[2] + 2, class: kind }),
      ),
    );
  sheet.replaceChildren(...pictures, ...(frame ? [frame] : []));
}

// A place as it stands in an address: top, left, height, width; null where it is none.
function boxFrom(text) {
  const box = (text ?? "").split(",").map(Number);
  return box.length === 4 && box.every((value) => value >= 0) && box[2] > 0 && box[3] > 0 ? box : null;
}

// The labels of a picture as values; a page on disk may read them from data, but not from the pngs beside it.
const labelsAt = remembered(async (source) => {
  const labels = await loadData(source);
  const read = await Promise.all(Object.entries(labels).map(async ([name, uri]) => [name, await pixelsOf(uri)]));
  return Object.fromEntries(read);
}, 4);

async function pixelsOf(uri) {
  const image = make("img", { src: uri });
  await image.decode();
  const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const values = new Uint8Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = data[4 * i];
  return { values, width, height };
}

// What lies at a pixel, in words; null where the picture has no labels.
async function describePixel(number, { x, y }, other) {
  if (!hasLayer(number, "labels", other)) return null;
  const labels = await labelsAt(layerAddress(number, "labels", other));
  const at = ({ values, width, height }) =>
    values[Math.floor((y / images.height[number]) * height) * width + Math.floor((x / images.width[number]) * width)];
  const said = [
    ["truth", "truth"],
    ["prediction", "predicted"],
  ].flatMap(([layer, word]) => {
    if (!labels[layer]) return [];
    const class_ = at(labels[layer]);
    return [`${word}: ${class_ < report.classes.length ? className(class_) : "not labeled"}`];
  });
  const kind = labels.kinds ? at(labels.kinds) : 0;
  if (kind > 0 && kind <= report.kinds.length) said.push(report.kinds[kind - 1].title.toLowerCase());
  return said.join(" · ");
}
