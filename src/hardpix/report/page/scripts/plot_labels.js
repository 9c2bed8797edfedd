"use strict";
// Where the names of points may stand without covering each other or being cut off.

const LABEL_SIDES = [
  ["middle right", 1, 0],
  ["middle left", -1, 0],
  ["top center", 0, -1],
  ["bottom center", 0, 1],
];

// points: {x, y, text} with x and y in pixels of a plot of this size. For each a side, or null where its name would
// cover another or a point: whoever points at it is told.
function labelSides(points, { width, height }) {
  const taken = points.map(({ x, y }) => boxAround(x, y, 12, 12));
  return points.map(({ x, y, text }, i) => {
    const length = text.length * 7 + 6;
    for (const [side, right, down] of LABEL_SIDES) {
      const place = boxAround(x + right * (length / 2 + 8), y + down * 15, length, 15);
      const inside = place.left >= 0 && place.right <= width && place.top >= 0 && place.bottom <= height;
      if (!inside || taken.some((other, j) => j !== i && overlap(place, other))) continue;
      taken.push(place);
      return side;
    }
    return null;
  });
}

const boxAround = (x, y, width, height) => ({
  left: x - width / 2,
  right: x + width / 2,
  top: y - height / 2,
  bottom: y + height / 2,
});
const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
