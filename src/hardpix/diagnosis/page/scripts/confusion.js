"use strict";
// Which class is taken for which: the matrix, and the pairs that cost most.
{
  const perRow = { rows: "Share of each true class", counts: "Pixels" };

  function show(main, state) {
    const shown = { ...state, as: state.as === "counts" ? "counts" : "rows" };
    const marked = [indexIn(state.true, report.classes.length), indexIn(state.predicted, report.classes.length)];
    const place = make("div", { class: "panel matrix" });
    const draw = () => place.replaceChildren(matrix(shown.as, marked));
    main.append(
      viewHead(
        "Confusion",
        "Rows are the truth, columns what is predicted. A click on a cell shows the images with those errors.",
        choice("Cells", Object.entries(perRow), shown.as, (as) => {
          shown.as = as;
          settle(shown);
          draw();
        }),
      ),
      make("div", { class: "columns matrix-and-pairs" }, place, pairs(shown, marked)),
    );
    draw();
  }

  function matrix(as, marked) {
    const counts = report.confusion;
    const sums = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
    const names = report.classes.map((_, k) => plotText(shortened(className(k), 18)));
    const few = names.length <= 21;
    const share = (t, p) => (sums[t] > 0 ? counts[t][p] / sums[t] : null);
    const value = (t, p) => (as === "rows" ? share(t, p) : counts[t][p]);
    const shade = (v) => (v > 0 ? (as === "rows" ? Math.sqrt(v) : Math.log10(1 + v)) : 0);
    const wrong = counts.map((row, t) => row.map((_, p) => (t === p ? null : shade(value(t, p)))));
    const highest = wrong.flat().reduce((most, value) => Math.max(most, value), 1e-9);
    const gap = few ? 1 : 0;
    const label = `Confusion matrix of ${plural(names.length, "class", "classes")}; beside it the largest in a table`;
    const made = chart(
      label,
      ({ raised, second, ink, tick, soft }) => ({
        traces: [
          {
            type: "heatmap",
            z: wrong.map((row, t) => row.map((_, p) => (t === p ? 1 : null))),
            colorscale: [
              [0, tick],
              [1, tick],
            ],
            showscale: false,
            hoverinfo: "skip",
            xgap: gap,
            ygap: gap,
          },
          {
            type: "heatmap",
            z: wrong,
            zmin: 0,
            zmax: highest,
            colorscale: [
              [0, raised],
              [1, second],
            ],
            showscale: false,
            xgap: gap,
            ygap: gap,
            hoverongaps: false,
            text: counts.map((row, t) => row.map((count, p) => hover(t, p, count, share(t, p)))),
            hovertemplate: "%{text}<extra></extra>",
          },
          ...(few
            ? [
                numbers(
                  counts,
                  value,
                  as,
                  (t, p) => inkOn(mixed(channels(raised), channels(second), wrong[t][p] / highest)),
                  soft,
                ),
              ]
            : []),
        ],
        layout: {
          xaxis: axis(names, "predicted", { side: "top", tickangle: names.length > 5 ? -45 : 0 }),
          yaxis: axis(names, "truth", { autorange: "reversed" }),
          shapes: marked.every(known)
            ? [
                {
                  type: "rect",
                  x0: marked[1] - 0.5,
                  x1: marked[1] + 0.5,
                  y0: marked[0] - 0.5,
                  y1: marked[0] + 0.5,
                  line: { color: ink, width: 2 },
                },
              ]
            : [],
          // names lean out over the last column
          margin: { l: 60, t: 40, r: names.length > 5 ? 60 : 8, b: 8 },
          dragmode: few ? false : "pan",
        },
      }),
      {
        height: Math.max(400, window.innerHeight - 200),
        events: {
          plotly_click: ({ points: [{ x, y }] }) => {
            if (x !== y) go("gallery", { true: y, predicted: x });
            else go("gallery", { class: y });
          },
        },
      },
    );
    return made;
  }

  const axis = (names, title, more) => ({
    // of many classes only some are named: the others are under the pointer
    title: { text: title },
    tickvals: named(names).map(([, k]) => k),
    ticktext: named(names).map(([name]) => name),
    showgrid: false,
    zeroline: false,
    fixedrange: names.length <= 21,
    ...more,
  });

  const named = (names) => names.map((name, k) => [name, k]).filter(([, k]) => k % Math.ceil(names.length / 36) === 0);

  function hover(t, p, count, share) {
    const text = t === p ? `${className(t)}, found` : `${className(t)} taken for ${className(p)}`;
    return `${plotText(text)}<br>${pixels(count)}, ${inUnit(share, "%")} of ${plotText(className(t))}`;
  }

  // The figures as a layer of their own: dark or light, as the cell below them needs.
  function numbers(counts, value, as, inkAt, soft) {
    const cells = counts.flatMap((row, t) => row.map((count, p) => ({ t, p, count })));
    return {
      type: "scatter",
      mode: "text",
      x: cells.map(({ p }) => p),
      y: cells.map(({ t }) => t),
      hoverinfo: "skip",
      text: cells.map(({ t, p, count }) =>
        count === 0 || (as === "rows" && value(t, p) < 0.0005)
          ? ""
          : as === "rows"
            ? figure(value(t, p), "%", value(t, p) >= 0.0995 ? 0 : 1)
            : short(count),
      ),
      textfont: {
        size: report.classes.length <= 12 ? 12 : 10,
        color: cells.map(({ t, p }) => (t === p ? soft : inkAt(t, p))),
      },
    };
  }

  function pairs(state, marked) {
    const columns = [
      { key: "true", title: "Truth", text: true, about: "The class it is" },
      { key: "predicted", title: "taken for", text: true, about: "The class it is taken for" },
      { key: "pixels", title: "Pixels", about: "How many pixels" },
      { key: "cost", title: "Worth, mIoU", about: "Points of mIoU that mending this pair alone would gain" },
    ];
    return make(
      "div",
      { class: "panel pairs" },
      make("h2", {}, "Largest confusions"),
      sortableTable({
        caption: "Pairs of confused classes",
        columns,
        rows: report.pairs,
        sorted: sortedFrom(state.sort, columns, { key: "pixels", order: "descending" }),
        onSort: (sorted) => {
          state.sort = sortedText(sorted);
          settle(state);
        },
        value: (pair, { key, text }) => (text ? className(pair[key]) : pair[key]),
        cell: (pair, { key }) =>
          key === "pixels"
            ? make(
                "a",
                { href: address("gallery", { true: pair.true, predicted: pair.predicted }) },
                short(pair.pixels),
              )
            : key === "cost"
              ? points(pair.cost, 2)
              : classLabel(pair[key]),
        rowAttributes: (pair) => ({ class: pair.true === marked[0] && pair.predicted === marked[1] ? "marked" : null }),
      }),
    );
  }

  views.confusion = { title: "Confusion", available: () => report.confusion.length > 1, show };
}
