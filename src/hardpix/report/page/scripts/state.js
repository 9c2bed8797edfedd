"use strict";
// Where the reader is stands in the address after "#": a view and what it is about, as in #gallery?class=3&sort=miou.
// Every view is drawn from it alone, so that reloading, going back and sending the address on all work.

// name → {title, available(), show(main, state, from), update?(state)}; a script each; from: the view before, or null
const views = Object.create(null);

function readState() {
  const [, view, query] = /^#?([^?]*)\??(.*)$/s.exec(location.hash);
  return { view: view || "verdict", ...Object.fromEntries(new URLSearchParams(query)) };
}

// The address of a view; what is null or empty is left out.
function address(view, parameters = {}) {
  const given = Object.entries(parameters).filter(([key, value]) => key !== "view" && known(value) && value !== "");
  const query = new URLSearchParams(given).toString();
  return `#${view}${query && "?"}${query}`;
}

// The picture that was looked at last: who comes back from it looks for it.
const lastPicture = { number: null };

function go(view, parameters) {
  visit(address(view, parameters));
}

function visit(hash) {
  writePending();
  location.hash = hash;
}

// Changes the address without a step in the history: for what a step back should not undo one by one. The browser
// allows few such changes a second, so that they are gathered.
const pending = { timer: 0, address: null, from: null };

function settle(state) {
  pending.address = address(state.view, state);
  pending.from = location.hash;
  clearTimeout(pending.timer);
  pending.timer = setTimeout(writePending, 250);
}

function writePending() {
  clearTimeout(pending.timer);
  // A step back may have come first: its address is not to be written over.
  if (pending.address !== null && location.hash === pending.from)
    history.replaceState(history.state, "", pending.address);
  pending.address = null;
}

// What is being left must have its last address, or a step back would come to an older one.
document.addEventListener("click", writePending, { capture: true });
window.addEventListener("pagehide", writePending);

// A whole number below `length` from the address, or null: an address may have been typed.
function indexIn(text, length) {
  return /^\d+$/.test(text ?? "") && Number(text) < length ? Number(text) : null;
}
