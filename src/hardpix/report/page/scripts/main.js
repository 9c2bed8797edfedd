"use strict";
// From the address to a view: the views in the bar, the keys that work everywhere.
{
  const main = document.getElementById("main");
  const nav = document.querySelector("nav");
  const themeButton = document.querySelector(".theme");
  const ORDER = [
    "verdict",
    "classes",
    "kinds",
    "confusion",
    "sizes",
    "plots",
    "gallery",
    "hardness",
    "calibration",
    "review",
    "suspects",
  ];
  let shown = null;

  function render() {
    const asked = readState();
    const name = views[asked.view]?.available() ? asked.view : "verdict";
    const view = views[name];
    const state = { ...asked, view: name };
    if (name !== asked.view) settle({ view: name });
    for (const link of nav.children) {
      if (link.dataset.view === (view.hidden ? "gallery" : name)) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    showCurrent(nav.querySelector("[aria-current]"));
    if (shown === name && view.update) {
      view.update(state);
      return;
    }
    main.className = `view-${name}`;
    main.replaceChildren();
    document.title = name === "verdict" ? report.title : `${view.title} · ${report.title}`;
    view.show(main, state, shown);
    window.scrollTo(0, 0);
    // not on the first visit, where nobody has gone anywhere, nor where a view has put the focus back
    if (shown !== null && !main.querySelector(":focus")) main.querySelector("h1")?.focus({ preventScroll: true });
    shown = name;
  }

  // Where the bar is narrower than its links, the current one comes to its middle.
  function showCurrent(link) {
    const [bar, each] = [nav, link].map((element) => element.getBoundingClientRect());
    nav.scrollLeft += each.left + each.width / 2 - bar.left - bar.width / 2;
  }

  function showTheme() {
    themeButton.setAttribute("aria-checked", isDark());
    themeButton.textContent = isDark() ? "☾" : "☀";
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || helpDialog.open) return;
    const typing = event.target.matches?.("input[type=search], select");
    if (typing) return;
    const act = { "?": openHelp, d: () => themeButton.click(), g: () => go("gallery"), v: () => go("verdict") }[
      event.key
    ];
    if (act) act();
    else if (!views[shown].key?.(event)) return;
    event.preventDefault();
  }

  if (!report || !images) {
    main.append(
      make(
        "p",
        { class: "empty" },
        "The data of this report are missing: expected the folder data beside this page. Copy the whole folder.",
      ),
    );
  } else {
    nav.append(
      ...ORDER.filter((name) => views[name].available()).map((name) =>
        make("a", { href: `#${name}`, "data-view": name }, views[name].title),
      ),
    );
    watchEdges(nav, nav.lastElementChild);
    document.querySelector(".brand .run").textContent = report.title;
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      main.focus();
    });
    themeButton.addEventListener("click", () => chooseTheme(isDark() ? "light" : "dark"));
    document.addEventListener("themechange", showTheme);
    document.querySelector(".help").addEventListener("click", openHelp);
    document.addEventListener("keydown", onKey);
    window.addEventListener("hashchange", render);
    showTheme();
    render();
  }
}
