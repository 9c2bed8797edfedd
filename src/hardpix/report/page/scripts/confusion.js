"use strict";
// Which class is taken for which: the matrix, and the pairs with the largest Δ mIoU.
{
  const perRow = { rows: "% of each true class", counts: "Pixels" };
  // names that slant lean out over the last column by so many px
  const LEANING = 60;

  function show(main, state) {
    const shown = { ...state, as: state.as === "counts" ? "counts" : "rows" };
    const marked = [indexIn(state.true, report.classes.length), indexIn(state.predicted, report.classes.length)];
    const place = make("div", { class: "panel matrix" });
    const draw = () => place.replaceChildren(...matrix(shown.as, marked));
    main.append(
      viewHead(
        "Confusion",
        "Rows are the truth, columns what is predicted. A click shows the images with those errors, " +
          "on the diagonal with any of the class.",
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
    const classes = counts.length;
    const few = classes <= 21;
    const share = (t, p) => (sums[t] > 0 ? counts[t][p] / sums[t] : null);
    const value = (t, p) => (as === "rows" ? share(t, p) : counts[t][p]);
    const shade = (v) => (v > 0 ? (as === "rows" ? Math.sqrt(v) : Math.log10(1 + v)) : 0);
    const wrong = counts.map((row, t) => row.map((_, p) => (t === p ? null : shade(value(t, p)))));
    const highest = wrong.flat().reduce((most, value) => Math.max(most, value), 1e-9);
    const gap = few ? 1 : 0;
    const text = counts.map((row, t) =>
      row.map((count, p) => hover(t, p, count, share(t, p)).map(plotText).join("<br>")),
    );
    let at = null; // the cell that the keyboard has come to
    let drawnWidth = 0;
    const frames = (ink) => [
      ...(marked.every(known) ? [frame(marked, { color: ink, width: 2 })] : []),
      ...(at ? [frame(at, { color: ink, width: 3, dash: "dot" })] : []),
    ];
    const cells = (z, low, high) => ({
      type: "heatmap",
      z,
      zmin: 0,
      zmax: highest,
      colorscale: [
        [0, low],
        [1, high],
      ],
      showscale: false,
      xgap: gap,
      ygap: gap,
      hoverongaps: false,
      text,
      hovertemplate: "%{text}<extra></extra>",
    });
    const made = chart(
      `Confusion matrix of ${plural(classes, "class", "classes")}`,
      ({ raised, second, ink, tick, soft }, { clientWidth: width }) => {
        drawnWidth = width;
        const names = report.classes.map((_, k) => plotText(shortened(className(k), width < 480 ? 10 : 18)));
        const size = classes <= 12 ? 12 : 10;
        const { cell, tickangle } = room(names, width);
        const inkAt = (t, p) =>
          t === p ? soft : inkOn(mixed(channels(raised), channels(second), wrong[t][p] / highest));
        // as wide as "100", or "99.9 k"
        const written = few && cell >= (as === "rows" ? 2.3 : 3.3) * size;
        return {
          traces: [
            cells(
              wrong.map((row, t) => row.map((_, p) => (t === p ? 1 : null))),
              tick,
              tick,
            ),
            cells(wrong, raised, second),
            ...(written ? [numbers(counts, value, as, inkAt, size)] : []),
          ],
          layout: {
            xaxis: axis(names, "predicted", Math.ceil(14 / cell), { side: "top", tickangle }),
            yaxis: axis(names, "truth", 1, { autorange: "reversed" }),
            shapes: frames(ink),
            margin: { l: 8, t: 40, r: tickangle === -45 ? LEANING : 8, b: 8 },
            dragmode: few ? false : "pan",
          },
        };
      },
      {
        height: Math.max(400, window.innerHeight - 230),
        events: { plotly_click: ({ points: [{ x, y }] }) => open(y, x) },
      },
    );
    new ResizeObserver(() => {
      if (drawnWidth && made.clientWidth !== drawnWidth) made.redraw();
    }).observe(made);
    return withKeys(made, "With the keyboard: the arrows go from cell to cell, Enter shows its images.", {
      step: (from, key) => stepped(from, key, classes),
      show: (cell) => {
        at = cell;
        window.Plotly.relayout(made, { shapes: frames(themeColor("ink")) });
      },
      words: ([t, p]) => hover(t, p, counts[t][p], share(t, p)).join(": "),
      open: ([t, p]) => open(t, p),
    });
  }

  // The images with the errors of a cell, or, on the diagonal, with any of the class; nowhere if there are none.
  function open(t, p) {
    const state = t === p ? { class: t } : { true: t, predicted: p };
    if (imagesOf(state).numbers.length > 0) go("gallery", state);
  }

  // How wide a cell will be beside these names, in px, and how the names above have room.
  function room(names, width) {
    const longest = 7 * Math.max(...names.map(({ length }) => length));
    const cell = Math.max(1, (width - 40 - longest) / names.length);
    const slanted = (width - 40 - longest - LEANING) / names.length;
    if (cell >= longest) return { cell, tickangle: 0 };
    return slanted >= 24 ? { cell: slanted, tickangle: -45 } : { cell, tickangle: -90 };
  }

  const frame = ([t, p], line) => ({ type: "rect", x0: p - 0.5, x1: p + 0.5, y0: t - 0.5, y1: t + 0.5, line });

  function stepped(from, key, classes) {
    if (!from) return [0, 0];
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    const within = (index) => Math.min(classes - 1, Math.max(0, index));
    return [within(from[0] + down), within(from[1] + right)];
  }

  function axis(names, title, least, more) {
    // of many classes only some are named: the others are under the pointer
    const every = Math.max(least, Math.ceil(names.length / 36));
    const named = names.map((name, k) => [name, k]).filter(([, k]) => k % every === 0);
    return {
      title: { text: title },
      tickvals: named.map(([, k]) => k),
      ticktext: named.map(([name]) => name),
      ticklabeloverflow: "allow",
      showgrid: false,
      zeroline: false,
      fixedrange: names.length <= 21,
      ...more,
    };
  }

  function hover(t, p, count, share) {
    const what = t === p ? `${className(t)}, found` : `${className(t)} taken for ${className(p)}`;
    return [what, `${pixels(count)}, ${inUnit(share, "%")} of ${className(t)}`];
  }

  // The figures as a layer of their own: dark or light, as the cell below them needs.
  function numbers(counts, value, as, inkAt, size) {
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
        size,
        color: cells.map(({ t, p }) => inkAt(t, p)),
      },
    };
  }

  function pairs(state, marked) {
    const columns = [
      { key: "true", title: "Truth", text: true, about: "The class it is" },
      { key: "predicted", title: "taken for", text: true, about: "The class it is taken for" },
      { key: "pixels", title: "Pixels", about: "How many pixels" },
      { key: "cost", title: "Δ mIoU", about: "Points of mIoU that correcting this pair alone would gain" },
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
