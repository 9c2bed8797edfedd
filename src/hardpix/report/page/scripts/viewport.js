"use strict";
// Zoom and pan: what part of a picture is seen, as a share of it, so that it stays from picture to picture and holds
// for two beside each other.

const LARGEST_ZOOM = 64;
const seen = { zoom: 1, x: 0.5, y: 0.5 }; // 1: the whole picture fits; x and y: the middle of what is seen

function resetSeen() {
  Object.assign(seen, { zoom: 1, x: 0.5, y: 0.5 });
}

// "zoom,x,y" as it stands in an address.
const seenText = () =>
  seen.zoom === 1 ? null : [seen.zoom, seen.x, seen.y].map((value) => Number(value.toFixed(4))).join(",");

function readSeen(text) {
  const [zoom, x, y] = (text ?? "").split(",").map(Number);
  if (zoom >= 1 && zoom <= LARGEST_ZOOM && x >= 0 && x <= 1 && y >= 0 && y <= 1) Object.assign(seen, { zoom, x, y });
  else resetSeen();
}

// What is seen of a box [top, left, height, width] of a picture, with some of what is around it.
function lookAt([top, left, height, width], size, stage) {
  const { fit } = scales(size, stage);
  const needed = Math.min(stage.clientWidth / (width * 3), stage.clientHeight / (height * 3));
  seen.zoom = Math.max(1, Math.min(LARGEST_ZOOM, needed / fit));
  seen.x = (left + width / 2) / size.width;
  seen.y = (top + height / 2) / size.height;
}

function scales(size, stage) {
  const fit = Math.min(stage.clientWidth / size.width, stage.clientHeight / size.height);
  return { fit, scale: fit * seen.zoom };
}

// Put the sheet of a stage where it belongs, and keep the picture from leaving the stage.
function place(stage, size) {
  const { scale } = scales(size, stage);
  if (!(scale > 0)) return;
  const within = (middle, room, length) => {
    const half = room / (2 * length * scale);
    return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, middle));
  };
  seen.x = within(seen.x, stage.clientWidth, size.width);
  seen.y = within(seen.y, stage.clientHeight, size.height);
  const left = stage.clientWidth / 2 - seen.x * size.width * scale;
  const top = stage.clientHeight / 2 - seen.y * size.height * scale;
  const sheet = stage.firstElementChild;
  sheet.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  // for lines that are to be as thick at any zoom
  sheet.style.setProperty("--scale", scale);
  sheet.classList.toggle("crisp", scale * devicePixelRatio >= 2);
}

// Where a pointer is on a picture, in its pixels.
function pixelAt(event, stage, size) {
  const { scale } = scales(size, stage);
  const box = stage.getBoundingClientRect();
  return {
    x: seen.x * size.width + (event.clientX - box.left - stage.clientLeft - stage.clientWidth / 2) / scale,
    y: seen.y * size.height + (event.clientY - box.top - stage.clientTop - stage.clientHeight / 2) / scale,
  };
}

function zoomBy(factor, size, stage, at = null) {
  const zoom = Math.min(LARGEST_ZOOM, Math.max(1, seen.zoom * factor));
  if (at) {
    // what is under the pointer stays under it
    const kept = seen.zoom / zoom;
    seen.x = at.x / size.width + (seen.x - at.x / size.width) * kept;
    seen.y = at.y / size.height + (seen.y - at.y / size.height) * kept;
  }
  seen.zoom = zoom;
}

function panBy(right, down, size, stage) {
  const { scale } = scales(size, stage);
  seen.x += right / (size.width * scale);
  seen.y += down / (size.height * scale);
}

// Wheel, drag and double click on a stage; changed() places all stages again.
function followPointer(stage, getSize, changed) {
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomBy(
        Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)),
        getSize(),
        stage,
        pixelAt(event, stage, getSize()),
      );
      changed();
    },
    { passive: false },
  );
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("held");
  });
  stage.addEventListener("pointermove", (event) => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    panBy(-event.movementX, -event.movementY, getSize(), stage);
    changed();
  });
  stage.addEventListener("pointerup", () => stage.classList.remove("held"));
  stage.addEventListener("pointercancel", () => stage.classList.remove("held"));
  stage.addEventListener("dblclick", (event) => {
    if (seen.zoom > 1) resetSeen();
    else zoomBy(4, getSize(), stage, pixelAt(event, stage, getSize()));
    changed();
  });
}
