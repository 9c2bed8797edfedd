"use strict";
// How well the map of a signal, such as hardness, ranks the errors.
{
  function show(main) {
    const other = report.against?.hardness;
    const { auroc, aurc, aurc_best: best, aurc_random: errors, caution } = report.hardness;
    const tile = (title, value, theirs, unit, about) =>
      known(value) &&
      make(
        "div",
        { class: "tile", title: about },
        make("dt", {}, title),
        make(
          "dd",
          {},
          make("span", { class: "value" }, figure(value, unit)),
          unit && make("span", { class: "unit" }, `${SPACE}${unit}`),
          known(theirs) && difference(value, theirs, { unit, better: "high" }),
        ),
      );
    main.append(
      viewHead(
        signalTitle,
        "How well the map ranks the pixels by how likely they are wrong." +
          (other ? ` Differences are to ${report.against.title}${ofAnother()}.` : ""),
      ),
      make(
        "dl",
        { class: "tiles" },
        tile(
          "AUROC",
          auroc,
          other?.auroc,
          "",
          "The chance that a wrong pixel is ranked above a right one; 0.5 is chance.",
        ),
        tile(
          "Errors in the hardest 10\u00a0%",
          inHardest(report.hardness),
          other && inHardest(other),
          "%",
          "Share of all wrong pixels that is found by checking the tenth of the pixels that the map puts first.",
        ),
        tile("Of a perfect ranking", Math.min(1, 0.1 / errors), null, "%", "What a map that knows every error would find."),
        tile("Of a random ranking", 0.1, null, "%", "What a map that knows nothing would find."),
      ),
      ...(caution ? [make("p", { class: "banner", role: "note" }, caution)] : []),
      make(
        "p",
        { class: "note" },
        `Of the pixels of lowest ${signalName}, ${inUnit(aurc, "%")} are wrong: the mean over all numbers of pixels kept (AURC). ` +
          `A perfect ranking has ${inUnit(best, "%")}, a random one ${inUnit(errors, "%")}; lower is better.`,
      ),
      make("div", { class: `columns ${report.expected_loss ? "thirds" : ""}` }, deciles(), riskCoverage(), measuredLoss()),
    );
  }

  // The share of the errors in the last tenth; the deciles have nearly the same number of pixels.
  function inHardest({ deciles }) {
    const all = (deciles ?? []).reduce((sum, { errors }) => sum + (errors ?? 0), 0);
    return all > 0 ? deciles.at(-1).errors / all : null;
  }

  // Two maps may be compared that are called differently.
  const ofAnother = () => (report.against.signal === signalName ? "" : `, whose map is of ${report.against.signal}`);

  function deciles() {
    const rows = report.hardness.deciles;
    if (!rows?.length) return null;
    const names = rows.map((_, d) => String(d + 1));
    const label = rows
      .map((row, d) => `decile ${d + 1}: mIoU ${inUnit(row.miou, "%")}, errors ${inUnit(row.errors, "%")}`)
      .join("; ");
    const text = (row) => `mIoU ${inUnit(row.miou, "%")}<br>wrong pixels ${inUnit(row.errors, "%")}`;
    const percent = (key) => rows.map((row) => onAxis(row[key], { unit: "%" }));
    return section(
      `By decile of ${signalName}`,
      chart(
        label,
        ({ first, second }) => ({
          traces: [
            {
              type: "scatter",
              mode: "lines+markers",
              x: names,
              y: percent("miou"),
              line: { color: first, width: 2 },
              marker: { size: 7 },
            },
            {
              type: "bar",
              x: names,
              y: percent("errors"),
              marker: { color: second },
              width: 0.6,
              yaxis: "y2",
              textposition: "none",
            },
          ].map((trace) => ({ ...trace, text: rows.map(text), hovertemplate: "%{text}<extra></extra>" })),
          layout: {
            xaxis: { ...decileAxis(), anchor: "y2" },
            yaxis: { title: { text: "mIoU, %" }, range: [0, 102], fixedrange: true, domain: [0.5, 1] },
            yaxis2: { title: { text: "wrong pixels, %" }, rangemode: "tozero", fixedrange: true, domain: [0, 0.42] },
            dragmode: false,
          },
        }),
        { height: height() },
      ),
      figuresOf(
        ["Decile", "mIoU", "Wrong pixels"],
        rows.map((row, d) => [names[d], inUnit(row.miou, "%"), inUnit(row.errors, "%")]),
      ),
    );
  }

  function riskCoverage() {
    const { coverage, risk, aurc } = report.hardness;
    if (!coverage?.length) return null;
    const percent = (values) => values.map((value) => onAxis(value, { unit: "%" }));
    const all = onAxis(risk.at(-1), { unit: "%" });
    return section(
      "Risk and coverage",
      chart(
        `Share of wrong pixels among those of lowest ${signalName}, by how many are kept; ${inUnit(aurc, "%")} on average`,
        ({ second, soft }) => ({
          traces: [
            {
              type: "scatter",
              mode: "lines",
              x: percent(coverage),
              y: percent(risk),
              line: { color: second, width: 2 },
              hovertemplate: "of the lowest %{x:.0f} %, %{y:.2f} % are wrong<extra></extra>",
            },
            {
              type: "scatter",
              mode: "lines",
              x: [0, 100],
              y: [all, all],
              line: { color: soft, dash: "dash", width: 1.5 },
              hoverinfo: "skip",
            },
          ],
          layout: {
            xaxis: { title: { text: plotText(`coverage: pixels of lowest ${signalName} kept, %`) }, range: [0, 100.5], fixedrange: true },
            yaxis: { title: { text: "risk: of these wrong, %" }, rangemode: "tozero", fixedrange: true },
            dragmode: false,
            annotations: [
              {
                x: 1,
                y: all,
                text: "random ranking",
                showarrow: false,
                xanchor: "left",
                yanchor: "top",
                font: { color: soft },
              },
            ],
          },
        }),
        { height: height() },
      ),
      figuresOf(
        ["Coverage", "Risk"],
        coverage
          .map((kept, i) => [`${figure(kept, "%", 0)}${SPACE}%`, inUnit(risk[i], "%")])
          .filter((_, i) => Math.round(100 * coverage[i]) % 10 === 0),
      ),
    );
  }

  // Beside the measured loss what the map expects, where its values stand for an expected loss.
  function measuredLoss() {
    const found = report.expected_loss;
    if (!found) return null;
    const { deciles: rows, mean, off } = found;
    const expects = known(rows[0].expected);
    const names = rows.map((_, d) => String(d + 1));
    const times = (value) => `${figure(value, "", 2)}${SPACE}×`;
    const text = (row) =>
      [`measured ${times(row.relative)} the average`, expects && `expected ${times(row.expected)}`]
        .filter(Boolean)
        .join("<br>");
    return section(
      expects ? "Expected and measured loss" : `Measured loss by decile of ${signalName}`,
      make(
        "p",
        { class: "note" },
        `As multiples of the average loss, ${figure(mean, "", 3)}. ` +
          (expects
            ? `On the mean over the deciles the map is off by ${times(off)} the average.`
            : "The map does not say which loss it expects, so that its order alone can be judged."),
      ),
      chart(
        `Mean loss by decile of ${signalName}: ${rows.map((row, d) => `${names[d]}: ${text(row).replace("<br>", ", ")}`).join("; ")}`,
        ({ first, second }) => ({
          traces: [
            { type: "bar", name: "measured", y: rows.map(({ relative }) => relative), marker: { color: first } },
            ...(expects
              ? [
                  {
                    type: "scatter",
                    mode: "lines+markers",
                    name: "expected",
                    y: rows.map(({ expected }) => expected),
                    line: { color: second, width: 2 },
                    marker: { size: 7 },
                  },
                ]
              : []),
          ].map((trace) => ({
            ...trace,
            x: names,
            textposition: trace.type === "bar" ? "none" : undefined,
            text: rows.map(text),
            hovertemplate: "%{text}<extra></extra>",
          })),
          layout: {
            xaxis: decileAxis(),
            yaxis: { title: { text: "loss, multiples of the average" }, rangemode: "tozero", fixedrange: true },
            dragmode: false,
            showlegend: expects,
            legend: { x: 0.02, y: 0.98, yanchor: "top", bgcolor: "rgba(0,0,0,0)" },
          },
        }),
        { height: height() },
      ),
      figuresOf(
        ["Decile", "Measured", ...(expects ? ["Expected"] : [])],
        rows.map((row, d) => [names[d], times(row.relative), ...(expects ? [times(row.expected)] : [])]),
      ),
    );
  }

  const decileAxis = () => ({
    title: { text: plotText(`decile of ${signalName}, 10 is the highest`) },
    type: "category",
    fixedrange: true,
    showgrid: false,
  });

  const height = () => Math.max(340, Math.min(620, window.innerHeight - 290));

  views.hardness = { title: signalTitle, available: () => Boolean(report.hardness), show };
}
