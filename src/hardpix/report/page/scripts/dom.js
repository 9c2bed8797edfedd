"use strict";
// Elements from plain calls. Whatever comes from data goes in as text or as an attribute, never as HTML.

// make("a", {href: "#x", class: "link", style: {width: "3px"}, on: {click: act}}, "text", element, [more])
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, { on = {}, style = {}, ...attributes }, children) {
  for (const [event, act] of Object.entries(on)) element.addEventListener(event, act);
  for (const [property, value] of Object.entries(style)) element.style.setProperty(property, value);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("aria-")) element.setAttribute(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const button = (text, act, attributes = {}) =>
  make("button", { type: "button", on: { click: act }, ...attributes }, text);

function select(label, options, chosen, act) {
  // options: [value, text] or [group, [[value, text], …]]
  const entry = ([value, text]) =>
    Array.isArray(text)
      ? make("optgroup", { label: value }, text.map(entry))
      : make("option", { value, selected: String(value) === String(chosen) }, text);
  return make(
    "label",
    { class: "field" },
    make("span", {}, label),
    make("select", { "data-field": label, on: { change: (event) => act(event.target.value) } }, options.map(entry)),
  );
}

// Buttons of which one is pressed.
function choice(label, options, chosen, act) {
  const buttons = options.map(([value, text]) =>
    button(
      text,
      () => {
        for (const each of buttons) each.setAttribute("aria-pressed", each.value === String(value));
        act(value);
      },
      { value, "aria-pressed": String(value) === String(chosen) },
    ),
  );
  return make("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}

function section(title, ...children) {
  return make("section", { class: "panel" }, make("h2", {}, title), children);
}

function viewHead(title, about, ...tools) {
  return make(
    "div",
    { class: "view-head" },
    make("h1", { tabindex: -1 }, title),
    about && make("p", {}, about),
    tools.length > 0 && make("div", { class: "view-tools" }, tools),
  );
}

// Data in a script beside the page, loaded when needed: the script hands its value to `hardpixData`.
window.hardpixData = (value) => {
  document.currentScript.received = value;
};

function loadData(address) {
  return new Promise((resolve, reject) => {
    const script = make("script", {
      src: address,
      on: {
        load: () => {
          script.remove();
          resolve(script.received);
        },
        error: () => {
          script.remove();
          reject(new Error(`could not be read: ${address}`));
        },
      },
    });
    document.head.append(script);
  });
}

// A loader that asks once for each key, and again only after a failure; the oldest beyond `most` are forgotten.
function remembered(load, most = Infinity) {
  const promises = new Map();
  return (key) => {
    if (!promises.has(key)) {
      promises.set(
        key,
        load(key).catch((error) => {
          promises.delete(key);
          throw error;
        }),
      );
      if (promises.size > most) promises.delete(promises.keys().next().value);
    }
    return promises.get(key);
  };
}
