"use strict";
// Labels that may be wrong, those that matter most first: a place in a picture, its label, what it seems to be.
{
  const AT_ONCE = 48;
  const VIEW = 168;

  function show(main) {
    const { suspects } = report;
    const list = make("ul", { class: "suspects" });
    const more = make("p", { class: "more" });
    const grow = () => {
      const from = list.children.length;
      list.append(...suspects.slice(from, from + AT_ONCE).map(card));
      const left = suspects.length - list.children.length;
      more.replaceChildren(...(left > 0 ? [button(`Show more (${grouped(left)} left)`, grow)] : []));
    };
    main.append(
      viewHead(
        "Suspected labels",
        "Where the model is sure of another class than the label; those that matter most come first.",
        make("a", { href: address("gallery", { suspects: 1 }) }, "Their images in the gallery"),
      ),
      suspects.length === 0 ? make("p", { class: "empty" }, "No label is suspected.") : list,
      more,
    );
    grow();
  }

  function card(suspect) {
    const { image: number, given, suspected, area, margin, box, known: classIsKnown } = suspect;
    const shows = ["image", "suspects", ...(hasLayer(number, "image") ? [] : ["truth"])];
    return make(
      "li",
      {},
      make(
        "a",
        {
          class: "card",
          href: address("picture", { image: number, suspects: 1, layers: shows.join(","), box: box.join(",") }),
        },
        crop(number, box),
        make(
          "span",
          { class: "words" },
          make("span", { class: "line" }, make("span", { class: "soft" }, "labelled"), classLabel(given)),
          make("span", { class: "line" }, make("span", { class: "soft" }, "rather"), classLabel(suspected)),
          make("span", { class: "line soft" }, `${pixels(area)} · margin ${figure(margin, "")}`),
          !classIsKnown && make("span", { class: "line soft" }, "the model hardly finds that class: may be hard"),
          make("span", { class: "stem", title: images.stem[number] }, images.stem[number]),
        ),
      ),
    );
  }

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
