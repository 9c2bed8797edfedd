"use strict";
// How many of the errors are found by checking the pixels, or the images, that a ranking puts first.
{
  // told apart by dashes too, so that nobody needs the color
  const STYLES = { signal: ["second", "solid"], confidence: ["first", "dash"], product: ["gain", "dashdot"] };
  const SHARES = [1, 2, 5, 10, 20, 30, 50];

  // A person checks so many pixels or images; one share of them stands for the whole curve.
  const CHECKED = 0.1;

  function show(main) {
    const { rankings, aurc_best: best, aurc_random: errors } = report.review;
    const theirs = report.against?.review;
    const otherOf = ({ title }) => theirs?.rankings.find((each) => each.title === title);
    const areas = rankings.map(({ title, aurc }) => `${inUnit(aurc, "%")} by ${title}`).join(", ");
    main.append(
      viewHead(
        "Review",
        "How many of the errors are found where the pixels, or the images, that a ranking puts first are checked." +
          (rankings.some(otherOf) ? ` Differences are to ${report.against.title}.` : ""),
      ),
      make(
        "p",
        { class: "note" },
        `Checking the ${CHECKED * 100}${SPACE}% of the pixels that a ranking puts first finds this share of the errors:`,
      ),
      make(
        "dl",
        { class: "tiles" },
        rankings.map((ranking) => {
          const other = otherOf(ranking);
          return tile(`by ${ranking.title}`, foundOf(report.review, ranking), other && foundOf(theirs, other));
        }),
        tile("by a perfect ranking", Math.min(1, CHECKED / errors)),
        tile("by a random ranking", CHECKED),
      ),
      make(
        "p",
        { class: "note" },
        `Of the pixels that are left unchecked, ${areas} are wrong: the mean over all numbers of pixels to check (AURC). ` +
          `A perfect ranking has ${inUnit(best, "%")}, a random one ${inUnit(errors, "%")}; lower is better.`,
      ),
      make(
        "div",
        { class: "columns" },
        section("Pixels to check", curves("pixels", "pixels")),
        section("Images to check, by the mean over their pixels", curves("images", "images")),
      ),
    );
  }

  const foundOf = (review, { pixels }) => pixels[review.checked.findIndex((share) => share >= CHECKED - 1e-9)];

  const tile = (title, value, other) =>
    make(
      "div",
      { class: "tile" },
      make("dt", {}, title),
      make(
        "dd",
        {},
        make("span", { class: "value" }, figure(value, "%")),
        make("span", { class: "unit" }, `${SPACE}%`),
        known(other) && difference(value, other, { unit: "%", better: "high" }),
      ),
    );

  function curves(key, what) {
    const { checked, rankings, aurc_random: errors } = report.review;
    const percent = (values) => values.map((value) => onAxis(value, { unit: "%" }));
    const at = (share) => checked.findIndex((each) => Math.round(100 * each) === share);
    const shown = SHARES.filter((share) => at(share) >= 0);
    const label = rankings
      .map((ranking) => `${ranking.title}: ${shown.map((s) => `${inUnit(ranking[key][at(s)], "%")} by ${s} %`).join(", ")}`)
      .join("; ");
    return [
      chart(
        `Share of the errors that is found by share of ${what} checked. ${label}`,
        (colors) => ({
          traces: [
            // of the pixels a perfect ranking has the wrong ones first
            ...(key === "pixels"
              ? [guide([0, 100 * errors, 100], [0, 100, 100], colors.soft, "dot", "perfect")]
              : []),
            guide([0, 100], [0, 100], colors.rule, "solid", "random"),
            ...rankings.map((ranking) => ({
              type: "scatter",
              mode: "lines",
              name: plotText(ranking.title),
              x: percent(checked),
              y: percent(ranking[key]),
              line: { color: colors[STYLES[ranking.key][0]], dash: STYLES[ranking.key][1], width: 2 },
              hovertemplate: `${plotText(ranking.title)}<br>%{x:.0f} % checked, %{y:.1f} % found<extra></extra>`,
            })),
          ],
          layout: {
            xaxis: { title: { text: `${what} checked, %` }, range: [0, 101], fixedrange: true },
            yaxis: { title: { text: "errors found, %" }, range: [0, 102], fixedrange: true },
            dragmode: false,
            showlegend: true,
            // above the curves, which come near every corner
            legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
          },
        }),
        { height: Math.max(340, Math.min(620, window.innerHeight - 320)) },
      ),
      figuresOf(
        [`${capitalized(what)} checked`, ...rankings.map(({ title }) => title)],
        shown.map((share) => [
          `${share}${SPACE}%`,
          ...rankings.map((ranking) => inUnit(ranking[key][at(share)], "%")),
        ]),
      ),
    ];
  }

  const guide = (x, y, color, dash, name) => ({
    type: "scatter",
    mode: "lines",
    name,
    x,
    y,
    line: { color, dash, width: 1.5 },
    hoverinfo: "skip",
  });

  views.review = { title: "Review", available: () => Boolean(report.review), show };
}
