"use strict";
// Names of files and classes are the user's: they are written as text alone, never as markup.
(() => {
  const data = window.hardpixEstimates;
  const at = (id) => document.getElementById(id);
  const known = (value) => value !== null && value !== undefined;
  const percent = (share) => (known(share) ? `${(100 * share).toFixed(1)} %` : "not known");
  const limits = (low, high) => (known(low) ? `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %` : "no interval");
  const number = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const page = 48;
  let most = page;
  let overlay = true;

  function made(tag, text = "", name = "") {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = name;
    return element;
  }

  // An interval on the scale from 0 to 1, with the prediction as a line and the truth as a ring.
  function range(value, low, high, truth) {
    const element = made("div", "", "range");
    const said = known(value) ? `predicted ${percent(value)}, ${limits(low, high)}` : "not known";
    element.title = known(truth) ? `${said}; true ${percent(truth)}` : said;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", element.title);
    const mark = (tag, left) => {
      const part = made(tag);
      part.style.left = `${100 * left}%`;
      element.append(part);
      return part;
    };
    if (known(low)) mark("i", low).style.width = `${100 * (high - low)}%`;
    if (known(value)) mark("b", value);
    if (known(truth)) mark("u", truth);
    return element;
  }

  function headline(name, found, truth) {
    const value = made("dd", percent(found.value));
    value.append(made("small", `${limits(found.low, found.high)}${known(truth) ? `; true ${percent(truth)}` : ""}`));
    const both = made("div");
    both.append(made("dt", name), value);
    at("headlines").append(both);
  }

  function classes() {
    const heads = [["class", ""], ["of the pixels", "number wide"], ["predicted IoU", "number"], ["interval", "number wide"], ["0 to 100 %", ""]];
    if (data.truth) heads.push(["true IoU", "number"]);
    for (const [text, name] of heads) at("classes").tHead.rows[0].append(made("th", text, name));
    for (const { name, color, share } of data.classes) {
      const found = data.class_iou[name];
      const truth = data.truth?.class_iou[name];
      const row = at("classes").tBodies[0].insertRow();
      const label = made("td");
      const chip = made("span", "", "chip");
      chip.style.background = color;
      label.append(chip, name);
      const plot = made("td", "", "plot");
      plot.append(range(found.value, found.low, found.high, truth));
      row.append(label, made("td", percent(share), "number wide"), made("td", percent(found.value), "number"));
      row.append(made("td", known(found.value) ? limits(found.low, found.high) : "", "number wide"), plot);
      if (data.truth) row.append(made("td", percent(truth), "number"));
    }
  }

  function card(image) {
    const element = made("li");
    const picture = new Image();
    picture.loading = "lazy";
    picture.alt = overlay ? `what the network doubts in ${image.stem}` : image.stem;
    picture.src = `pictures/${String(image.number).padStart(6, "0")}${overlay ? "_doubt" : ""}.jpg`;
    const text = made("div", "", "text");
    const facts = made("p", "", "facts");
    const [value, low, high] = image.miou;
    facts.append(made("span", `mIoU ${percent(value)}${known(image.truth) ? `, true ${percent(image.truth)}` : ""}`), made("span", limits(low, high)));
    text.append(made("h3", image.stem), facts, range(value, low, high, image.truth), made("p", image.reason, "reason"));
    element.append(picture, text);
    return element;
  }

  const orders = {
    worst: () => 0,
    best: (a, b) => (b.miou[0] ?? -1) - (a.miou[0] ?? -1),
    unsure: (a, b) => b.miou[2] - b.miou[1] - (a.miou[2] - a.miou[1]),
    name: (a, b) => a.stem.localeCompare(b.stem, "en", { numeric: true }),
  };

  function show() {
    const words = at("find").value.trim().toLowerCase();
    const found = data.shown.filter((image) => `${image.stem} ${image.reason}`.toLowerCase().includes(words));
    found.sort(orders[at("order").value]);
    at("images").replaceChildren(...found.slice(0, most).map(card));
    at("more").hidden = found.length <= most;
    at("count").textContent = words ? `${found.length} of ${number(data.shown.length, "image")}` : number(found.length, "image");
  }

  at("title").textContent = `Predicted quality: ${data.title}`;
  at("what").textContent = `What ${data.estimator} makes of ${number(data.images, "image")} without their labels, learned from `
    + `${number(data.labeled_images, "labeled image")}. It holds for images of their kind: intervals hold `
    + `${Math.round(100 * data.level)} % of the true scores there, and do not cover a change of camera, weather or labels.`;
  headline("predicted mIoU", data.miou, data.truth?.miou);
  headline("predicted accuracy", data.accuracy, data.truth?.accuracy);
  for (const doubt of data.doubts) at("doubts").append(made("li", doubt));
  if (data.unknown_classes.length) {
    at("doubts").append(made("li", `No labeled image has ${data.unknown_classes.join(", ")}: nothing is predicted of the IoU there.`));
  }
  at("scale").textContent = `The line is the predicted IoU, the band its interval${data.truth ? ", the ring the truth" : ""}.`;
  const heat = document.querySelector(".heat");
  heat.style.background = `linear-gradient(to right, ${data.heat.join(", ")})`;
  classes();
  show();
  for (const [id, event] of [["find", "input"], ["order", "change"]]) at(id).addEventListener(event, () => { most = page; show(); });
  at("more").addEventListener("click", () => { most += page; show(); });
  at("overlay").addEventListener("click", () => {
    overlay = !overlay;
    at("overlay").setAttribute("aria-pressed", String(overlay));
    document.querySelector(".key").hidden = !overlay;
    show();
  });
})();
