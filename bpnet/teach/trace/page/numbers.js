// Numbers and the arrays they stand in. An array of the page has a shape and its values in row
// order or, where they are too many, a byte for each, from the least to the most: a shade for a
// picture, which is never written in digits. In the largest arrays a run of neighbours shares the
// shade of the strongest. What is known of it exactly stands beside the bytes.
"use strict";

const MINUS = "−";
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const ZERO = 0; // the byte of what is exactly 0
const LEVELS = 254; // from the least to the most, the bytes 1 to 255
const NOT_HELD = "too many numbers to hold: see bpnet trace --json";

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

const FEWEST_DIGITS = 3; // of a label, whatever its room

/** Return a number in as many digits as a label has room for; a minus sign takes none. */
function shortText(value, room = 7) {
  for (let digits = 6; ; digits -= 1) {
    const [decimal, scientific] = formsOf(value, digits);
    const shortest = decimal.length <= scientific.length ? decimal : scientific;
    const written = isNarrow(decimal, room) ? decimal : shortest;
    if (isNarrow(written, room) || digits === FEWEST_DIGITS) return written;
  }
}

/** Return a number behind a sign of multiplication: a negative one in brackets. */
function asFactor(value, room) {
  return value < 0 ? `(${shortText(value, room)})` : shortText(value, room);
}

/** Return a number that is added to others: `+ 2`, `− 2`. */
function asTerm(value, room) {
  return value < 0 ? `− ${shortText(-value, room)}` : `+ ${shortText(value, room)}`;
}

/** Return the index of a place, counted from 1 and lowered: `₁₂`. */
function subscript(place) {
  return [...String(place + 1)].map((digit) => SUBSCRIPTS[digit]).join("");
}

/** Return a number in decimals, and with a power of ten, whose exponent has no more than it needs. */
function formsOf(value, digits) {
  const decimal = text(value, digits).replace(/e\+?(−?)0*/, "e$1");
  if (!value || !Number.isFinite(value)) return [decimal, decimal];
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return [decimal, `${Number(mantissa)}e${Number(exponent)}`.replaceAll("-", MINUS)];
}

function isNarrow(written, room) {
  return written.replace(/^−/, "").length <= room;
}

/** Return whether a number is known and held: null is not known yet, NaN is not held. */
function isHeld(value) {
  return value !== null && !Number.isNaN(value);
}

/** Return the bytes of an array that is held as shades, one for each number. */
function bytesOf(array) {
  const shared = atob(array.bytes);
  const byteOf = (_, place) => shared.charCodeAt(Math.floor(place / array.run));
  return Uint8Array.from({ length: count(array.shape) }, byteOf);
}

/** Return the numbers of an array, in row order; NaN where the page holds none. */
function numbersOf(array) {
  array.numbers ??= array.bytes
    ? Array.from(bytesOf(array), (byte, place) => (byte === ZERO ? 0 : array.exact[place] ?? NaN))
    : array.values.map((value) => value ?? NaN); // what is not finite
  return array.numbers;
}

/** Return numbers to paint an array with, in row order: about those that it has. */
function shadesOf(array) {
  if (!array.bytes) return numbersOf(array);
  const step = (array.most - array.least) / LEVELS;
  array.shades ??= Array.from(bytesOf(array), (byte) =>
    byte === ZERO ? 0 : array.least + (byte - 1) * step,
  );
  return array.shades;
}

/** Return the array with its least and most number. */
function rangeOf(array) {
  array.least ??= array.values.reduce((a, b) => Math.min(a, b));
  array.most ??= array.values.reduce((a, b) => Math.max(a, b));
  return array;
}

/** Return how many numbers a shape has. */
function count(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * Return the numbers of one sample of an array (samples, …shape), or what to paint them with; the
 * same list every time.
 */
function ofSample(array, sample, read = numbersOf) {
  array.samples ??= new Map();
  const found = array.samples.get(read) ?? [];
  array.samples.set(read, found);
  const size = count(array.shape.slice(1));
  found[sample] ??= read(array).slice(sample * size, (sample + 1) * size);
  return found[sample];
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
