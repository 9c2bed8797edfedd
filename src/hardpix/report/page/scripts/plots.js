"use strict";
// Any two scores against each other: a point is an image, or a class.
{
  // From here on, points are small. They are svg however many there are: plotly's WebGL makes code at run time, which
  // the page forbids.
  const MANY = 2000;

  function show(main, state) {
    const shown = { ...state, of: state.of === "classes" ? "classes" : "images" };
    const place = make("div", { class: "columns plot-columns" });
    const tools = make("div", { class: "row" });
    const draw = () => {
      const columns = columnsOf(shown.of);
      const keys = columns.map(({ key }) => key);
      const [x, y] = usual(shown.of, keys);
      if (!keys.includes(shown.x)) shown.x = x;
      if (!keys.includes(shown.y)) shown.y = y;
      const options = [...groupsOf(columns)].map(([group, members]) => [
        group,
        members.map(({ key, title }) => [key, title]),
      ]);
      tools.replaceChildren(
        select("across", options, shown.x, (key) => {
          shown.x = key;
          settle(shown);
          draw();
        }),
        select("up", options, shown.y, (key) => {
          shown.y = key;
          settle(shown);
          draw();
        }),
      );
      place.replaceChildren(
        make("div", { class: "panel" }, scatter(shown)),
        make("aside", { class: "panel preview", "aria-live": "off" }, aside(shown)),
      );
      if (shown.of === "images") preview(imagesOf({ sort: shown.y }).numbers[0]);
    };
    main.append(
      viewHead(
        "Plots",
        null,
        choice(
          "Points",
          [
            ["images", "Images"],
            ["classes", "Classes"],
          ],
          shown.of,
          (of) => {
            Object.assign(shown, { of, x: null, y: null });
            settle(shown);
            draw();
          },
        ),
        tools,
      ),
      place,
    );
    draw();
  }

  const columnsOf = (of) => (of === "images" ? report.columns.image : report.columns.class);

  // What is looked at first: how often a class is against how well it is found; borders against the whole.
  function usual(of, keys) {
    const wanted = of === "classes" ? ["share", "iou"] : ["miou", "boundary_iou"];
    return wanted.map((key, i) => (keys.includes(key) ? key : keys[Math.min(i, keys.length - 1)]));
  }

  function scatter(state) {
    const columns = columnsOf(state.of);
    const [x, y] = [state.x, state.y].map((key) => columns.find((column) => column.key === key));
    const scores = state.of === "images" ? images.columns : report.class_scores;
    const values = [x, y].map(({ key }) => scores[key]);
    const there = values[0].map((_, i) => i).filter((i) => known(values[0][i]) && known(values[1][i]));
    const names = state.of === "images" ? images.stem : report.classes.map(({ name }) => name);
    const points = state.of === "images" ? plural(there.length, "image") : plural(there.length, "class", "classes");
    const label = `${y.title} against ${x.title} of ${points}`;
    const lines = (i) => [
      shortened(names[i], 48),
      `${x.title} ${inUnit(values[0][i], x.unit)}`,
      `${y.title} ${inUnit(values[1][i], y.unit)}`,
    ];
    const text = (i) => lines(i).map(plotText).join("<br>");
    const ofClasses = state.of === "classes";
    // shares of classes differ by orders of magnitude
    const spread = there.map((i) => values[0][i]).filter((value) => value > 0);
    const logarithmic =
      ofClasses &&
      x.better === null &&
      spread.length === there.length &&
      Math.max(...spread) > 30 * Math.min(...spread);
    const placed = ofClasses ? sides(there, names, values, logarithmic) : [];
    const open = (i) => (ofClasses ? go("gallery", { class: i }) : go("picture", { image: i, sort: y.key }));
    const drawn = chart(
      label,
      ({ ink, soft, first, raised }) => ({
        traces: [
          {
            type: "scatter",
            mode: ofClasses ? "markers+text" : "markers",
            x: there.map((i) => onAxis(values[0][i], x)),
            y: there.map((i) => onAxis(values[1][i], y)),
            hovertext: there.map(text),
            hovertemplate: "%{hovertext}<extra></extra>",
            ...(ofClasses
              ? {
                  text: there.map((i, k) => (placed[k] ? plotText(shortened(names[i], 20)) : "")),
                  textposition: placed.map((side) => side ?? "middle right"),
                  textfont: { color: ink },
                }
              : {}),
            marker: {
              size: ofClasses ? 11 : there.length > MANY ? 4 : 8,
              opacity: ofClasses ? 1 : 0.7,
              color: ofClasses ? there.map((i) => rgb(report.classes[i].colour)) : first,
              line: { width: ofClasses ? 1 : there.length > MANY ? 0 : 1, color: ofClasses ? soft : raised },
            },
          },
        ],
        layout: {
          xaxis: { ...axisOf(x, true), ...(logarithmic ? { type: "log", dtick: 1 } : {}) },
          yaxis: axisOf(y, true),
          margin: { t: 16, r: 24 },
        },
      }),
      {
        height: chartHeight(),
        events: {
          plotly_click: ({ points: [{ pointIndex }] }) => open(there[pointIndex]),
          plotly_hover: ({ points: [{ pointIndex }] }) => {
            if (!ofClasses) preview(there[pointIndex]);
          },
        },
      },
    );
    // left and right by the one score, up and down by the other
    const ranks = values.map((each) => there.map((_, k) => k).sort((a, b) => each[there[a]] - each[there[b]]));
    const hint =
      "With the keyboard: the arrows go from point to point, left and right by the one score, up and down by the " +
      "other; Enter opens it.";
    return withKeys(drawn, hint, {
      step: (from, key) => {
        const order = ranks[key === "ArrowLeft" || key === "ArrowRight" ? 0 : 1];
        const place = order.indexOf(from) + (key === "ArrowLeft" || key === "ArrowDown" ? -1 : 1);
        return order[Math.min(order.length - 1, Math.max(0, place))];
      },
      show: (k) => {
        window.Plotly.Fx.hover(drawn, [{ curveNumber: 0, pointNumber: k }]);
        // plotly tells of a hover only some time later
        if (!ofClasses) preview(there[k]);
      },
      words: (k) => lines(there[k]).join(" · "),
      open: (k) => open(there[k]),
    });
  }

  // Which side of each point its name stands on, in a plot of about the size that it will have.
  function sides(there, names, [across, up], logarithmic) {
    const size = { width: Math.min(1440, window.innerWidth) - 420, height: chartHeight() - 90 };
    const along = (values, scale) => {
      const all = there.map((i) => scale(values[i]));
      const low = Math.min(...all);
      const span = Math.max(...all) - low || 1;
      // plotly leaves a little room at both ends
      return all.map((value) => 0.06 + (0.88 * (value - low)) / span);
    };
    const x = along(across, logarithmic ? Math.log : (value) => value);
    const y = along(up, (value) => -value);
    return labelSides(
      there.map((i, k) => ({ x: x[k] * size.width, y: y[k] * size.height, text: shortened(names[i], 20) })),
      size,
    );
  }

  const chartHeight = () => Math.max(420, window.innerHeight - 240);

  function aside(state) {
    const column = columnsOf(state.of).find(({ key }) => key === state.y);
    if (state.of === "classes") {
      return [
        make("h2", {}, "Classes"),
        make("p", { class: "soft" }, "A click on a class shows the images by its wrong pixels."),
        make(
          "ul",
          { class: "plain-list" },
          report.classes.map((_, k) =>
            make("li", {}, make("a", { href: address("gallery", { class: k }) }, classLabel(k))),
          ),
        ),
      ];
    }
    return [
      make("div", { class: "previewed" }),
      make("p", { class: "soft" }, "Point at an image to see it here; click to open it."),
      make("p", {}, make("a", { href: address("gallery", { sort: column.key }) }, `All images by ${column.title}`)),
    ];
  }

  function preview(number) {
    const place = document.querySelector(".previewed");
    place?.replaceChildren(
      ...(thumbnail(number) ? [make("img", { src: thumbnail(number), alt: "" })] : []),
      make(
        "p",
        { class: "stem" },
        make("a", { href: address("picture", { image: number }), title: images.stem[number] }, images.stem[number]),
      ),
      make(
        "table",
        { class: "facts-table" },
        make(
          "tbody",
          {},
          report.columns.image.map((column) =>
            make(
              "tr",
              {},
              make("th", { scope: "row" }, column.title),
              make("td", { class: "figure" }, inUnit(images.columns[column.key][number], column.unit)),
            ),
          ),
        ),
      ),
    );
  }

  views.plots = { title: "Plots", available: () => report.columns.image.length > 0, show };
}
