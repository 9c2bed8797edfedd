"use strict";
// Charts by plotly, which is loaded when the first one is shown.

const plotly = remembered(() => loadData("plotly.min.js").then(() => window.Plotly));

// plotly reads some HTML in its texts; a name is to be shown as it is.
const plotText = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const shortened = (text, length = 24) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function plotColors() {
  const names = ["paper", "raised", "ink", "soft", "rule", "tick", "first", "second", "gain", "loss"];
  return Object.fromEntries(names.map((name) => [name, themeColor(name)]));
}

// A class's color for a thin line: nearer to the ink where it would be lost on the paper.
function lineColor(color) {
  const ink = isDark() ? 255 : 0;
  const paper = isDark() ? 0.01 : 1;
  let shown = color;
  const contrast = () => {
    const [low, high] = [luminance(shown), paper].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  for (let i = 0; i < 8 && contrast() < 2; i++) shown = mixed(shown, [ink, ink, ink], 0.12);
  return rgb(shown.map(Math.round));
}

// A chart as an element. draw(colors, element) gives {traces, layout}; it is drawn again when the theme changes.
// events: plotly's names → what to do. The label says what can be seen to those who cannot see it.
function chart(label, draw, { height = 360, events = {}, className: kind = "" } = {}) {
  const element = make("div", {
    class: `chart ${kind}`,
    role: "img",
    "aria-label": label,
    style: { height: `${height}px` },
  });
  let drawn = false;
  async function render() {
    const Plotly = await plotly("");
    if (!element.isConnected) return;
    const colors = plotColors();
    const { traces, layout } = draw(colors, element);
    await Plotly.react(element, traces, merged(baseLayout(colors), layout), {
      displayModeBar: false,
      responsive: true,
      showTips: false,
      doubleClick: "reset",
    });
    if (!drawn) for (const [name, act] of Object.entries(events)) element.on(name, act);
    drawn = true;
    element.dataset.drawn = "true";
  }
  function onTheme() {
    if (element.isConnected) render();
    else document.removeEventListener("themechange", onTheme);
  }
  document.addEventListener("themechange", onTheme);
  element.redraw = render;
  // drawn once it stands in the page and has a size
  requestAnimationFrame(render);
  return element;
}

// What a chart shows, for those who cannot point at it and for copying. rows: a head and its figures each.
function figuresOf(heads, rows) {
  return make(
    "details",
    { class: "figures" },
    make("summary", {}, "Figures"),
    make(
      "table",
      { class: "facts-table" },
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          heads.map((head) => make("th", { scope: "col" }, head)),
        ),
      ),
      make(
        "tbody",
        {},
        rows.map(([head, ...cells]) =>
          make(
            "tr",
            {},
            make("th", { scope: "row" }, head),
            cells.map((cell) => make("td", { class: "figure" }, cell)),
          ),
        ),
      ),
    ),
  );
}

function baseLayout({ ink, soft, raised, rule, tick }) {
  const axis = {
    gridcolor: tick,
    linecolor: rule,
    zerolinecolor: rule,
    tickcolor: rule,
    automargin: true,
    title: { standoff: 8, font: { color: soft, size: 12 } },
  };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 16, t: 12, b: 40 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft },
    xaxis: structuredClone(axis),
    yaxis: structuredClone(axis),
    yaxis2: structuredClone(axis),
    showlegend: false,
    dragmode: "pan",
    hovermode: "closest",
    hoverlabel: { bgcolor: raised, bordercolor: rule, font: { color: ink, size: 12 }, align: "left" },
  };
}

function merged(base, more) {
  const result = { ...base };
  for (const [key, value] of Object.entries(more ?? {})) {
    const nested =
      value && typeof value === "object" && !Array.isArray(value) && result[key] && typeof result[key] === "object";
    result[key] = nested ? merged(result[key], value) : value;
  }
  return result;
}

function axisOf(column, values) {
  const percentage = column.unit === "%";
  return {
    title: {
      text: plotText(percentage ? `${column.title}, %` : column.unit === "px" ? `${column.title}, px` : column.title),
    },
    ...(percentage ? { ticksuffix: "" } : {}),
    ...(values ? {} : { rangemode: "tozero" }),
  };
}

// Values as an axis shows them: percent where they are shares.
const onAxis = (value, column) => (known(value) ? (column.unit === "%" ? value * 100 : value) : null);
