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
  return [make("legend", {}, "Layers"), ...rows, ...legend];
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
