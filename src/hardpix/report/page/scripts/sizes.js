"use strict";
// How well objects are found by their size, class by class.
{
  const MEASURES = [
    ["recall", "Recall", "%"],
    ["iou", "IoU", "%"],
    ["objects", "Objects", "count"],
    ["missed", "Missed objects", "count"],
    ["false", "False objects", "count"],
  ];
  const BETTER = { recall: "high", iou: "high", objects: null, missed: "low", false: "low" };
  // more would be a tangle; the table has them all
  const LINES = 8;
  const name = { key: "name", title: "Class", text: true, about: "Class" };

  function show(main, state) {
    const there = MEASURES.filter(([key]) => report.size_scores[key]);
    const marked = indexIn(state.band, report.size_bands.length);
    // who is sent to one size is told what is missed of it
    const asked = [state.of, marked !== null && "missed", there[0][0]];
    const shown = { ...state, of: asked.find((of) => there.some(([key]) => key === of)) };
    const place = make("div", { class: `columns sizes-columns ${sameSizes() ? "compared" : ""}` });
    const left = make("div", { class: "stack" });
    const draw = () => {
      const scores = make("div", { class: "table-place" }, table(shown, marked));
      left.replaceChildren(...[scores, costs(marked)].filter(Boolean));
      place.replaceChildren(left, curves(shown.of, marked));
    };
    main.append(
      viewHead(
        "Object size",
        `Connected parts of the truth, by their area${report.size_bands[0].title.includes("%") ? " in % of the image" : ""}.` +
          (sameSizes() ? ` Differences are to ${report.against.title}.` : ""),
        choice("Figures", there, shown.of, (of) => {
          shown.of = of;
          settle(shown);
          draw();
        }),
      ),
      place,
    );
    draw();
  }

  // Bands of other limits hold other objects.
  const sameSizes = () => {
    const titles = (bands) => bands?.map(({ title }) => title).join();
    return Boolean(report.against) && titles(report.against.size_bands) === titles(report.size_bands);
  };

  const measure = (of) => MEASURES.find(([key]) => key === of);
  const counted = () =>
    report.classes
      .map((_, k) => k)
      .filter((k) => report.size_bands.some((_, b) => report.size_scores.objects?.[b]?.[k] ?? 1));

  function table(state, markedBand) {
    const [, , unit] = measure(state.of);
    const values = report.size_scores[state.of];
    const others = sameSizes() ? report.against.size_scores[state.of] : null;
    const bands = report.size_bands.map(({ title }, band) => ({
      key: String(band),
      title,
      band,
      about: title,
      better: unit === "%" ? "high" : null,
    }));
    const columns = [name, ...bands];
    const marked = indexIn(state.class, report.classes.length);
    const made = sortableTable({
      caption: "Objects by class and size",
      columns,
      rows: counted(),
      className: "sizes-view",
      sorted: sortedFrom(
        state.sort,
        columns,
        bands.length > 0 ? { key: String(markedBand ?? 0), order: unit === "%" ? "ascending" : "descending" } : null,
      ),
      onSort: (sorted) => {
        state.sort = sortedText(sorted);
        settle(state);
      },
      value: (k, column) => (column.band === undefined ? className(k) : values[column.band][k]),
      cell: (k, { band }) => {
        if (band === undefined) return make("a", { href: address("gallery", { class: k }) }, classLabel(k));
        const value = values[band][k];
        const change = others && difference(value, others[band][k], { unit, better: BETTER[state.of] });
        const text = unit === "%" && known(value) ? `${figure(value, unit, 1)}${SPACE}%` : figure(value, unit);
        // a link only where some such object is not found as a whole
        return [
          images.errors.band[`${k},${band}`]
            ? make("a", { class: "number", href: address("gallery", { class: k, band }) }, text)
            : text,
          change && [" ", change],
          unit === "%" && bar(value),
        ];
      },
      rowAttributes: (k) => ({ class: k === marked ? "marked" : null }),
    });
    if (markedBand !== null)
      for (const cell of made.querySelectorAll(`tr > :nth-child(${markedBand + 2})`)) cell.classList.add("marked");
    return made;
  }

  function curves(of, markedBand) {
    const [, title, unit] = measure(of);
    const values = report.size_scores[of];
    const titles = report.size_bands.map((band) => plotText(band.title));
    // a size that a class has no objects of says nothing of it
    const order = (k) => {
      const there = values.map((row) => row[k]).filter(known);
      return (there.reduce((sum, value) => sum + value, 0) / Math.max(there.length, 1)) * (unit === "%" ? 1 : -1);
    };
    const shown = counted()
      .sort((a, b) => order(a) - order(b))
      .slice(0, LINES);
    const some = counted().length > LINES ? `, the ${LINES} ${unit === "%" ? "lowest" : "highest"} classes` : "";
    return section(
      `${title} by object size${some}`,
      chart(
        `${title} by object size; the table beside it has the same figures`,
        ({ soft, rule }) => ({
          traces: shown.map((k) => ({
            type: "scatter",
            mode: "lines+markers",
            x: titles,
            y: values.map((row) => (known(row[k]) && unit === "%" ? row[k] * 100 : row[k])),
            name: plotText(className(k)),
            line: { color: lineColor(report.classes[k].colour), width: 2 },
            marker: { size: 8, symbol: k % 12, color: rgb(report.classes[k].colour), line: { width: 1, color: soft } },
            text: values.map((row) => `${plotText(className(k))}<br>${inUnit(row[k], unit)}`),
            hovertemplate: "%{text}<extra></extra>",
          })),
          layout: {
            xaxis: { type: "category", showgrid: false, range: [-0.3, titles.length - 0.7], fixedrange: true },
            yaxis: { title: { text: unit === "%" ? `${title}, %` : title }, rangemode: "tozero", fixedrange: true },
            showlegend: true,
            legend: { orientation: "h", y: -0.12, font: { size: 12 } },
            dragmode: false,
            shapes:
              markedBand === null
                ? []
                : [
                    {
                      type: "rect",
                      layer: "below",
                      yref: "paper",
                      x0: markedBand - 0.3,
                      x1: markedBand + 0.3,
                      y0: 0,
                      y1: 1,
                      fillcolor: rule,
                      line: { width: 0 },
                    },
                  ],
          },
        }),
        { height: Math.max(380, Math.min(560, window.innerHeight - 260)) },
      ),
    );
  }

  function costs(markedBand) {
    const { cost } = report.size_scores;
    if (!cost) return null;
    const others = sameSizes() ? report.against.size_scores.cost : null;
    return section(
      "Δ mIoU of each size",
      make(
        "table",
        { class: "kinds-table" },
        make(
          "caption",
          { class: "unseen" },
          "Points of mIoU that correcting all errors in objects of one size would gain",
        ),
        make(
          "tbody",
          {},
          report.size_bands.map(({ title }, band) =>
            make(
              "tr",
              { class: band === markedBand ? "marked" : null },
              make("th", { scope: "row" }, make("a", { href: address("gallery", { band }) }, title)),
              make("td", { class: "bar-cell" }, bar(cost[band] / Math.max(...cost.filter(known), 1e-9))),
              make("td", { class: "figure" }, `${points(cost[band], 2)} mIoU`),
              others &&
                make(
                  "td",
                  { class: "figure" },
                  difference(cost[band], others[band], { unit: "%", better: "low", digits: 2 }),
                ),
            ),
          ),
        ),
      ),
    );
  }

  views.sizes = { title: "Sizes", available: () => Boolean(report.size_bands?.length && report.size_scores), show };
}
