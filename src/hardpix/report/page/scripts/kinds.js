"use strict";
// Which class has which kind of error, in wrong pixels or in Δ mIoU; and how far borders are displaced.
{
  const name = { key: "name", title: "Class", text: true, about: "Class" };
  const total = { key: "total", title: "All", about: "All kinds together" };

  function show(main, state) {
    const shown = { ...state, of: state.of === "cost" ? "cost" : "pixels" };
    const place = make("div", { class: "table-place" });
    const draw = () => place.replaceChildren(table(shown));
    main.append(
      viewHead(
        "Kinds of error",
        "Each wrong pixel counts once: a false response for the class that it is called, any other for the class that it is." +
          (report.against ? ` Differences are to ${report.against.title}.` : ""),
        choice(
          "Figures",
          [
            ["pixels", "Wrong pixels"],
            ["cost", "Δ mIoU, points"],
          ],
          shown.of,
          (of) => {
            shown.of = of;
            settle(shown);
            draw();
          },
        ),
      ),
      place,
      make("div", { class: "columns wide-left" }, meanings(), displacement()),
    );
    draw();
  }

  function table(state) {
    const values = report.class_kinds[state.of];
    const others = report.against?.class_kinds?.[state.of];
    const added = (rows, k) => rows.reduce((result, row) => result + (row[k] ?? 0), 0);
    // The Δ mIoU of all kinds together is not the sum of those of each alone.
    const whole = ({ class_kinds: kinds }, k) =>
      state.of === "cost" ? kinds.cost_together[0][k] : added(kinds.pixels, k);
    const sum = (k) => whole(report, k);
    const largest = Math.max(...report.classes.map((_, k) => added(values, k)), 0);
    const column = { unit: state.of === "cost" ? "%" : "px", better: "low" };
    const changed = (value, other) => (others ? [" ", difference(value, other, column)] : []);
    const kinds = report.kinds.map(({ key, title, about }, kind) => ({ key, title, about, kind }));
    const columns = [name, ...kinds, total, { key: "parts", title: "", about: "" }];
    const marked = indexIn(state.class, report.classes.length);
    const text = (value) => (state.of === "cost" ? points(value, 2) : figure(value, "px"));
    const made = sortableTable({
      caption: "Errors by class and kind",
      columns,
      className: "kinds-view",
      rows: report.classes.map((_, k) => k),
      sorted: sortedFrom(state.sort, columns, { key: "total", order: "descending" }),
      onSort: (sorted) => {
        state.sort = sortedText(sorted);
        settle(state);
      },
      value: (k, column) =>
        column.key === "name" ? className(k) : column.kind === undefined ? sum(k) : values[column.kind][k],
      cell: (k, column) => {
        if (column.key === "name") return make("a", { href: address("gallery", { class: k }) }, classLabel(k));
        if (column.key === "parts")
          return kindBar(
            values.map((row) => Math.max(0, row[k] ?? 0)),
            largest > 0 ? added(values, k) / largest : 0,
          );
        if (column.key === "total") return [text(sum(k)), changed(sum(k), others && whole(report.against, k))];
        const value = values[column.kind][k];
        return [
          value
            ? make("a", { href: address("gallery", { class: k, kind: column.key }) }, text(value))
            : make("span", { class: "soft" }, "0"),
          changed(value, others?.[column.kind][k]),
        ];
      },
      rowAttributes: (k) => ({ class: k === marked ? "marked" : null }),
    });
    made.append(inAll(state.of, columns));
    // the bars' column needs no button, and its kinds' heads show their marks
    made.querySelectorAll("thead th").forEach((head, i) => {
      if (columns[i].key === "parts") head.replaceChildren();
      else if (columns[i].kind !== undefined) head.firstElementChild.prepend(kindMark(columns[i].kind), " ");
    });
    return made;
  }

  // The sums of the columns; of Δ mIoU, which does not add up, that of each kind in all classes.
  function inAll(of, columns) {
    const cost = of === "cost";
    const ofKind = (kinds, key) => kinds.find((kind) => kind.key === key)?.[cost ? "cost" : "pixels"];
    // correcting everything makes everything right
    const ofAll = ({ kinds, scores }) =>
      cost ? (known(scores.miou) ? 1 - scores.miou : null) : kinds.reduce((sum, { pixels: count }) => sum + count, 0);
    const cells = columns.slice(1).map(({ key, kind }) => {
      if (key === "parts") return "";
      const taken = (run) => (kind === undefined ? ofAll(run) : ofKind(run.kinds, key));
      const value = taken(report);
      return [
        cost ? points(value, 2) : figure(value, "px"),
        report.against && [" ", difference(value, taken(report.against), { unit: cost ? "%" : "px", better: "low" })],
      ];
    });
    return make(
      "tfoot",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "row" }, "All classes"),
        cells.map((cell) => make("td", { class: "figure" }, cell)),
      ),
    );
  }

  function meanings() {
    return section(
      "What the kinds mean",
      make(
        "dl",
        { class: "facts kinds-facts" },
        report.kinds.map((kind, k) => [
          make("dt", {}, kindLabel(k)),
          make(
            "dd",
            {},
            kind.about,
            " ",
            known(kind.share_of_errors) &&
              make(
                "span",
                { class: "soft" },
                `${inUnit(kind.share_of_errors, "%")} of the wrong pixels; if corrected, ${points(kind.cost)} mIoU.`,
              ),
          ),
        ]),
      ),
    );
  }

  function displacement() {
    const counts = report.displaced_by;
    if (!counts?.some((count) => count > 0)) return null;
    const kind = report.kinds.find(({ key }) => key === "displaced") ?? report.kinds[0];
    const label = counts.map((count, i) => `${i + 1} px: ${grouped(count)}`).join(", ");
    return section(
      "How far borders are displaced",
      chart(
        `Pixels by how far their border is displaced. ${label}`,
        ({ ink }) => ({
          traces: [
            {
              type: "bar",
              x: counts.map((_, i) => `${i + 1} px`),
              y: counts,
              marker: { color: rgb(kind.colour) },
              width: 0.6,
              text: counts.map(short),
              textposition: "outside",
              textfont: { color: ink },
              cliponaxis: false,
              hoverinfo: "skip",
            },
          ],
          layout: {
            yaxis: { title: { text: "wrong pixels" }, nticks: 4, fixedrange: true },
            xaxis: { fixedrange: true, type: "category", showgrid: false },
            dragmode: false,
            margin: { t: 22 },
          },
        }),
        { height: 200 },
      ),
    );
  }

  views.kinds = { title: "Kinds", available: () => report.kinds.length > 0, show };
}
