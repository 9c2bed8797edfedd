"use strict";
// One picture: its layers on a stage, zoom and pan that stay from picture to picture, and its figures; two runs side by
// side.
{
  let parts = null; // of the view while it is shown
  let current = null; // {state, number, found, layers, box, marked, present}

  function show(main, state) {
    main.classList.add("fixed");
    parts = {
      title: make("h1", { tabindex: -1 }),
      place: make("p", { class: "place" }),
      back: make("a", { class: "back" }),
      stages: make("div", { class: "stages" }),
      readout: make("p", { class: "readout" }),
      layers: make("fieldset", { class: "layers" }),
      classes: make("div"),
      facts: make("div", { class: "picture-facts" }),
      runs: make("div", { class: "run-choice" }),
      zoom: make(
        "span",
        { class: "zoom" },
        button("−", () => zoom(1 / 1.5), { "aria-label": "Zoom out", title: "−" }),
        button("+", () => zoom(1.5), { "aria-label": "Zoom in", title: "+" }),
        button("Fit", fit, { title: "0" }),
      ),
    };
    main.append(
      make(
        "div",
        { class: "view-head picture-head" },
        parts.back,
        parts.title,
        parts.place,
        make(
          "div",
          { class: "view-tools" },
          button("← Previous", () => step(-1), { title: "Arrow left" }),
          button("Next →", () => step(1), { title: "Arrow right" }),
          parts.zoom,
        ),
      ),
      make(
        "div",
        { class: `picture ${images.layers ? "" : "bare"}` },
        make("div", { class: "stage-place" }, parts.stages, parts.readout),
        make("aside", { "aria-label": "Layers and figures" }, parts.layers, parts.classes, parts.runs, parts.facts),
      ),
    );
    new ResizeObserver(arrange).observe(parts.stages);
    update(state, true);
  }

  function update(state, first = false) {
    const asked = indexIn(state.image, imageCount());
    const number = asked ?? 0;
    lastPicture.number = number;
    if (first || (known(state.at) && state.at !== seenText())) readSeen(state.at);
    const found = imagesOf(state);
    const box = boxFrom(state.box);
    current = { state, number, found, layers: shownLayers(state, number), box, marked: current?.marked ?? null };
    parts.title.textContent = images.stem[number];
    parts.title.title = images.stem[number];
    document.title = `${images.stem[number]} · ${report.title}`;
    const at = found.numbers.indexOf(number);
    const within = found.measure ? `, ${found.measure.title}` : "";
    parts.place.textContent = at < 0 ? "" : `${grouped(at + 1)} of ${grouped(found.numbers.length)}${within}`;
    if (asked === null && known(state.image)) {
      parts.place.textContent = "There is no such image; this is the first.";
      current.state = { ...state, image: number };
      settle(current.state);
    }
    const suspect = state.from === "suspects" && views.suspects.available();
    parts.back.textContent = suspect ? "Suspects" : "Gallery";
    parts.back.href = suspect ? address("suspects") : address("gallery", chosen(state));
    drawLayerChoice();
    drawStages();
    if (box && !known(state.at)) pointAt(box);
    drawFacts(number);
    // the next one is most likely wanted next
    const next = found.numbers[at + 1];
    if (next !== undefined) preload(state, next);
  }

  function preload(state, number) {
    for (const other of sideBySide(state, number) ? [false, true] : [false])
      for (const layer of shownLayers(state, number)) {
        const source = sourceOf(number, layer, other);
        if (source) new Image().src = source;
      }
  }

  const size = () => ({ width: images.width[current.number], height: images.height[current.number] });
  const bothRuns = () => hasBothRuns(current.number);
  const both = () => sideBySide(current.state, current.number);
  const stage = () => parts.stages.querySelector(".stage");

  async function drawFacts(number) {
    const details = await detailsOf(number).catch((error) => ({ error }));
    if (number !== current.number || !parts.facts.isConnected) return;
    if (details.error) {
      parts.facts.replaceChildren(make("p", { class: "empty" }, `The details of this image ${details.error.message}.`));
      return;
    }
    current.present = presentClasses(details);
    drawClasses();
    dim();
    const shown = hasPicture(number) ? pointAt : null;
    parts.facts.replaceChildren(
      ...[
        pictureScores(number),
        pictureErrors(details),
        pictureSuspects(number, shown),
        pictureObjects(details, shown),
        pictureClasses(details),
      ]
        .flat()
        .filter(Boolean),
    );
  }

  // The classes of the picture, as soon as its details are there.
  function drawClasses() {
    const { present, marked, layers } = current;
    const shown = present && shownClasses(layers) && hasPicture(current.number);
    const focused = parts.classes.contains(document.activeElement) && document.activeElement.textContent;
    parts.classes.replaceChildren(...(shown ? [classLegend(present, marked, mark)] : []));
    if (focused) [...parts.classes.querySelectorAll("button")].find((each) => each.textContent === focused)?.focus();
  }

  function mark(marked) {
    current.marked = marked;
    drawClasses();
    drawStages();
  }

  // Over the layers of each stage, once the labels are there.
  function dim() {
    const { number, marked, layers, present } = current;
    if (!present?.includes(marked) || !shownClasses(layers)) return;
    [...parts.stages.querySelectorAll(".stage")].forEach(async (each, i) => {
      const canvas = await dimmedBut(number, marked, layers, i > 0).catch(() => null);
      if (!canvas || number !== current.number || marked !== current.marked || layers !== current.layers) return;
      const sheet = each.firstElementChild;
      sheet.querySelector(".dim")?.remove();
      sheet.append(canvas);
    });
  }

  function drawLayerChoice() {
    const there = layersOf(current.number, both());
    parts.layers.hidden = there.length === 0;
    parts.layers.replaceChildren(...layerChoice(there, current.layers, toggle, fade));
    parts.runs.replaceChildren(
      ...(bothRuns() ? [runChoice(both(), (chosen) => setState({ side: chosen ? "1" : null }))] : []),
    );
  }

  function fade(layer) {
    for (const image of parts.stages.querySelectorAll(`img.${layer}`)) image.style.opacity = opacity[layer];
  }

  function setState(changes) {
    current.state = { ...current.state, ...changes };
    settle(current.state);
    current.layers = shownLayers(current.state, current.number);
    drawClasses();
    // the boxes are new: the focus goes back to where it was
    const place = [parts.layers, parts.runs].find((each) => each.contains(document.activeElement));
    const focused = document.activeElement.value;
    drawLayerChoice();
    drawStages();
    place?.querySelector(`input[value="${focused}"]`)?.focus();
  }

  function toggle(layer) {
    const shown = current.layers.includes(layer)
      ? current.layers.filter((each) => each !== layer)
      : [...current.layers, layer];
    // what other pictures have and this one lacks stays as it was
    const elsewhere = (current.state.layers ?? SHOWN_FIRST.join(","))
      .split(",")
      .filter((each) => each && !layersOf(current.number, both()).includes(each));
    setState({ layers: [...shown, ...elsewhere].join(",") || "none" });
  }

  function drawStages() {
    parts.zoom.hidden = !hasPicture(current.number);
    if (!hasPicture(current.number)) {
      parts.stages.replaceChildren(make("p", { class: "empty" }, "The report has no pictures of this image."));
      parts.readout.textContent = "";
      return;
    }
    const runs = both() ? [false, true] : [false];
    const titles = [report.title, report.against?.title];
    const stages = [...parts.stages.querySelectorAll(".stage")];
    if (stages.length !== runs.length)
      parts.stages.replaceChildren(...runs.map((other, i) => makeStage(other, runs.length > 1 && titles[i])));
    [...parts.stages.querySelectorAll(".stage")].forEach((each, i) =>
      drawSheet(each.firstElementChild, current.number, current.layers, runs[i], current.box),
    );
    dim();
    // before the stages are placed: an empty line would leave them more room
    parts.readout.textContent = `${size().width} × ${size().height} px`;
    arrange();
  }

  function makeStage(other, title) {
    const made = make(
      "div",
      {
        class: "stage",
        tabindex: 0,
        role: "group",
        "aria-label": `Picture${title ? `, ${title}` : ""}: drag to move, wheel to zoom`,
      },
      make("div", { class: "sheet" }),
    );
    followPointer(made, size, moved);
    made.addEventListener("pointermove", (event) => readOut(event, made, other));
    return make("figure", {}, title && make("figcaption", {}, title), made);
  }

  async function readOut(event, on, other) {
    const { number } = current;
    const at = pixelAt(event, on, size());
    const inside = at.x >= 0 && at.y >= 0 && at.x < size().width && at.y < size().height;
    if (!inside) return;
    const place = `x ${Math.floor(at.x)}, y ${Math.floor(at.y)}`;
    const words = await describePixel(number, at, other).catch(() => null);
    if (number === current.number) parts.readout.textContent = words ? `${place} · ${words}` : place;
  }

  // Two stages stand beside or below each other, whichever shows more of the picture.
  function arrange() {
    if (!parts?.stages.isConnected) return;
    const { clientWidth: width, clientHeight: height } = parts.stages;
    const beside = Math.min(width / 2 / size().width, height / size().height);
    const below = Math.min(width / size().width, height / 2 / size().height);
    parts.stages.classList.toggle("below", below > beside);
    for (const each of parts.stages.querySelectorAll(".stage")) place(each, size());
  }

  function moved() {
    arrange();
    current.state = { ...current.state, at: seenText() };
    settle(current.state);
  }

  function pointAt(box) {
    if (!stage()) return;
    current.box = box;
    current.state = { ...current.state, box: box.join(",") };
    drawStages();
    lookAt(box, size(), stage());
    moved();
  }

  function zoom(factor) {
    if (stage()) {
      zoomBy(factor, size(), stage());
      moved();
    }
  }
  function fit() {
    resetSeen();
    moved();
  }

  function step(by) {
    const { numbers } = current.found;
    if (numbers.length === 0) return;
    const at = numbers.indexOf(current.number);
    const next = numbers[at < 0 ? 0 : (at + by + numbers.length) % numbers.length];
    writePending();
    // a step is no step in the history: a step back leads to where the pictures were opened from
    const state = { ...current.state, image: next, box: null, at: seenText() };
    update(state);
    settle(state);
  }

  function key(event) {
    if (event.target.matches("select, input[type=search]")) return false;
    const inSlider = event.target.matches("input[type=range]");
    const there = layersOf(current.number, both());
    const digit = Number(event.key);
    const pan = (right, down) => {
      if (stage()) {
        panBy(right, down, size(), stage());
        moved();
      }
    };
    const pans = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
    if (event.shiftKey && event.key in pans && !inSlider) pan(...pans[event.key]);
    else if (event.key === "ArrowLeft" && !inSlider) step(-1);
    else if (event.key === "ArrowRight" && !inSlider) step(1);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else if (event.key === "s" && bothRuns()) setState({ side: current.state.side === "1" ? null : "1" });
    else if (event.key === "Escape") visit(parts.back.getAttribute("href"));
    else if (digit >= 1 && digit <= there.length) toggle(there[digit - 1]);
    else return false;
    return true;
  }

  views.picture = { title: "Picture", available: () => imageCount() > 0, hidden: true, show, update, key };
}
