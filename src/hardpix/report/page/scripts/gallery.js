"use strict";
// All images, sorted and filtered; 10,000 of them are as quick as ten, since only those in sight are drawn.
{
  const CARD = 168;
  const scrolled = new Map(); // where each gallery was left, by its address

  function show(main, asked, from) {
    let state = applied(asked);
    if (address("gallery", chosen(asked)) !== address("gallery", chosen(state))) settle(state);
    const controls = make("div", { class: "row" });
    const search = make("input", {
      type: "search",
      placeholder: "Find a name",
      "aria-label": "Find a name",
      value: state.text ?? "",
      on: {
        input: () => {
          state = { ...state, text: search.value };
          settle(state);
          draw(false);
        },
      },
    });
    const count = make("p", { class: "found", "aria-live": "polite" });
    const place = make("div", { class: "gallery-place" });

    function draw(withControls = true, sought = null) {
      const found = imagesOf(state);
      if (withControls) controls.replaceChildren(...galleryControls(state, found, change).filter(Boolean));
      const kept = found.numbers.length;
      const by = found.measure ? ` with errors: ${found.measure.title}` : "";
      const text = state.text?.trim();
      const named = text ? `${by && ","} with “${text}” in the name` : "";
      const all = plural(imageCount(), "image");
      count.textContent = `${kept === imageCount() ? all : `${grouped(kept)} of ${all}`}${by}${named}`;
      if (kept === 0) {
        place.replaceChildren(
          make(
            "p",
            { class: "empty" },
            found.measure?.values.size === 0
              ? "No image has such errors. "
              : `No image${found.measure ? " with such errors" : ""} has “${text}” in its name. `,
            button("Show all images", () => {
              search.value = "";
              change({ view: "gallery", plain: state.plain });
            }),
          ),
        );
        return;
      }
      const here = address("gallery", { ...chosen(state), plain: null });
      const grid = virtualGrid(place, kept, {
        ...cellSize(),
        label: "Images",
        cell: (index) => card(found, index, state),
        start: scrolled.get(here),
        focused: found.numbers.includes(sought) ? found.numbers.indexOf(sought) : null,
      });
      grid.addEventListener("scroll", () => scrolled.set(here, grid.scrollTop), { passive: true });
    }

    function change(changed) {
      writePending();
      const focused = document.activeElement?.dataset.field;
      state = changed;
      draw();
      settle(state);
      // the menus are new: the focus goes back to where it was, or near what is no longer there
      if (focused) controls.querySelector(`[data-field="${focused}"]`)?.focus();
      if (document.activeElement === document.body) search.focus();
    }

    main.append(
      make("div", { class: "view-head" }, make("h1", { tabindex: -1 }, "Gallery"), count),
      make("div", { class: "row gallery-tools" }, make("div", { class: "field" }, search), controls),
      place,
    );
    main.classList.add("fixed");
    draw(true, from === "picture" ? lastPicture.number : null);
  }

  // As high for its width as the first image; without pictures a card is two lines.
  function cellSize() {
    if (!images.thumbnails) return { minWidth: 250, height: () => 58, gap: 8 };
    const ratio = Math.min(1.3, Math.max(0.45, images.height[0] / images.width[0]));
    return { minWidth: CARD, height: (width) => Math.round(width * ratio) + 51, gap: 14 };
  }

  function card({ measure, column, valueOf, numbers }, index, state) {
    const number = numbers[index];
    const shown = column ?? measure;
    const usual = [imageColumn("miou"), ...report.columns.image].find((each) => each && each.key !== column?.key);
    return make(
      "a",
      {
        class: `card ${images.thumbnails ? "" : "plain"}`,
        href: address("picture", { ...chosen(state), image: number }),
      },
      images.thumbnails && thumb(number, { errors: state.plain !== "1" }),
      make("span", { class: "stem", title: images.stem[number] }, images.stem[number]),
      make(
        "span",
        { class: "values" },
        make("b", { title: shown.title }, inUnit(valueOf(number), shown.unit)),
        column && measure
          ? make("span", { title: measure.title }, inUnit(measure.values.get(number), measure.unit))
          : usual &&
              make(
                "span",
                { title: usual.title },
                `${usual.title} ${inUnit(images.columns[usual.key][number], usual.unit)}`,
              ),
      ),
      errorBar(number),
    );
  }

  // The kinds of error as parts of a bar that is as long as the image is wrong, against the worst image.
  let worst = null;
  function errorBar(number) {
    const columns = report.kinds.map(({ key }) => images.columns[key]);
    if (columns.some((values) => !values)) return null;
    const total = (k) => columns.reduce((sum, values) => sum + (values[k] ?? 0), 0);
    worst ??= Array.from({ length: imageCount() }, (_, k) => total(k)).reduce((a, b) => Math.max(a, b), 1e-9);
    return kindBar(
      columns.map((values) => values[number] ?? 0),
      total(number) / worst,
    );
  }

  views.gallery = { title: "Gallery", available: () => imageCount() > 0, show };
}
