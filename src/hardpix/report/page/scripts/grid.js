"use strict";
// A grid of which only the cells in sight exist, however many there are.

const ROWS_BEYOND = 2;

// Puts a grid into a place. cell(index) makes the element of one; all are at least minWidth wide, and as high as the
// function height says for their width. It starts scrolled to `start`, with the focus on the cell `focused`.
function virtualGrid(place, count, { minWidth, height: heightOf, gap, cell, label, start = 0, focused = null }) {
  const sheet = make("div", { class: "sheet" });
  const element = make(
    "div",
    { class: "grid", role: "list", "aria-label": label, on: { scroll: draw, keydown: move } },
    sheet,
  );
  const drawn = new Map();
  let columns = 1;
  let width = 0;
  let cellWidth = 0;
  let height = 1;

  function measure() {
    width = sheet.clientWidth;
    columns = Math.max(1, Math.floor((width + gap) / (minWidth + gap)));
    cellWidth = (width - gap * (columns - 1)) / columns;
    height = heightOf(cellWidth);
    sheet.style.height = `${Math.max(0, Math.ceil(count / columns) * (height + gap) - gap)}px`;
    for (const each of drawn.values()) each.remove();
    drawn.clear();
    draw();
  }

  function draw() {
    const begin = Math.max(0, Math.floor(element.scrollTop / (height + gap)) - ROWS_BEYOND) * columns;
    const end = Math.min(
      count,
      (Math.ceil((element.scrollTop + element.clientHeight) / (height + gap)) + ROWS_BEYOND) * columns,
    );
    for (const [index, each] of drawn) {
      // the one with the focus stays, or the keyboard would lose its place
      if ((index < begin || index >= end) && !each.contains(document.activeElement)) {
        each.remove();
        drawn.delete(index);
      }
    }
    for (let index = begin; index < end; index++) {
      if (drawn.has(index)) continue;
      const left = (index % columns) * (cellWidth + gap);
      const top = Math.floor(index / columns) * (height + gap);
      const each = make(
        "div",
        {
          class: "cell",
          role: "listitem",
          "aria-posinset": index + 1,
          "aria-setsize": count,
          style: { width: `${cellWidth}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)` },
        },
        cell(index),
      );
      each.dataset.index = index;
      drawn.set(index, each);
      // in order, so that tabbing goes from one to the next
      const next = [...sheet.children].find((other) => Number(other.dataset.index) > index);
      sheet.insertBefore(each, next ?? null);
    }
  }

  function move(event) {
    const at = event.target.closest(".cell");
    const page = Math.max(1, Math.floor(element.clientHeight / (height + gap))) * columns;
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      PageUp: -page,
      PageDown: page,
      Home: -Infinity,
      End: Infinity,
    };
    if (!at || !(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    focus(Math.min(count - 1, Math.max(0, Number(at.dataset.index) + steps[event.key])));
  }

  function focus(index) {
    const top = Math.floor(index / columns) * (height + gap);
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + height > element.scrollTop + element.clientHeight)
      element.scrollTop = top + height - element.clientHeight;
    draw();
    drawn.get(index)?.querySelector("a")?.focus({ preventScroll: true });
    draw();
  }

  place.replaceChildren(element);
  measure();
  // only now is there anything to scroll
  element.scrollTop = start;
  draw();
  if (focused !== null) focus(focused);
  new ResizeObserver(() => {
    if (element.isConnected && sheet.clientWidth !== width) measure();
    else draw();
  }).observe(element);
  return element;
}
