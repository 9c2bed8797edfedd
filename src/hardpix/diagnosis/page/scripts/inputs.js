"use strict";
// What the report was made of, and what could not be used.

function leftOut() {
  const { left_out: entries, left_out_more: more = 0 } = report.inputs;
  if (entries.length === 0) return null;
  return make(
    "details",
    { class: "panel", open: entries.length <= 1 },
    make("summary", {}, make("h2", {}, `Left out: ${plural(entries.length + more, "problem")} in the files`)),
    make(
      "ul",
      { class: "left-out" },
      entries.map((entry) =>
        make(
          "li",
          {},
          make("b", {}, entry.kind),
          " ",
          make("code", {}, entry.where),
          make("span", { class: "soft" }, `: expected ${entry.expected}, found ${entry.found}; ${entry.advice}`),
        ),
      ),
      more > 0 && make("li", { class: "soft" }, `… and ${grouped(more)} more`),
    ),
  );
}

function provenance() {
  const inputs = ["truth", "predictions", "images", "hardness", "probabilities"].filter((name) => report.inputs[name]);
  return make(
    "details",
    { class: "panel" },
    make("summary", {}, make("h2", {}, "Where this comes from")),
    make(
      "dl",
      { class: "facts" },
      report.made?.command && [make("dt", {}, "command"), make("dd", {}, make("code", {}, report.made.command))],
      inputs.map((name) => [make("dt", {}, name), make("dd", {}, make("code", {}, report.inputs[name]))]),
      report.made?.hardpix && [make("dt", {}, "hardpix"), make("dd", {}, report.made.hardpix)],
    ),
  );
}
