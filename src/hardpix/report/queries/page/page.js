"use strict";
// Names of files and classes are the user's: they are written as text alone, never as markup.
(() => {
  const { classes, images, regions, fingerprint, summary, single, signals } = window.hardpixQuery;
  const at = (id) => document.getElementById(id);
  const memory = `hardpix query ${fingerprint}`;
  const key = (region) => `${region.image} ${region.number}`;
  const done = new Set(remembered());
  const endings = { image: "jpg", classes: "png", score: "score.jpg" };
  const ofImage = new Map();
  for (const region of regions) ofImage.set(region.image, [...(ofImage.get(region.image) ?? []), region]);
  let shown = regions;
  let place = 0;
  let wide = false;
  let outline = true;

  // A browser may forbid the memory of pages on disk.
  function remembered() {
    try {
      return JSON.parse(localStorage.getItem(memory) ?? "[]");
    } catch {
      return [];
    }
  }
  function remember() {
    try {
      localStorage.setItem(memory, JSON.stringify([...done]));
    } catch {
      // The marks are still on the page.
    }
  }

  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const number = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  function made(tag, text = "", name = "") {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = name;
    return element;
  }
  function named(entry) {
    const element = made("span");
    const chip = made("span", "", "chip");
    chip.style.background = entry.color;
    element.append(chip, entry.name);
    return element;
  }

  // Pictures: the last few, so that going back and forth is instant.
  const pictures = new Map();
  function picture(image, panel) {
    const source = `pictures/${String(image).padStart(6, "0")}.${endings[panel]}`;
    if (!pictures.has(source)) {
      const loaded = new Image();
      loaded.src = source;
      pictures.set(source, loaded);
      if (pictures.size > 24) pictures.delete(pictures.keys().next().value);
    }
    return pictures.get(source);
  }

  // Part of the image that is shown: the region and as much around it, in the shape of the canvas.
  function view(region, ratio) {
    const { width, height } = images[region.image];
    if (wide) {
      const [w, h] = width / height > ratio ? [width, width / ratio] : [height * ratio, height];
      return { x: (width - w) / 2, y: (height - h) / 2, w, h };
    }
    const [top, left, bottom, right] = region.box;
    const least = Math.max(4 * (bottom - top), (4 * (right - left)) / ratio, 96);
    const h = Math.min(least, Math.max(height, width / ratio));
    const w = h * ratio;
    const within = (start, size, whole) => (size > whole ? (whole - size) / 2 : Math.min(Math.max(start, 0), whole - size));
    return { x: within((left + right - w) / 2, w, width), y: within((top + bottom - h) / 2, h, height), w, h };
  }

  // A frame, or a ring around a single pixel: black below white, to be seen on anything; the others of the image thinner.
  function frame(pen, region, box, scale, sharp, chosen) {
    const [top, left, bottom, right] = region.box;
    const lines = chosen ? [["#000", 5], ["#ffd400", 2.5]] : [["#000", 2.5], ["#fff", 1]];
    for (const [color, thickness] of lines) {
      pen.strokeStyle = color;
      pen.lineWidth = thickness * sharp;
      pen.beginPath();
      if (single) {
        const [x, y] = [((left + right) / 2 - box.x) * scale, ((top + bottom) / 2 - box.y) * scale];
        pen.arc(x, y, Math.max(7 * sharp, scale), 0, 2 * Math.PI);
      } else {
        const air = 2 * sharp;
        pen.rect((left - box.x) * scale - air, (top - box.y) * scale - air, (right - left) * scale + 2 * air, (bottom - top) * scale + 2 * air);
      }
      pen.stroke();
    }
  }

  function draw(panel, region) {
    const canvas = at(panel);
    const sharp = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * sharp));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * sharp));
    const pen = canvas.getContext("2d");
    const box = view(region, canvas.width / canvas.height);
    const scale = canvas.width / box.w;
    const { width, height } = images[region.image];
    const image = picture(region.image, panel);
    if (!image.complete || !image.naturalWidth) {
      image.addEventListener("load", show, { once: true });
      return false;
    }
    pen.imageSmoothingEnabled = panel === "image";
    pen.drawImage(image, -box.x * scale, -box.y * scale, width * scale, height * scale);
    if (outline) {
      for (const other of ofImage.get(region.image)) if (other !== region) frame(pen, other, box, scale, sharp, false);
      frame(pen, region, box, scale, sharp, true);
    }
    return true;
  }

  function show() {
    at("progress").textContent = `${number(regions.length, single ? "pixel" : "region")}, ${done.size} done`;
    const region = shown[place];
    at("work").hidden = !region;
    at("nothing").hidden = Boolean(region);
    at("nothing").textContent = regions.length ? "No region of this kind." : "Nothing is left to label.";
    if (!region) return;
    const isDone = done.has(key(region));
    at("what").replaceChildren("network says", named(classes[region.predicted]));
    if (isDone) at("what").append(made("span", "done", "mark"));
    const [top, left, bottom, right] = region.box;
    const facts = [
      `${place + 1} of ${shown.length}`,
      `${images[region.image].stem}, region ${region.number}`,
      single ? `row ${region.center[0]}, column ${region.center[1]}` : `rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1}`,
      number(region.pixels, "pixel"),
      `score ${region.score.toPrecision(3)} (${signals})`,
    ];
    if (!single) facts.push(`${percent(region.share)} of it is predicted so`);
    facts.push(`mean confidence ${percent(region.confidence)}`);
    at("facts").textContent = facts.join(" · ");
    at("previous").disabled = place === 0;
    at("next").disabled = place === shown.length - 1;
    at("done").setAttribute("aria-pressed", String(isDone));
    at("wide").setAttribute("aria-pressed", String(wide));
    at("outline").setAttribute("aria-pressed", String(outline));
    const drawn = Object.keys(endings).map((panel) => draw(panel, region));
    const coming = shown[place + 1];
    if (coming) for (const panel of Object.keys(endings)) picture(coming.image, panel);
    document.body.dataset.region = drawn.every(Boolean) ? key(region) : "";
  }

  function go(step) {
    place = Math.min(Math.max(place + step, 0), Math.max(0, shown.length - 1));
    show();
  }
  function mark() {
    const region = shown[place];
    if (!region) return;
    const isDone = done.has(key(region));
    if (isDone) done.delete(key(region));
    else done.add(key(region));
    remember();
    // A filter keeps what it has shown until it is chosen again, so that a slip can be taken back.
    if (!isDone && place < shown.length - 1) place += 1;
    show();
  }
  function choose() {
    const [predicted, state] = [at("class").value, at("state").value];
    const fits = (region) => state === "all" || done.has(key(region)) === (state === "done");
    shown = regions.filter((region) => (!predicted || String(region.predicted) === predicted) && fits(region));
    place = 0;
    show();
  }

  const actions = {
    previous: () => go(-1),
    next: () => go(1),
    done: mark,
    wide: () => { wide = !wide; show(); },
    outline: () => { outline = !outline; show(); },
  };
  const keys = { ArrowLeft: "previous", ArrowRight: "next", d: "done", w: "wide", o: "outline" };
  for (const [id, act] of Object.entries(actions)) at(id).addEventListener("click", act);
  document.addEventListener("keydown", (event) => {
    const id = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!id || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    actions[id]();
  });

  const all = made("option", "anything");
  all.value = "";
  at("class").append(all);
  const counts = classes.map((_, index) => regions.filter((region) => region.predicted === index).length);
  for (const index of [...classes.keys()].filter((index) => counts[index]).sort((one, other) => counts[other] - counts[one])) {
    const option = made("option", `${classes[index].name} (${counts[index]})`);
    option.value = String(index);
    at("class").append(option);
  }
  for (const id of ["class", "state"]) at(id).addEventListener("change", () => { choose(); at(id).blur(); });
  for (const entry of classes) {
    const item = made("li");
    item.append(named(entry));
    at("legend").append(item);
  }
  at("summary").textContent = summary;
  window.addEventListener("resize", show);
  show();
})();
