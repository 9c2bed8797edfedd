"use strict";
// A table whose heads are buttons that sort it. What has no value comes last, whichever way.

// columns: {key, title, unit, about, better, text: true where it sorts by letters}; the first heads the rows.
// rows: anything; value(row, column) is what it sorts by, cell(row, column) what it shows (text or elements).
function sortableTable({
  caption,
  columns,
  rows,
  value,
  cell,
  sorted,
  onSort,
  rowAttributes = () => ({}),
  className: kind = "",
}) {
  const body = make("tbody");
  const entries = rows.map((row) => ({
    row,
    element: make(
      "tr",
      rowAttributes(row),
      columns.map((column, i) =>
        i === 0
          ? make("th", { scope: "row" }, cell(row, column))
          : make("td", { class: column.text ? "words" : "figure" }, cell(row, column)),
      ),
    ),
  }));
  const heads = columns.map((column) =>
    make(
      "th",
      { scope: "col", class: column.text ? "words" : "figure" },
      button(
        [column.title, columnUnit(column) && make("span", { class: "unit" }, ` ${columnUnit(column)}`)],
        () => sort(column),
        { title: column.about },
      ),
    ),
  );

  function sort(column) {
    // the first click brings up what is worst, or largest; the second turns it round
    const first = column.text || column.better === "high" ? "ascending" : "descending";
    const again = sorted?.key === column.key;
    sorted = { key: column.key, order: again ? (sorted.order === "ascending" ? "descending" : "ascending") : first };
    arrange();
    onSort?.(sorted);
  }

  function arrange() {
    const column = columns.find(({ key }) => key === sorted?.key);
    heads.forEach((head, i) => {
      head.setAttribute("aria-sort", columns[i] === column ? sorted.order : "none");
    });
    const sign = sorted?.order === "ascending" ? 1 : -1;
    const ordered = column
      ? [...entries].sort((a, b) => compare(value(a.row, column), value(b.row, column), sign))
      : entries;
    body.replaceChildren(...ordered.map(({ element }) => element));
    const place = columns.indexOf(column);
    for (const { element } of entries) {
      [...element.children].forEach((child, i) => child.classList.toggle("sorted", i === place && i > 0));
    }
  }

  arrange();
  const table = make(
    "table",
    { class: `scores ${kind}` },
    make("caption", { class: "unseen" }, caption),
    make("thead", {}, make("tr", {}, heads)),
    body,
  );
  // only where it stands is known what of it is seen
  const placed = new ResizeObserver(() => {
    placed.disconnect();
    watchEdges(table.parentElement, table);
  });
  placed.observe(table);
  return table;
}

function compare(a, b, sign) {
  if (!known(a) || !known(b)) return known(b) - known(a);
  return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
}

// "column.order" as it stands in an address.
function sortedFrom(text, columns, fallback) {
  const [key, order] = (text ?? "").split(".");
  return columns.some((column) => column.key === key)
    ? { key, order: order === "ascending" ? order : "descending" }
    : fallback;
}

const sortedText = ({ key, order }) => `${key}.${order}`;
