"use strict";
// A place that scrolls sideways says at which of its edges there is more, in data-beyond: "before", "after", both.

function watchEdges(place, content) {
  const look = () => {
    const { scrollLeft, clientWidth, scrollWidth } = place;
    const more = { before: scrollLeft > 1, after: scrollLeft + clientWidth < scrollWidth - 1 };
    place.dataset.beyond = Object.keys(more)
      .filter((edge) => more[edge])
      .join(" ");
  };
  place.onscroll = look;
  const observer = new ResizeObserver(look);
  observer.observe(place);
  observer.observe(content);
}
