"use strict";
// The first view: how good, what is wrong with it in sentences, which kinds of error and the Δ mIoU of each.
{
  const against = report?.against;
  // the further scores of the whole set stand in a table
  const TILES = 4;

  function show(main) {
    const labeled = `${short(labeledPixels())} labeled pixels`;
    const facts = [
      report.inputs.images_left_out
        ? `${grouped(imageCount())} of ${plural(imageCount() + report.inputs.images_left_out, "image")}`
        : plural(imageCount(), "image"),
      labeled,
      plural(report.classes.length, "class", "classes"),
      report.made?.date,
    ];
    main.append(
      make(
        "div",
        { class: "view-head verdict-head" },
        make("h1", { tabindex: -1 }, report.title),
        make("p", {}, facts.filter(Boolean).join(" · ")),
        against &&
          make(
            "p",
            {},
            "Differences are to ",
            make("b", {}, against.title),
            sameImages() ? "." : `, which is of other images: it shares ${grouped(against.shared)} of these.`,
          ),
      ),
      ...(report.inputs.images_left_out > 0 ? [leftOutNote()] : []),
      headline(),
      make(
        "div",
        { class: "columns wide-left" },
        findings(),
        make("div", { class: "stack" }, kindsOfError(), furtherScores()),
      ),
      make(
        "div",
        { class: "columns wide-right" },
        make("div", { class: "stack" }, lowestClasses(), leftOut(), provenance()),
        worstImages(),
      ),
    );
  }

  // Scores of what is left may be better or worse than those of the whole.
  const leftOutNote = () =>
    make(
      "p",
      { class: "banner", role: "note" },
      `${grouped(report.inputs.images_left_out)} of ${plural(imageCount() + report.inputs.images_left_out, "image")} could not be used: all scores are of the rest. `,
      button("Why", () => {
        const why = document.querySelector(".left-out");
        why.scrollIntoView({ block: "center" });
        why.querySelector("summary")?.focus();
      }),
    );

  const sameImages = () => against.shared === imageCount() && (against.count ?? against.shared) === imageCount();

  function headline() {
    const tiles = report.columns.overall
      .slice(0, TILES)
      .filter(({ key }) => known(report.scores[key]))
      .map((column) =>
        make(
          "div",
          { class: "tile", title: column.about },
          make("dt", {}, column.title),
          make(
            "dd",
            {},
            make("span", { class: "value" }, figure(report.scores[column.key], column.unit)),
            column.unit === "%" && make("span", { class: "unit" }, `${SPACE}%`),
            against && difference(report.scores[column.key], against.scores[column.key], column),
          ),
        ),
      );
    return make("dl", { class: "tiles" }, tiles);
  }

  function furtherScores() {
    const further = report.columns.overall.slice(TILES).filter(({ key }) => known(report.scores[key]));
    if (further.length === 0) return null;
    const rows = further.map((column) =>
      make(
        "tr",
        {},
        make(
          "th",
          { scope: "row", title: column.about },
          column.title,
          column.better === "low" && make("span", { class: "soft" }, " lower is better"),
        ),
        make("td", { class: "figure" }, inUnit(report.scores[column.key], column.unit)),
        against &&
          make("td", { class: "figure" }, difference(report.scores[column.key], against.scores[column.key], column)),
      ),
    );
    return section("Further scores", make("table", { class: "facts-table further" }, make("tbody", {}, rows)));
  }

  function findings() {
    const sentences = report.sentences.filter(({ view }) => views[view]?.available() ?? false);
    return section(
      "Findings",
      sentences.length === 0
        ? make("p", { class: "soft" }, "No wrong pixels, so there is nothing to say about them.")
        : make(
            "ol",
            { class: "findings" },
            sentences.map(({ text, view, filter }) =>
              make("li", {}, make("a", { href: address(view, filter ?? {}) }, text)),
            ),
          ),
    );
  }

  function kindsOfError() {
    const rows = report.kinds.map((kind, k) =>
      make(
        "tr",
        {},
        make(
          "th",
          { scope: "row" },
          make("a", { href: address("gallery", { kind: kind.key }), title: kind.about }, kindLabel(k)),
        ),
        make(
          "td",
          { class: "bar-cell" },
          make(
            "span",
            { class: "meter tall", "aria-hidden": true },
            make("span", { style: { width: `${100 * kind.share_of_errors}%`, background: rgb(kind.colour) } }),
          ),
        ),
        make("td", { class: "figure" }, inUnit(kind.share_of_errors, "%")),
        make("td", { class: "figure" }, points(kind.cost)),
        against &&
          make(
            "td",
            { class: "figure" },
            pixelChange(
              kind,
              against.kinds.find(({ key }) => key === kind.key),
            ),
          ),
      ),
    );
    return section(
      "Kinds of error",
      make(
        "table",
        { class: "kinds-table" },
        make("caption", { class: "unseen" }, "Share of the wrong pixels and Δ mIoU of each kind of error"),
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            make("td"),
            make("td", { class: "bar-cell" }),
            make("th", { scope: "col", class: "figure" }, "of errors"),
            make(
              "th",
              { scope: "col", class: "figure", title: "Points of mIoU that correcting this kind alone would gain" },
              "Δ mIoU",
            ),
            against &&
              make(
                "th",
                { scope: "col", class: "figure", title: `Wrong pixels of the kind, against ${against.title}` },
                "pixels, change",
              ),
          ),
        ),
        make("tbody", {}, rows),
      ),
      make(
        "p",
        { class: "note" },
        "Δ mIoU: the points of mIoU that the same predictions would gain if this kind alone were corrected.",
      ),
    );
  }

  // More or fewer wrong pixels than in the other run, in percent of the other's.
  function pixelChange(kind, other) {
    if (!other?.pixels) return NONE;
    const ratio = kind.pixels / other.pixels;
    if (ratio >= 10)
      return make(
        "span",
        { class: "difference loss" },
        make("span", { class: "arrow", "aria-hidden": true }, "▲"),
        `×${ratio.toFixed(0)}`,
      );
    const change = Math.round(100 * (ratio - 1));
    return make(
      "span",
      { class: `difference ${change > 0 ? "loss" : change < 0 ? "gain" : "same"}` },
      change !== 0 && make("span", { class: "arrow", "aria-hidden": true }, change > 0 ? "▲" : "▼"),
      change === 0 ? "0" : `${change > 0 ? "+" : "−"}${Math.abs(change)}${SPACE}%`,
    );
  }

  function lowestClasses() {
    const scores = report.class_scores.iou;
    if (!scores) return null;
    const order = scores
      .map((iou, k) => [iou, k])
      .filter(([iou]) => known(iou))
      .sort((a, b) => a[0] - b[0])
      .slice(0, 8);
    return section(
      "Lowest IoU",
      make(
        "table",
        { class: "lowest" },
        make("caption", { class: "unseen" }, "The classes of lowest IoU"),
        make(
          "tbody",
          {},
          order.map(([iou, k]) =>
            make(
              "tr",
              {},
              make("th", { scope: "row" }, make("a", { href: address("gallery", { class: k }) }, classLabel(k))),
              make("td", { class: "bar-cell" }, bar(iou)),
              make("td", { class: "figure" }, inUnit(iou, "%")),
              against &&
                make("td", { class: "figure" }, difference(iou, against.class_scores.iou?.[k], classColumn("iou"))),
            ),
          ),
        ),
      ),
      make("p", { class: "more" }, make("a", { href: "#classes" }, "All classes and scores")),
    );
  }

  function worstImages() {
    const { numbers, column, valueOf } = imagesOf({});
    const cards = numbers
      .slice(0, images.thumbnails ? 8 : 24)
      .map((number) =>
        make(
          "li",
          {},
          make(
            "a",
            { href: address("picture", { image: number }) },
            thumbnail(number) && thumb(number),
            make("span", { class: "stem", title: images.stem[number] }, images.stem[number]),
            make("span", { class: "value" }, inUnit(valueOf(number), column.unit)),
          ),
        ),
      );
    return section(
      `Worst images by ${column.title.charAt(0).toLowerCase()}${column.title.slice(1)}`,
      make("ul", { class: `worst ${images.thumbnails ? "" : "plain"}` }, cards),
      make("p", { class: "more" }, make("a", { href: "#gallery" }, `All ${plural(imageCount(), "image")}`)),
    );
  }

  views.verdict = { title: "Verdict", available: () => true, show };
}
