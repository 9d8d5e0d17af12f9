/* Numbers as the page holds them: bytes in base64, floats or packed integers. */

"use strict";

/** Return the bytes (Uint8Array) of a text in base64. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Return the floats (Float32Array) whose bytes, little-endian, a text in base64 holds. */
function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

/**
 * Return an array's numbers in row order, as a Float32Array.
 *
 * Where 32 bits each would take too much room, a row's numbers are whole multiples of its step:
 * w = step · q, the q being integers of so many bits, one behind the other, lowest bit first.
 */
function numbersOf(array) {
  if (array.bits === 32) return floatsOf(array.data);
  const bytes = bytesOf(array.data);
  const steps = floatsOf(array.steps);
  const count = array.shape.reduce((product, side) => product * side, 1);
  const perRow = count / steps.length;
  const numbers = new Float32Array(count);
  const span = 2 ** array.bits;
  let held = 0; // bits that were read and not yet used
  let bits = 0; // how many they are
  let place = 0;
  for (let n = 0; n < count; n += 1) {
    while (bits < array.bits) {
      held += bytes[place] * 2 ** bits;
      place += 1;
      bits += 8;
    }
    const q = held % span;
    held = Math.floor(held / span);
    bits -= array.bits;
    numbers[n] = steps[Math.floor(n / perRow)] * (q < span / 2 ? q : q - span);
  }
  return numbers;
}
