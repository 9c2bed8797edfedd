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

// In the lists of places pointAt shows one in the picture; null where there is no picture.

// Missed objects of the truth, then invented ones; of a missed one, `found` is the share that is found all the same.
function pictureObjects({ objects }, pointAt) {
  const sorts = [
    ["Missed objects, the largest first", objects.filter(({ found }) => known(found))],
    ["False objects, the largest first", objects.filter(({ found }) => !known(found))],
  ];
  return sorts.map(([title, some]) => some.length > 0 && factsSection(title, objectList(some, pointAt)));
}

function objectList(objects, pointAt) {
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
          // rounded down: what is found by a quarter is not missed
          known(thing.found) && make("span", { class: "figure" }, `${Math.floor(thing.found * 100)}${SPACE}% found`),
        ],
        () => pointAt(thing.box),
        { title: pointAt && "Show it", disabled: !pointAt },
      ),
    );
  const draw = (count) =>
    list.replaceChildren(
      ...objects.slice(0, count).map(entry),
      ...(objects.length > count
        ? [make("li", {}, button(`Show all ${grouped(objects.length)}`, showAll, { class: "show-all" }))]
        : []),
    );
  const showAll = () => {
    draw(objects.length);
    list.children[OBJECTS_AT_FIRST].querySelector("button").focus();
  };
  draw(OBJECTS_AT_FIRST);
  return list;
}

function pictureSuspects(number, pointAt) {
  const found = (report.suspects ?? []).filter(({ image }) => image === number);
  const sorts = [
    ["Suspected labels", found.filter(({ mislabelled }) => mislabelled)],
    ["Suspected, but may as well be hard", found.filter(({ mislabelled }) => !mislabelled)],
  ];
  return sorts.map(
    ([title, some]) =>
      some.length > 0 &&
      factsSection(
        title,
        make(
          "ul",
          { class: "objects" },
          some.map((suspect) => suspectEntry(suspect, pointAt)),
        ),
      ),
  );
}

const suspectEntry = (suspect, pointAt) =>
  make(
    "li",
    {},
    button(
      [
        swatch(suspect.given),
        make(
          "span",
          { class: "text" },
          `${className(suspect.given)}, ${suspectWord(suspect)} ${className(suspect.suspected)}?`,
        ),
        make("span", { class: "figure" }, pixels(suspect.area)),
      ],
      () => pointAt(suspect.box),
      { title: whyHard(suspect) ?? (pointAt && "Show it"), disabled: !pointAt },
    ),
  );

// What is claimed of a suspect: that it is rather another class, or no more than that it may be one.
const suspectWord = ({ mislabelled }) => (mislabelled ? "rather" : "or");

// Why a suspect may as well be hard, or null.
function whyHard({ mislabelled, margin, given }) {
  if (mislabelled) return null;
  return margin > 0 ? `the model hardly finds ${className(given)}` : "the model finds the label likelier";
}

const factsSection = (title, content) => make("section", {}, make("h2", {}, title), content);
