"use strict";
// A card fills the width of the page, one picture below the other, and goes back.
for (const button of document.querySelectorAll(".enlarge")) {
  button.addEventListener("click", () => {
    const large = button.closest(".card").classList.toggle("large");
    button.textContent = large ? "Reduce" : "Enlarge";
  });
}
