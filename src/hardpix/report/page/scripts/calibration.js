"use strict";
// Whether a confidence of 90 % is right 9 times out of 10: overall, on borders, on thin parts.
{
  const TITLES = { overall: "All pixels", borders: "Near borders", thin: "Thin parts" };
  // of fewer pixels an accuracy says little, and its point would catch the eye
  const FEWEST = 100;

  function show(main) {
    const parts = Object.keys(TITLES).filter((key) => report.calibration[key]);
    main.append(
      viewHead(
        "Calibration",
        "Accuracy by confidence; on the diagonal a confidence is what it says. Below it the model is too sure. " +
          `Points of fewer than ${FEWEST} pixels are not drawn.` +
          (parts.some((key) => curveOf(report.against?.calibration?.[key]).length > 0)
            ? ` Differences are to ${report.against.title}, whose curve is gray.`
            : ""),
      ),
      make(
        "div",
        { class: "columns thirds" },
        parts.map((key) => section(TITLES[key], reliability(key))),
      ),
    );
  }

  const filledOf = (bins) => bins.filter(({ count, accuracy }) => count > 0 && known(accuracy));
  const curveOf = (part) => filledOf(part?.bins ?? []).filter(({ count }) => count >= FEWEST);
  const pixelsOf = (bins) => bins.reduce((sum, { count }) => sum + count, 0);
  const said = (bin) =>
    `confidence ${inUnit(bin.confidence, "%")}<br>accuracy ${inUnit(bin.accuracy, "%")}<br>${pixels(bin.count)}`;

  function curve(part, color, whose = "") {
    const enough = curveOf(part);
    return {
      type: "scatter",
      mode: "lines+markers",
      x: enough.map(({ confidence }) => confidence * 100),
      y: enough.map(({ accuracy }) => accuracy * 100),
      line: { color, width: whose ? 1.5 : 2 },
      marker: { size: whose ? 6 : 8, symbol: whose ? "circle-open" : "circle" },
      text: enough.map((bin) => whose + said(bin)),
      hovertemplate: "%{text}<extra></extra>",
    };
  }

  function reliability(key) {
    const { ece, bins } = report.calibration[key];
    const other = report.against?.calibration?.[key];
    const filled = filledOf(bins);
    const total = pixelsOf(filled);
    const text = filled.map(said);
    return [
      make(
        "p",
        {},
        "ECE ",
        make("b", {}, inUnit(ece, "%")),
        make("span", { class: "soft" }, ` over ${pixels(total)}`),
        other && [" ", difference(ece, other.ece, { unit: "%", better: "low" })],
      ),
      chart(
        `${TITLES[key]}: accuracy by confidence, expected calibration error ${inUnit(ece, "%")}`,
        ({ first, second, soft }) => ({
          traces: [
            {
              type: "scatter",
              mode: "lines",
              x: [0, 100],
              y: [0, 100],
              line: { color: soft, dash: "dash", width: 1.5 },
              hoverinfo: "skip",
            },
            ...(other ? [curve(other, soft, `${plotText(report.against.title)}<br>`)] : []),
            curve(report.calibration[key], second),
            {
              type: "bar",
              x: filled.map(({ low, high }) => 50 * (low + high)),
              y: filled.map(({ count }) => (100 * count) / total),
              width: filled.map(({ low, high }) => 92 * (high - low)),
              marker: { color: first },
              yaxis: "y2",
              text,
              hovertemplate: "%{text}<extra></extra>",
              textposition: "none",
            },
          ],
          layout: {
            xaxis: { title: { text: "confidence, %" }, range: [0, 101], dtick: 20, fixedrange: true, anchor: "y2" },
            yaxis: { title: { text: "accuracy, %" }, range: [0, 101], dtick: 20, domain: [0.32, 1], fixedrange: true },
            yaxis2: {
              title: { text: "pixels, %" },
              domain: [0, 0.22],
              fixedrange: true,
              rangemode: "tozero",
              nticks: 3,
            },
            dragmode: false,
          },
        }),
        { height: Math.max(400, Math.min(640, window.innerHeight - 240)) },
      ),
      figuresOf(
        ["Confidence", "Mean", "Accuracy", "Pixels"],
        filled.map(({ low, high, confidence, accuracy, count }) => [
          `${figure(low, "%", 0)} to ${figure(high, "%", 0)}${SPACE}%`,
          inUnit(confidence, "%"),
          inUnit(accuracy, "%"),
          figure(count),
        ]),
      ),
    ];
  }

  views.calibration = { title: "Calibration", available: () => Boolean(report.calibration), show };
}
