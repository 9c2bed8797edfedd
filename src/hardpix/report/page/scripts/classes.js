"use strict";
// Every score of every class in one table, group by group, beside another run's.
{
  const all = "All";
  const name = { key: "name", title: "Class", text: true, about: "Class" };

  function show(main, state) {
    const groups = [...groupsOf(report.columns.class).keys()];
    const group = groups.includes(state.group) || state.group === all ? state.group : groups[0];
    const shown = { ...state, group };
    const place = make("div", { class: "table-place" });
    const about = make("div");
    const draw = () => {
      place.replaceChildren(table(shown));
      about.replaceChildren(explanations(shown.group));
    };
    const choose = (chosen) => {
      shown.group = chosen;
      settle(shown);
      draw();
    };
    main.append(
      viewHead(
        "Classes",
        report.against ? `Differences are to ${report.against.title}.` : null,
        choice(
          "Scores",
          [...groups, all].map((title) => [title, title]),
          group,
          choose,
        ),
      ),
      place,
      about,
    );
    draw();
  }

  // Points of the mIoU are no share of anything, and say so in their column's title.
  const columnsOf = (group) =>
    report.columns.class
      .filter((column) => group === all || column.group === group)
      .map((column) => (column.key === "worth" ? { ...column, unit: "points" } : column));

  function table(state) {
    const columns = columnsOf(state.group);
    const everything = [name, ...columns];
    const marked = indexIn(state.class, report.classes.length);
    const largest = Object.fromEntries(
      columns.map(({ key }) => [key, Math.max(...report.class_scores[key].filter(known), 0)]),
    );
    return sortableTable({
      caption: "Scores of each class",
      columns: everything,
      className: columns.length <= 6 ? "roomy" : columns.length > 12 ? "many" : "",
      rows: report.classes.map((_, k) => k),
      sorted: sortedFrom(
        state.sort,
        everything,
        columns.some(({ key }) => key === "iou") ? { key: "iou", order: "ascending" } : null,
      ),
      onSort: (sorted) => {
        state.sort = sortedText(sorted);
        settle(state);
      },
      value: (k, { key }) => (key === "name" ? className(k) : report.class_scores[key][k]),
      cell: (k, column) => (column.key === "name" ? nameCell(k) : scoreCell(k, column, largest[column.key])),
      rowAttributes: (k) => ({ class: k === marked ? "marked" : null }),
    });
  }

  const nameCell = (k) =>
    make(
      "a",
      { href: address("gallery", { class: k }), title: `Images by the wrong pixels of ${className(k)}` },
      classLabel(k),
    );

  function scoreCell(k, column, largest) {
    const value = report.class_scores[column.key][k];
    const other = report.against?.class_scores[column.key]?.[k];
    // shares are of the whole, whatever the largest is, so that bars of different columns can be compared
    const share = known(value) && largest > 0 ? value / (column.unit === "%" ? 1 : largest) : null;
    // one digit after the point in the whole column, or two where one would make a small value zero
    const tiny = report.class_scores[column.key].some((each) => each > 0 && each < 0.0005);
    return [
      make(
        "span",
        { class: "number" },
        column.unit === "points" ? points(value, 1) : figure(value, column.unit, column.unit === "%" ? 1 + tiny : null),
      ),
      report.against && difference(value, other, column),
      bar(share),
    ];
  }

  function explanations(group) {
    const columns = columnsOf(group);
    return make(
      "details",
      { class: "panel about", open: report.classes.length <= 12 },
      make("summary", {}, "What the columns mean"),
      make(
        "dl",
        { class: "facts" },
        columns.map(({ title, about }) => [make("dt", {}, title), make("dd", {}, about)]),
      ),
    );
  }

  views.classes = { title: "Classes", available: () => true, show };
}
