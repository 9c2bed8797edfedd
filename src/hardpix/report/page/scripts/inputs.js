"use strict";
// What the report was made of, and what could not be used.

function leftOut() {
  const { images_left_out: lost = 0, left_out: why, left_out_more: more } = report.inputs;
  const { unused, unused_more: moreUnused } = report.inputs;
  const nowhere = signalsNowhere();
  if (lost + why.length + unused.length + nowhere.length === 0) return null;
  return make(
    "section",
    { class: "panel left-out" },
    make("h2", {}, lost > 0 ? `${plural(lost, "image")} left out` : "Not everything could be used"),
    nowhere.map((text) => make("p", {}, text)),
    byKind(why, more),
    (unused.length > 0 || moreUnused > 0) && [
      make("h3", {}, `${plural(unused.length + moreUnused, "file")} missing or not used`),
      make("p", { class: "soft" }, "No image is left out for these: each is diagnosed with what it has."),
      byKind(unused, moreUnused),
    ],
  );
}

// What was given and could be used of no image at all: the views that it would have had are not there.
function signalsNowhere() {
  const { probabilities, hardness, with_confidence: sure, with_hardness: hard } = report.inputs;
  return [
    probabilities &&
      sure === 0 &&
      "None of the probabilities could be used, so this report has no Calibration and no Suspects.",
    hardness &&
      hard === 0 &&
      `None of the ${signalName} maps could be used, so this report has no ${signalTitle}.`,
  ].filter(Boolean);
}

// Problems as lists that open, one a kind: where, and what to do about it, which is said once.
function byKind(problems, more) {
  const kinds = new Map();
  for (const problem of problems) kinds.set(problem.kind, [...(kinds.get(problem.kind) ?? []), problem]);
  return [
    [...kinds].map(([kind, some]) =>
      make(
        "details",
        { open: problems.length + more === 1 },
        make("summary", {}, `${kind} (${grouped(some.length)})`),
        make(
          "ul",
          {},
          some.map(({ where, expected, found }) =>
            make(
              "li",
              {},
              make("code", {}, where),
              make("span", { class: "soft" }, `: expected ${expected}, found ${found}`),
            ),
          ),
        ),
        [...new Set(some.map(({ advice }) => advice))].map((advice) => make("p", {}, `What to do: ${advice}.`)),
      ),
    ),
    more > 0 && make("p", { class: "soft" }, `… and ${grouped(more)} more`),
  ];
}

function provenance() {
  const ids = ["truth_ids", "truth_threshold", "prediction_ids", "prediction_map", "prediction_threshold"];
  const folders = ["truth", "predictions", "images", "hardness", "probabilities"];
  const inputs = [...folders, ...ids].filter((name) => report.inputs[name]);
  return make(
    "details",
    { class: "panel" },
    make("summary", {}, make("h2", {}, "Where this comes from")),
    make(
      "dl",
      { class: "facts" },
      report.made?.command && [make("dt", {}, "command"), make("dd", {}, make("code", {}, report.made.command))],
      inputs.map((name) => [
        make("dt", {}, name === "hardness" ? `${signalName} maps` : name),
        make("dd", {}, make("code", {}, report.inputs[name])),
      ]),
      report.made?.hardpix && [make("dt", {}, "hardpix"), make("dd", {}, report.made.hardpix)],
    ),
  );
}
