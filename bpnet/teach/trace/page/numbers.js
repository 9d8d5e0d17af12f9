// Numbers and the arrays they stand in. An array of the page has a shape and its values in row
// order or, where they are too many, a byte for each, from the least to the most.
"use strict";

const MINUS = "−";

/** Return a number as Python's `%g` writes it, with a true minus sign. */
function text(value, digits = 6) {
  if (!Number.isFinite(value)) return "?";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  let written;
  if (value === 0) written = "0";
  else if (power < -4 || power >= digits) {
    const sign = power < 0 ? "-" : "+";
    written = `${Number(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  } else written = String(Number(value.toPrecision(digits)));
  return written.replaceAll("-", MINUS);
}

/** Return a number in as many digits as a label of the drawing has room for. */
function shortText(value, room = 7) {
  for (let digits = 6; digits > 1; digits -= 1) {
    const written = text(value, digits);
    if (written.length <= room) return written;
  }
  return text(value, 1);
}

/** Return the numbers of an array, in row order; the same list every time. */
function numbersOf(array) {
  if (array.values) return array.values;
  const bytes = Uint8Array.from(atob(array.bytes), (letter) => letter.charCodeAt(0));
  const step = (array.most - array.least) / 255;
  array.values = Array.from(bytes, (byte) => array.least + byte * step);
  return array.values;
}

/** Return how many numbers a shape has. */
function count(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/** Return the numbers of one sample of an array (samples, …shape). */
function ofSample(array, sample) {
  const size = count(array.shape.slice(1));
  return numbersOf(array).slice(sample * size, (sample + 1) * size);
}

/** Return the index in an array of a place counted in row order. */
function indexOf(place, shape) {
  const index = [];
  for (const side of [...shape].reverse()) {
    index.unshift(place % side);
    place = Math.floor(place / side);
  }
  return index;
}

/** Return the place in row order of an index. */
function placeOf(index, shape) {
  return index.reduce((place, position, axis) => place * shape[axis] + position, 0);
}

/** Return the name of a number, such as `1.weight[2,1]`; places are counted from 1. */
function nameOf(array, place, shape) {
  return `${array}[${indexOf(place, shape)
    .map((position) => position + 1)
    .join(",")}]`;
}
