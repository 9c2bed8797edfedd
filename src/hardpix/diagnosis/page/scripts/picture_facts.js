"use strict";
// The figures of one picture: its scores beside the other run's, its errors, its classes, its objects.

const OBJECTS_AT_FIRST = 40;

function pictureScores(number) {
  const against = images.against;
  const columns = report.columns.image.filter(({ key }) => known(images.columns[key][number]));
  return factsSection(
    "Scores",
    make(
      "table",
      { class: "facts-table" },
      make(
        "tbody",
        {},
        columns.map((column) =>
          make(
            "tr",
            {},
            make("th", { scope: "row", title: column.about }, column.title),
            make("td", { class: "figure" }, inUnit(images.columns[column.key][number], column.unit)),
            against &&
              make(
                "td",
                { class: "figure" },
                difference(images.columns[column.key][number], against[column.key]?.[number], column),
              ),
          ),
        ),
      ),
    ),
  );
}

function pictureErrors({ kinds }) {
  if (kinds.length === 0) return factsSection("Errors", make("p", { class: "soft" }, "No wrong pixel."));
  const rows = [...kinds].sort((a, b) => b[3] - a[3]).slice(0, 12);
  return factsSection(
    "Largest errors",
    make(
      "table",
      { class: "facts-table errors" },
      make(
        "tbody",
        {},
        rows.map(([truth, predicted, kind, count]) =>
          make(
            "tr",
            {},
            make(
              "th",
              { scope: "row" },
              kindMark(kind),
              make("span", { class: "unseen" }, `${report.kinds[kind].title}: `),
              make(
                "a",
                { href: address("gallery", { true: truth, predicted }) },
                `${className(truth)} → ${className(predicted)}`,
              ),
            ),
            make("td", { class: "figure" }, pixels(count)),
          ),
        ),
      ),
    ),
  );
}

function pictureClasses({ class_iou: ious }) {
  if (!ious) return null;
  const there = ious
    .map((iou, k) => [iou, k])
    .filter(([iou]) => known(iou))
    .sort((a, b) => a[0] - b[0]);
  return factsSection(
    "IoU of its classes",
    make(
      "table",
      { class: "facts-table" },
      make(
        "tbody",
        {},
        there.map(([iou, k]) =>
          make(
            "tr",
            {},
            make("th", { scope: "row" }, make("a", { href: address("gallery", { class: k }) }, classLabel(k))),
            make("td", { class: "figure" }, inUnit(iou, "%")),
          ),
        ),
      ),
    ),
  );
}

// found: the share of an object of the truth that is found; null for one that is only predicted.
function pictureObjects({ objects }, pointAt) {
  if (objects.length === 0) return null;
  const list = make("ul", { class: "objects" });
  const entry = (thing) =>
    make(
      "li",
      {},
      button(
        [
          swatch(thing.class),
          make("span", { class: "text" }, className(thing.class)),
          make("span", { class: "soft" }, pixels(thing.area)),
          make(
            "span",
            { class: "figure" },
            known(thing.found) ? `${(thing.found * 100).toFixed(0)}${SPACE}% found` : "invented",
          ),
        ],
        () => pointAt(thing.box),
        { title: "Show it" },
      ),
    );
  const draw = (count) =>
    list.replaceChildren(
      ...objects.slice(0, count).map(entry),
      ...(objects.length > count
        ? [
            make(
              "li",
              {},
              button(`Show all ${grouped(objects.length)}`, () => draw(objects.length), { class: "show-all" }),
            ),
          ]
        : []),
    );
  draw(OBJECTS_AT_FIRST);
  return factsSection("Objects, least found first", list);
}

function pictureSuspects(number, pointAt) {
  const found = (report.suspects ?? []).filter(({ image }) => image === number);
  if (found.length === 0) return null;
  return factsSection(
    "Suspected labels",
    make(
      "ul",
      { class: "objects" },
      found.map((suspect) =>
        make(
          "li",
          {},
          button(
            [
              swatch(suspect.given),
              make("span", { class: "text" }, `${className(suspect.given)}, rather ${className(suspect.suspected)}?`),
              make("span", { class: "figure" }, pixels(suspect.area)),
            ],
            () => pointAt(suspect.box),
            { title: "Show it" },
          ),
        ),
      ),
    ),
  );
}

const factsSection = (title, content) => make("section", {}, make("h2", {}, title), content);
