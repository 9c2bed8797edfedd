"use strict";
// Which images a state of the address means, in which order, and by what: the gallery shows them, and a picture's
// "next" goes through them. "plain" is how the gallery shows them, without their errors.

const CHOOSES = ["class", "kind", "true", "predicted", "band", "suspects", "text", "sort", "order", "plain"];

function chosen(state) {
  return Object.fromEntries(CHOOSES.filter((key) => known(state[key])).map((key) => [key, state[key]]));
}

// A state without what chooses nothing: what there is not, and what gives way to another choice.
function applied(state) {
  const index = (key, length) => (indexIn(state[key], length) === null ? null : state[key]);
  const own = {
    ...state,
    ...Object.fromEntries(["true", "predicted", "class"].map((key) => [key, index(key, report.classes.length)])),
    band: index("band", report.size_bands?.length ?? 0),
    kind: report.kinds.some(({ key }) => key === state.kind) ? state.kind : null,
    suspects: state.suspects === "1" && report.suspects ? "1" : null,
    sort: imageColumn(state.sort) ? state.sort : null,
    order: ["ascending", "descending"].includes(state.order) ? state.order : null,
    plain: state.plain === "1" ? "1" : null,
  };
  const pair = own.true !== null && own.predicted !== null;
  if (!pair || own.suspects) Object.assign(own, { true: null, predicted: null });
  if (pair || own.suspects) Object.assign(own, { class: null, kind: null, band: null });
  if (own.band !== null) own.kind = null;
  return own;
}

// What the errors are that images are chosen by, or null: {title, unit, of: image → value}.
function measureOf(state) {
  const classCount = report.classes.length;
  const [truth, predicted, class_] = ["true", "predicted", "class"].map((key) => indexIn(state[key], classCount));
  const band = indexIn(state.band, report.size_bands?.length ?? 0);
  const kind = report.kinds.findIndex(({ key }) => key === state.kind);
  if (state.suspects === "1" && report.suspects) {
    const areas = new Map();
    for (const { image, area } of report.suspects) areas.set(image, (areas.get(image) ?? 0) + area);
    return { title: "suspected of a wrong label", unit: "px", values: areas };
  }
  if (truth !== null && predicted !== null) {
    return counted("pair", `${truth},${predicted}`, `${className(truth)} taken for ${className(predicted)}`);
  }
  if (band !== null) {
    const title = `not found of ${class_ === null ? "objects" : className(class_)}, ${report.size_bands[band].title}`;
    return counted("band", `${class_ ?? ""},${band}`, title);
  }
  if (class_ !== null && kind >= 0) {
    return counted(
      "class_kind",
      `${class_},${kind}`,
      `${className(class_)}: ${report.kinds[kind].title.toLowerCase()}`,
    );
  }
  if (class_ !== null) return counted("class", `${class_}`, `wrong pixels of ${className(class_)}`);
  if (kind >= 0 && images.columns[state.kind]) {
    const values = new Map(images.columns[state.kind].flatMap((value, number) => (value > 0 ? [[number, value]] : [])));
    return { title: report.kinds[kind].title.toLowerCase(), unit: "%", values };
  }
  return null;
}

function counted(name, key, title) {
  const { image = [], pixels: counts = [] } = images.errors[name][key] ?? {};
  return { title, unit: "px", values: new Map(image.map((number, i) => [number, counts[i]])) };
}

// {numbers, measure, column, order}: by the errors that were asked for, or by a column, or by the first column.
function selectImages(state) {
  const measure = measureOf(state);
  const column = imageColumn(state.sort) ?? (measure ? null : report.columns.image[0]);
  const needle = (state.text ?? "").trim().toLowerCase();
  let numbers = measure ? [...measure.values.keys()] : Array.from({ length: imageCount() }, (_, number) => number);
  if (needle) numbers = numbers.filter((number) => images.stem[number].toLowerCase().includes(needle));
  const worst = column?.better === "high" ? "ascending" : "descending";
  const order = ["ascending", "descending"].includes(state.order) ? state.order : worst;
  const sign = order === "ascending" ? 1 : -1;
  const values = column ? images.columns[column.key] : null;
  const valueOf = column ? (number) => values[number] : (number) => measure.values.get(number);
  numbers.sort((a, b) => compare(valueOf(a), valueOf(b), sign) || a - b);
  return { numbers, measure, column, order, valueOf };
}

// The last one is kept: from picture to picture the same is asked for again.
const remembers = { key: null, found: null };

function imagesOf(state) {
  const key = JSON.stringify(chosen(state));
  if (key !== remembers.key) Object.assign(remembers, { key, found: selectImages(state) });
  return remembers.found;
}
