"use strict";
// Names of files and classes are the user's: they are written as text alone, never as markup.
(() => {
  const { classes, images, regions, fingerprint, proposals, signal } = window.hardpixCorrections;
  const at = (id) => document.getElementById(id);
  const memory = `hardpix correct ${fingerprint}`;
  const key = (region) => `${region.image} ${region.number}`;
  const verdicts = new Map(remembered());
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
      localStorage.setItem(memory, JSON.stringify([...verdicts]));
    } catch {
      // The decisions are still on the page.
    }
  }

  const verdictOf = (region) => verdicts.get(key(region)) ?? "open";
  const pairOf = (region) => `${region.given} ${region.suggested}`;
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const number = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const pairName = (region) => `${classes[region.given].name} → ${classes[region.suggested].name}`;

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
  function picture(image, ending) {
    const source = `pictures/${String(image).padStart(6, "0")}.${ending}`;
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
    const least = Math.max(3 * (bottom - top), (3 * (right - left)) / ratio, 96);
    const h = Math.min(least, Math.max(height, width / ratio));
    const w = h * ratio;
    const within = (start, size, whole) => (size > whole ? (whole - size) / 2 : Math.min(Math.max(start, 0), whole - size));
    return { x: within((left + right - w) / 2, w, width), y: within((top + bottom - h) / 2, h, height), w, h };
  }

  function shape(region, color) {
    const [top, left, bottom, right] = region.box;
    const drawn = document.createElement("canvas");
    [drawn.width, drawn.height] = [right - left, bottom - top];
    const pen = drawn.getContext("2d");
    pen.fillStyle = color;
    for (let k = 0; k < region.runs.length; k += 3) {
      pen.fillRect(region.runs[k + 1], region.runs[k], region.runs[k + 2], 1);
    }
    return drawn;
  }

  // The region's edge, of the same width on the screen at any zoom: its shape moved around, without the shape itself.
  function edge(pen, region, box, scale, color, thickness) {
    const layer = document.createElement("canvas");
    [layer.width, layer.height] = [pen.canvas.width, pen.canvas.height];
    const brush = layer.getContext("2d");
    brush.imageSmoothingEnabled = false;
    const filled = shape(region, color);
    const [top, left] = region.box;
    const put = (dx, dy) =>
      brush.drawImage(filled, (left - box.x) * scale + dx, (top - box.y) * scale + dy, filled.width * scale, filled.height * scale);
    for (let turn = 0; turn < 16; turn++) {
      put(thickness * Math.cos((turn * Math.PI) / 8), thickness * Math.sin((turn * Math.PI) / 8));
    }
    brush.globalCompositeOperation = "destination-out";
    put(0, 0);
    pen.drawImage(layer, 0, 0);
  }

  function draw(id, region) {
    const canvas = at(id);
    const sharp = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * sharp));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * sharp));
    const pen = canvas.getContext("2d");
    const box = view(region, canvas.width / canvas.height);
    const scale = canvas.width / box.w;
    const { width, height } = images[region.image];
    const image = picture(region.image, id === "image" ? "jpg" : "png");
    if (!image.complete || !image.naturalWidth) {
      image.addEventListener("load", show, { once: true });
      return false;
    }
    pen.imageSmoothingEnabled = id === "image";
    pen.drawImage(image, -box.x * scale, -box.y * scale, width * scale, height * scale);
    if (id === "after") {
      const [top, left] = region.box;
      const filled = shape(region, classes[region.suggested].color);
      pen.drawImage(filled, (left - box.x) * scale, (top - box.y) * scale, filled.width * scale, filled.height * scale);
    }
    if (outline) {
      edge(pen, region, box, scale, "#000", 3.5 * sharp);
      edge(pen, region, box, scale, "#fff", 2 * sharp);
    }
    return true;
  }

  function show() {
    const counts = { accepted: 0, rejected: 0, open: 0 };
    for (const region of regions) counts[verdictOf(region)] += 1;
    at("progress").textContent =
      `${number(regions.length, "region")}: ${counts.accepted} accepted, ${counts.rejected} rejected, ${counts.open} undecided`;
    const region = shown[place];
    at("work").hidden = !region;
    at("nothing").hidden = Boolean(region);
    at("nothing").textContent = regions.length ? "No region of this kind." : "No label looks wrong.";
    at("save").disabled = !verdicts.size;
    if (!region) return;
    const verdict = verdictOf(region);
    at("what").replaceChildren(named(classes[region.given]), "→", named(classes[region.suggested]));
    if (verdict !== "open") at("what").append(made("span", verdict, `verdict ${verdict}`));
    const facts = [
      `${place + 1} of ${shown.length}`,
      `${images[region.image].stem}, region ${region.number}`,
      number(region.pixels, "pixel"),
      `confidence ${percent(region.confidence)}`,
    ];
    if (signal !== null && region.level !== null) facts.push(`${signal} ${region.level.toFixed(2)}`);
    at("facts").textContent = facts.join(" · ");
    at("why").textContent = region.why;
    at("accept").setAttribute("aria-pressed", String(verdict === "accepted"));
    at("reject").setAttribute("aria-pressed", String(verdict === "rejected"));
    at("undo").disabled = verdict === "open";
    at("previous").disabled = place === 0;
    at("next").disabled = place === shown.length - 1;
    at("wide").setAttribute("aria-pressed", String(wide));
    at("outline").setAttribute("aria-pressed", String(outline));
    const drawn = ["image", "before", "after"].map((id) => draw(id, region));
    const coming = shown[place + 1];
    if (coming) for (const ending of ["jpg", "png"]) picture(coming.image, ending);
    document.body.dataset.region = drawn.every(Boolean) ? key(region) : "";
  }

  function go(step) {
    place = Math.min(Math.max(place + step, 0), shown.length - 1);
    show();
  }
  function decide(verdict) {
    const region = shown[place];
    if (!region) return;
    if (verdict === "open") verdicts.delete(key(region));
    else verdicts.set(key(region), verdict);
    remember();
    // A filter keeps what it has shown until it is chosen again, so that a slip can be taken back.
    if (verdict !== "open" && place < shown.length - 1) place += 1;
    show();
  }
  function choose() {
    const [pair, state] = [at("pair").value, at("state").value];
    shown = regions.filter((region) => (!pair || pairOf(region) === pair) && (state === "all" || verdictOf(region) === state));
    place = 0;
    show();
  }
  function save() {
    if (!verdicts.size) return;
    const decisions = { hardpix: "decisions", version: 1, proposals, fingerprint, accepted: {}, rejected: {} };
    for (const region of regions) {
      const verdict = verdictOf(region);
      if (verdict !== "open") (decisions[verdict][images[region.image].stem] ??= []).push(region.number);
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(decisions, null, 1)], { type: "application/json" }));
    link.download = "decisions.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const actions = {
    accept: () => decide("accepted"),
    reject: () => decide("rejected"),
    undo: () => decide("open"),
    previous: () => go(-1),
    next: () => go(1),
    wide: () => { wide = !wide; show(); },
    outline: () => { outline = !outline; show(); },
    save,
  };
  const keys = { a: "accept", r: "reject", u: "undo", ArrowLeft: "previous", ArrowRight: "next", w: "wide", o: "outline", s: "save" };
  for (const [id, act] of Object.entries(actions)) at(id).addEventListener("click", act);
  document.addEventListener("keydown", (event) => {
    const id = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!id || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    actions[id]();
  });

  const pairs = new Map();
  for (const region of regions) {
    const entry = pairs.get(pairOf(region)) ?? { name: pairName(region), count: 0 };
    entry.count += 1;
    pairs.set(pairOf(region), entry);
  }
  const all = made("option", "all");
  all.value = "";
  at("pair").append(all);
  for (const [value, { name, count }] of [...pairs].sort((one, other) => other[1].count - one[1].count)) {
    const option = made("option", `${name} (${count})`);
    option.value = value;
    at("pair").append(option);
  }
  for (const id of ["pair", "state"]) at(id).addEventListener("change", () => { choose(); at(id).blur(); });
  for (const entry of classes) {
    const item = made("li");
    item.append(named(entry));
    at("legend").append(item);
  }
  at("command").textContent = "hardpix correct --apply decisions.json --out DIR";
  window.addEventListener("resize", show);
  show();
})();
