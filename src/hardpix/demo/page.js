"use strict";
// The viewer: one scene large, one layer at a time over the picture, with a read-out of what is under the pointer.
// Without JavaScript the page loses the viewer and nothing else.

const cards = [...document.querySelectorAll(".card")];
const viewer = document.getElementById("viewer");
const stage = viewer.querySelector(".stage");
const picture = stage.querySelector("img");
const canvas = stage.querySelector("canvas");
const readout = viewer.querySelector(".readout");
const layerButtons = viewer.querySelector(".layers");
const blend = viewer.querySelector(".blend input");
const heat = new Map(document.body.dataset.heat.split(" ").map((color, i) => [parseInt(color, 16), i / 255]));

const PLAIN = 2, LEARNED = 3;   // places of the two predictions among the layers
const state = { scene: 0, layer: 0, before: 1, alone: null };
let layers = [];   // of the scene shown: {kind, name, low, high, source, pixels}
let loading = 0;   // a scene that finishes loading after a later one was asked for is dropped

const classes = viewer.querySelector(".classes");
const classOf = new Map();   // the names by color; two classes of one color share an entry
for (const entry of document.querySelectorAll(".legends .swatch")) {
  const color = entry.dataset.color.split(",").reduce((sum, value) => sum * 256 + Number(value), 0);
  const name = entry.textContent.trim();
  classOf.set(color, classOf.has(color) ? `${classOf.get(color)} or ${name}` : name);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "swatch";
  button.value = color;
  button.append(...[...entry.childNodes].map((node) => node.cloneNode(true)));
  button.addEventListener("click", () => { state.alone = state.alone === color ? null : color; draw(); });
  const item = document.createElement("li");
  item.append(button);
  classes.append(item);
}
// under the picture stands the legend of the layer shown
const legends = { labels: classes };
for (const [kind, selector] of [["errors", ".errors-legend"], ["heat", ".scales"]]) {
  legends[kind] = document.querySelector(`.legends ${selector}`).cloneNode(true);
  classes.after(legends[kind]);
}

cards.forEach((card, scene) => {
  const images = [...card.querySelectorAll("img")];
  card.style.setProperty("--picture", `url("${images[0].src}")`);
  images.forEach((image, layer) => image.addEventListener("click", () => open(scene, layer)));
  card.querySelector(".enlarge").addEventListener("click", () => open(scene, LEARNED));
});

async function open(scene, layer) {
  if (!viewer.open) viewer.showModal();
  state.layer = layer;
  state.before = layer === LEARNED ? PLAIN : LEARNED;   // what blinking compares first
  await show(scene);
}

async function show(scene) {
  state.scene = (scene + cards.length) % cards.length;
  const ticket = ++loading;
  const images = [...cards[state.scene].querySelectorAll("img")];
  const read = await Promise.all(images.map(readLayer));
  if (ticket !== loading) return;
  layers = read;
  picture.src = images[0].src;
  picture.alt = images[0].alt;
  layerButtons.replaceChildren(...layers.map((layer, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${i + 1} ${layer.name}`;
    button.addEventListener("click", () => choose(i));
    return button;
  }));
  draw();
}

async function readLayer(image) {
  await image.decode();
  const paper = document.createElement("canvas");
  paper.width = image.naturalWidth;
  paper.height = image.naturalHeight;
  const context = paper.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { kind, name, low, high } = image.dataset;
  return { kind, name, low: Number(low), high: Number(high), pixels: context.getImageData(0, 0, paper.width, paper.height) };
}

function choose(layer) {
  const next = (layer + layers.length) % layers.length;
  if (next !== state.layer) state.before = state.layer;
  state.layer = next;
  draw();
}

function draw() {
  const layer = layers[state.layer];
  if (!layer) return;
  const { width, height } = layer.pixels;
  canvas.width = width;
  canvas.height = height;
  // as large as the window leaves room for
  stage.style.maxWidth = `calc((96vh - 270px) * ${width / height})`;
  canvas.getContext("2d").putImageData(layer.kind === "labels" && state.alone !== null ? alone(layer.pixels) : layer.pixels, 0, 0);
  canvas.classList.toggle("crisp", layer.kind !== "picture");
  blend.disabled = layer.kind !== "labels" && layer.kind !== "heat";
  canvas.style.opacity = blend.disabled ? 1 : blend.value / 100;
  for (const [kind, legend] of Object.entries(legends)) legend.hidden = kind !== layer.kind;
  canvas.setAttribute("aria-label", `${layer.name}, scene ${title()}`);
  stage.classList.toggle("errors", layer.kind === "errors");
  viewer.querySelector("h2").textContent = `${title()} · ${layer.name}`;
  viewer.dataset.scene = state.scene;
  viewer.dataset.layer = state.layer;
  [...layerButtons.children].forEach((button, i) => button.setAttribute("aria-pressed", i === state.layer));
  for (const button of classes.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", Number(button.value) === state.alone);
  }
  readout.textContent = `Scene ${state.scene + 1} of ${cards.length}`;
}

const title = () => cards[state.scene].querySelector("h3").textContent;
const colorAt = ({ pixels }, i) => (pixels.data[4 * i] * 256 + pixels.data[4 * i + 1]) * 256 + pixels.data[4 * i + 2];

function alone(pixels) {
  const faded = new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height);
  for (let i = 0; i < pixels.width * pixels.height; i++) {
    if (colorAt({ pixels }, i) !== state.alone) faded.data[4 * i + 3] = 0;
  }
  return faded;
}

canvas.addEventListener("pointermove", (event) => {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * canvas.width);
  const y = Math.floor((event.clientY - box.top) / box.height * canvas.height);
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  readout.textContent = layers.map((layer) => describe(layer, y * canvas.width + x)).filter(Boolean).join(" · ");
});

function describe(layer, i) {
  if (layer.kind === "labels") {
    const unlabeled = layer.pixels.data[4 * i + 3] === 0;
    return `${layer.name}: ${unlabeled ? "not labeled" : classOf.get(colorAt(layer, i))}`;
  }
  if (layer.kind !== "heat") return "";
  const share = heat.get(colorAt(layer, i)) ?? 0;
  return `${layer.name}: ${(layer.low + share * (layer.high - layer.low)).toFixed(2)}`;
}

blend.addEventListener("input", draw);
viewer.querySelector("[data-act=previous]").addEventListener("click", () => show(state.scene - 1));
viewer.querySelector("[data-act=next]").addEventListener("click", () => show(state.scene + 1));
viewer.querySelector("[data-act=close]").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
viewer.addEventListener("close", () => cards[state.scene].querySelector(".enlarge").focus());

viewer.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inSlider = event.target === blend;
  const actions = {
    ArrowLeft: inSlider ? null : () => show(state.scene - 1),
    ArrowRight: inSlider ? null : () => show(state.scene + 1),
    ArrowUp: inSlider ? null : () => choose(state.layer - 1),
    ArrowDown: inSlider ? null : () => choose(state.layer + 1),
    b: () => choose(state.before),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key]
    ?? (event.key >= "1" && event.key <= String(layers.length) ? () => choose(Number(event.key) - 1) : null);
  if (!action) return;
  event.preventDefault();
  action();
});
