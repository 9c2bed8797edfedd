"use strict";
// Numbers as they are written on the page. Shares and differences of scores are 0…1 in the data, and percent here.

const NONE = "–";
const SPACE = "\u00a0";
const known = (value) => value !== null && value !== undefined;
const grouped = (value) => value.toLocaleString("en-GB", { maximumFractionDigits: 0 });
// a true minus sign, as wide as the plus
const minus = (text) => text.replace("-", "−");

function percentDigits(share) {
  const size = Math.abs(share) * 100;
  return size === 0 || size >= 0.995 ? 1 : size >= 0.0995 ? 2 : 3;
}

// A value without its unit, as in a column whose head says the unit.
function figure(value, unit, digits = null) {
  if (!known(value)) return NONE;
  if (unit === "%") {
    const text = (value * 100).toFixed(digits ?? percentDigits(value));
    return value > 0 && Number(text) === 0 ? `<${1 / 10 ** (digits ?? 3)}` : minus(text);
  }
  if (unit === "px" || unit === "count") return minus(grouped(value));
  return minus(Number.isInteger(value) ? grouped(value) : value.toFixed(digits ?? 3));
}

function inUnit(value, unit) {
  if (!known(value)) return NONE;
  if (unit === "%") return `${figure(value, unit)}${SPACE}%`;
  if (unit === "px") return pixels(value);
  return figure(value, unit);
}

function pixels(count) {
  if (!known(count)) return NONE;
  return `${short(count)}${SPACE}px`;
}

function short(count) {
  for (const [size, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    // 9,999 stays in full: four digits are as short as "10.0 k"
    if (count >= Math.max(size, 1e4)) {
      const value = count / size;
      return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)}${SPACE}${letter}`;
    }
  }
  return grouped(count);
}

// A difference of two shares in points of percent, with its sign.
function points(difference, digits = null) {
  if (!known(difference)) return NONE;
  const size = (Math.abs(difference) * 100).toFixed(digits ?? (Math.abs(difference) >= 0.000995 ? 1 : 2));
  return Number(size) === 0 ? "0" : `${difference < 0 ? "−" : "+"}${size}`;
}

const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const plural = (count, one, many = `${one}s`) => `${grouped(count)} ${count === 1 ? one : many}`;
const columnUnit = (column) => (column.unit === "%" ? "%" : "");
