"use strict";
// The layers of a picture as boxes and sliders, what the kinds' colors mean, and whether to show both runs.

// there: the layers of the picture; shown: those that are on; toggle and fade are told a layer.
function layerChoice(there, shown, toggle, fade) {
  const rows = there.map((layer, i) => {
    const slider = make("input", {
      type: "range",
      min: 10,
      max: 100,
      value: opacity[layer] * 100,
      "aria-label": `Opacity: ${LAYER_TITLES[layer]}`,
      on: {
        input: () => {
          opacity[layer] = slider.value / 100;
          fade(layer);
        },
      },
    });
    const checkbox = make("input", {
      type: "checkbox",
      value: layer,
      checked: shown.includes(layer),
      on: { change: () => toggle(layer) },
    });
    return make(
      "div",
      { class: "layer-row" },
      make("label", {}, checkbox, make("span", {}, LAYER_TITLES[layer]), make("kbd", {}, i + 1)),
      slider,
    );
  });
  const legend = shown.includes("kinds")
    ? [
        make(
          "p",
          { class: "kinds-legend" },
          report.kinds.map((_, k) => kindLabel(k)),
        ),
      ]
    : [];
  if (shown.includes("hardness")) legend.push(heatScale());
  return [make("legend", {}, "Layers"), ...rows, ...legend];
}

// The numbers of the signal's colors, at the even steps that they are made of (see hardpix.data.heat).
const HEAT = "#000004, #180f3d, #440f76, #721f81, #9e2f7f, #cd4071, #f1605d, #fd9668, #feca8d, #fcfdbf";

function heatScale() {
  return make(
    "div",
    { class: "heat-scale", role: "img", "aria-label": `Colors of the ${signalName} map: from dark, 0, to light, 1` },
    make("span", { class: "heat-bar", style: { background: `linear-gradient(to right, ${HEAT})` } }),
    make(
      "span",
      { class: "heat-numbers", "aria-hidden": true },
      [0, 0.25, 0.5, 0.75, 1].map((value) => make("span", {}, value)),
    ),
    make("span", { class: "soft" }, `${signalName}: light is where errors are expected`),
  );
}

function runChoice(both, choose) {
  const checkbox = make("input", {
    type: "checkbox",
    value: "both",
    checked: both,
    on: { change: () => choose(checkbox.checked) },
  });
  return make(
    "label",
    {},
    checkbox,
    make("span", {}, "Side by side with ", make("b", {}, report.against.title)),
    make("kbd", {}, "s"),
  );
}
