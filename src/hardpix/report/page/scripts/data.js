"use strict";
// What the report holds, and short ways to it.

const report = window.hardpixReport;
const images = window.hardpixImages;

const LAYERS = ["image", "truth", "prediction", "kinds", "hardness", "suspects", "labels"];
const LAYER_FILES = [
  "image.jpg",
  "truth.png",
  "prediction.png",
  "kinds.png",
  "hardness.png",
  "suspects.png",
  "labels.js",
];
const DETAILS_PER_FILE = 100;

// The signal whose map the report shows: as it is called within a sentence, and as a title.
const signalName = report?.signal ?? "";
const signalTitle = capitalized(signalName);

const imageCount = () => images.stem.length;
const className = (index) => report.classes[index].name;
const rgb = (colour) => `rgb(${colour.join(" ")})`;
const imageColumn = (key) => report.columns.image.find((column) => column.key === key);
const classColumn = (key) => report.columns.class.find((column) => column.key === key);
const numbered = (number) => String(number).padStart(6, "0");

function hasLayer(number, layer, other = false) {
  const layers = other ? images.against_layers : images.layers;
  return Boolean(layers && layers[number] & (1 << LAYERS.indexOf(layer)));
}

function layerAddress(number, layer, other = false) {
  return `${other ? "against/" : ""}pictures/${numbered(number)}/${LAYER_FILES[LAYERS.indexOf(layer)]}`;
}

const hasPicture = (number) => LAYERS.slice(0, 6).some((layer) => hasLayer(number, layer));
const thumbnail = (number) => (images.thumbnails?.[number] & 1 ? `thumbnails/${numbered(number)}.jpg` : null);
const thumbnailOfErrors = (number) => (images.thumbnails?.[number] & 2 ? `thumbnails/${numbered(number)}.png` : null);

const detailsFile = remembered((chunk) => loadData(`data/details/${String(chunk).padStart(4, "0")}.js`));

async function detailsOf(number) {
  return (await detailsFile(Math.floor(number / DETAILS_PER_FILE)))[number % DETAILS_PER_FILE];
}

// The groups of a list of columns, in the order in which they first come.
function groupsOf(columns) {
  const groups = new Map();
  for (const column of columns) groups.set(column.group, [...(groups.get(column.group) ?? []), column]);
  return groups;
}

// The labeled pixels of the whole set, by the confusion matrix.
const labeledPixels = () => report.confusion.flat().reduce((sum, count) => sum + count, 0);
