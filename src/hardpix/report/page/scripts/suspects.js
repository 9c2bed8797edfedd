"use strict";
// Labels that may be wrong, those that matter most first: a place in a picture, its label, what it seems to be. Those
// that may as well be hard stand apart.
{
  const AT_ONCE = 48;
  const VIEW = 168;
  const MARGIN = "How much more probable the model finds the other class than the label, on average";
  // how the view was left for a picture: how many cards each list had, how far it was scrolled, which card was opened
  const left = { cards: [AT_ONCE, AT_ONCE], scroll: 0, opened: null };

  function show(main, _, from) {
    const { suspects } = report;
    const mislabelled = suspects.filter((suspect) => suspect.mislabelled);
    const hard = suspects.filter((suspect) => !suspect.mislabelled);
    main.append(
      viewHead(
        "Suspected labels",
        suspects.length > 0 && claim(mislabelled.length),
        make("a", { href: address("gallery", { suspects: 1 }) }, "Their images in the gallery"),
      ),
      ...(suspects.length > 0 ? cards(mislabelled, 0) : [make("p", { class: "empty" }, "No label is suspected.")]),
      ...(hard.length > 0 ? [hardHead(), ...cards(hard, 1)] : []),
    );
    if (from !== "picture") return;
    main.querySelector("[data-opened]")?.focus({ preventScroll: true });
    // a view starts at its top
    requestAnimationFrame(() => window.scrollTo(0, left.scroll));
  }

  // The verdict has the same number; a report lists no more than the first of very many.
  function claim(listed) {
    const all = report.suspect_regions;
    if (all === 0) return "No region seems mislabeled rather than hard.";
    const many = `${listed < all ? `${grouped(listed)} of ` : ""}${plural(all, "region")}`;
    return `${many} that may be mislabeled rather than hard, those that matter most first: worth a look, not a count of wrong labels.`;
  }

  const hardHead = () =>
    make(
      "div",
      { class: "view-head hard-suspects" },
      make("h2", {}, "May as well be hard"),
      make(
        "p",
        {},
        "The model is surer of the other class than on average, but hardly finds that of the label, or finds it likelier.",
      ),
    );

  // A list of cards that grows, and its button.
  function cards(suspects, sort) {
    const list = make("ul", { class: "suspects" });
    const more = make("p", { class: "more" });
    const draw = (count) => {
      const from = list.children.length;
      list.append(...suspects.slice(from, count).map(card));
      const rest = suspects.length - list.children.length;
      more.replaceChildren(...(rest > 0 ? [button(`Show more (${grouped(rest)} left)`, grow)] : []));
    };
    const grow = () => {
      const from = list.children.length;
      left.cards[sort] = from + AT_ONCE;
      draw(left.cards[sort]);
      list.children[from].querySelector("a").focus({ preventScroll: true });
    };
    draw(left.cards[sort]);
    return [list, more];
  }

  function card(suspect) {
    const { image: number, given, suspected, area, margin, box } = suspect;
    const shows = ["image", "suspects", ...(hasLayer(number, "image") ? [] : ["truth"])];
    return make(
      "li",
      {},
      make(
        "a",
        {
          class: "card",
          href: address("picture", {
            image: number,
            suspects: 1,
            from: "suspects",
            layers: shows.join(","),
            box: box.join(","),
          }),
          "data-opened": suspect === left.opened,
          on: { click: () => Object.assign(left, { scroll: window.scrollY, opened: suspect }) },
        },
        crop(number, box),
        make(
          "span",
          { class: "words" },
          make("span", { class: "line" }, make("span", { class: "soft" }, "labeled"), classLabel(given)),
          make("span", { class: "line" }, make("span", { class: "soft" }, suspectWord(suspect)), classLabel(suspected)),
          make("span", { class: "line soft", title: MARGIN }, `${pixels(area)} · ${likelier(margin)}`),
          whyHard(suspect) && make("span", { class: "line soft" }, whyHard(suspect)),
          make("span", { class: "stem", title: images.stem[number] }, images.stem[number]),
        ),
      ),
    );
  }

  const likelier = (margin) =>
    `${figure(Math.abs(100 * margin), "", 0)} points ${margin < 0 ? "less likely" : "likelier"}`;

  // The place with as much again around it, cut out of the picture by the browser.
  function crop(number, [top, left, height, width]) {
    const layer = ["image", "truth", "prediction"].find((each) => hasLayer(number, each));
    if (!layer) return null;
    const side = Math.min(Math.max(height, width) * 2.2, images.width[number], images.height[number]);
    const clamp = (middle, length) => Math.min(Math.max(middle - side / 2, 0), length - side);
    const x = clamp(left + width / 2, images.width[number]);
    const y = clamp(top + height / 2, images.height[number]);
    const scale = VIEW / side;
    return make(
      "span",
      { class: "crop" },
      make("img", {
        src: layerAddress(number, layer),
        alt: "",
        loading: "lazy",
        class: scale > 2 ? "crisp" : null,
        style: {
          width: `${images.width[number] * scale}px`,
          height: `${images.height[number] * scale}px`,
          left: `${-x * scale}px`,
          top: `${-y * scale}px`,
        },
      }),
      make("span", {
        class: "frame",
        style: {
          left: `${(left - x) * scale - 2}px`,
          top: `${(top - y) * scale - 2}px`,
          width: `${width * scale + 4}px`,
          height: `${height * scale + 4}px`,
        },
      }),
    );
  }

  views.suspects = { title: "Suspects", available: () => Boolean(report.suspects), show };
}
