/* Turn drawn ink into a picture as the network was trained on: what bpnet/data/reading and
bpnet/data/placement.py do, with the same constants.

A plane is {height, width, values}: a Float32Array in row order, 0 for paper and 1 for ink. */

"use strict";

const CANVAS = 80; // pixels along the longer side while the stroke width is adjusted
const THINNEST = 8.0; // pixels there
const THICKEST = 13.0;
const WIDEST = 6.0; // times as wide as high: no digit
const LONGEST_STROKES = 7; // sides of the box: a scribble

/** Return a plane of these values, or of zeros. */
function plane(height, width, values = new Float32Array(height * width)) {
  return {height, width, values};
}

/** Return the nearest integer; halves go to the even one, as in Python. */
function rounded(value) {
  const below = Math.floor(value);
  const isUp = value - below === 0.5 ? below % 2 !== 0 : value - below > 0.5;
  return isUp ? below + 1 : below;
}

/** Return the sum of an array's numbers. */
function total(values) {
  return values.reduce((a, b) => a + b, 0);
}

/** Return the plane without its empty rows and columns; null where all are empty. */
function cropToInk({height, width, values}) {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      if (values[row * width + column] <= 0) continue;
      top = Math.min(top, row);
      bottom = row;
      left = Math.min(left, column);
      right = Math.max(right, column);
    }
  }
  if (bottom < 0) return null;
  const cropped = plane(bottom - top + 1, right - left + 1);
  for (let row = top; row <= bottom; row += 1) {
    const from = row * width;
    const line = values.subarray(from + left, from + right + 1);
    cropped.values.set(line, (row - top) * cropped.width);
  }
  return cropped;
}

/** Return, for each target pixel, the source pixels that it covers, with their fractions of it. */
function areaWeights(source, target) {
  const step = source / target;
  return Array.from({length: target}, (_, i) => {
    const [start, end] = [i * step, (i + 1) * step];
    const weights = [];
    for (let j = Math.floor(start); j < Math.min(Math.ceil(end), source); j += 1) {
      weights.push([j, Math.max(0, Math.min(end, j + 1) - Math.max(start, j)) / step]);
    }
    return weights;
  });
}

/** Return, for each target pixel, the two source pixels between whose centres it lies. */
function linearWeights(source, target) {
  return Array.from({length: target}, (_, i) => {
    const centre = ((i + 0.5) * source) / target - 0.5;
    const position = Math.min(Math.max(centre, 0), source - 1);
    const j = Math.min(Math.floor(position), source - 1);
    const share = position - j;
    return share > 0 ? [[j, 1 - share], [j + 1, share]] : [[j, 1]];
  });
}

/** Return rows · plane · columnsᵀ, both matrices given by the weights of their rows. */
function weighted({width, values}, rows, columns) {
  const half = plane(rows.length, width);
  rows.forEach((weights, i) => {
    weights.forEach(([j, weight]) => {
      for (let k = 0; k < width; k += 1) half.values[i * width + k] += weight * values[j * width + k];
    });
  });
  const result = plane(rows.length, columns.length);
  for (let i = 0; i < rows.length; i += 1) {
    columns.forEach((weights, k) => {
      let sum = 0;
      weights.forEach(([j, weight]) => { sum += weight * half.values[i * width + j]; });
      result.values[i * columns.length + k] = sum;
    });
  }
  return result;
}

/** Resample to another size: by area where it shrinks, linearly where it grows. */
function resample(picture, height, width) {
  const along = (source, target) => (target <= source ? areaWeights : linearWeights)(source, target);
  return weighted(picture, along(picture.height, height), along(picture.width, width));
}

/** Return w = 2 Σ v / Σ |∇v|, the mean width of the strokes in pixels. */
function strokeWidth({height, width, values}) {
  const at = (row, column) => {
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? values[row * width + column] : 0;
  };
  let variation = 0;
  for (let row = -1; row < height; row += 1) {
    for (let column = -1; column < width; column += 1) {
      const here = at(row, column);
      variation += Math.hypot(at(row + 1, column) - here, at(row, column + 1) - here);
    }
  }
  return variation > 0 ? (2 * total(values)) / variation : 0;
}

/** Widen strokes by a radius on each side: the maximum over a soft-edged disc. */
function thicken({height, width, values}, radius) {
  const reach = Math.ceil(radius);
  const thick = plane(height, width, values.slice());
  for (let down = -reach; down <= reach; down += 1) {
    for (let across = -reach; across <= reach; across += 1) {
      const weight = Math.min(radius + 0.5 - Math.hypot(down, across), 1);
      if (weight <= 0) continue;
      const [first, last] = [Math.max(0, -down), Math.min(height, height - down)];
      const [start, end] = [Math.max(0, -across), Math.min(width, width - across)];
      for (let row = first; row < last; row += 1) {
        for (let column = start; column < end; column += 1) {
          const shifted = weight * values[(row + down) * width + column + across];
          const place = row * width + column;
          if (shifted > thick.values[place]) thick.values[place] = shifted;
        }
      }
    }
  }
  return thick;
}

/** Narrow strokes by a radius on each side: thicken the paper. */
function thin({height, width, values}, radius) {
  const inverted = (array) => array.map((value) => 1 - value);
  return plane(height, width, inverted(thicken(plane(height, width, inverted(values)), radius).values));
}

/** Return the plane with a border of paper. */
function withBorder({height, width, values}, border) {
  const [picture] = padded(values, [1, height, width], border, 0);
  return plane(height + 2 * border, width + 2 * border, picture);
}

/** Return the plane with its longer side at 80 pixels. */
function onCanvas(ink) {
  const scale = CANVAS / Math.max(ink.height, ink.width);
  const [height, width] = [ink.height, ink.width].map((side) => Math.max(1, rounded(side * scale)));
  return resample(ink, height, width);
}

/** Resample ink to 80 pixels on the longer side, with strokes as thick as in MNIST. */
function likeMnistStrokes(ink) {
  const canvas = onCanvas(ink);
  const strongest = canvas.values.reduce((a, b) => Math.max(a, b));
  canvas.values = canvas.values.map((value) => value / strongest);
  const measured = strokeWidth(canvas);
  const radius = (Math.min(Math.max(measured, THINNEST), THICKEST) - measured) / 2;
  if (radius > 0.25) return thicken(withBorder(canvas, Math.ceil(radius)), radius);
  return radius < -0.25 ? thin(canvas, -radius) : canvas;
}

/** Return whether ink may be a digit, and not a line or, by the length of its strokes, a scribble. */
function isDigitShaped(ink) {
  const shrunk = Math.max(ink.height, ink.width) > CANVAS ? onCanvas(ink) : ink;
  const length = total(shrunk.values) / strokeWidth(shrunk);
  const {height, width} = shrunk;
  return width < WIDEST * height && length < LONGEST_STROKES * Math.max(height, width);
}

/** Fit ink into a box (height, width), its short side padded on both ends; the darkest becomes 1. */
function fitIntoBox(ink, box, keepsAspect) {
  const tall = keepsAspect ? box[0] / box[1] : 1;
  const sides = [Math.max(ink.height, rounded(ink.width * tall)),
    Math.max(ink.width, rounded(ink.height / tall))];
  const square = plane(sides[0], sides[1]);
  const top = Math.floor((sides[0] - ink.height) / 2);
  const left = Math.floor((sides[1] - ink.width) / 2);
  for (let row = 0; row < ink.height; row += 1) {
    const line = ink.values.subarray(row * ink.width, (row + 1) * ink.width);
    square.values.set(line, (top + row) * square.width + left);
  }
  const fitted = weighted(square, areaWeights(sides[0], box[0]), areaWeights(sides[1], box[1]));
  const strongest = fitted.values.reduce((a, b) => Math.max(a, b));
  fitted.values = fitted.values.map((value) => value / strongest);
  return fitted;
}

/** Return where the middle of a plane's ink lies: its centre of mass as [row, column]. */
function middleOf({width, values}) {
  const mass = total(values);
  const moment = [0, 0];
  values.forEach((value, place) => {
    moment[0] += value * (Math.floor(place / width) + 0.5);
    moment[1] += value * ((place % width) + 0.5);
  });
  return moment.map((sum) => sum / mass);
}

/** Return where the box begins along each side, as far inside the frame as it must be. */
function cornerOf(box, form) {
  const middle = form.by_mass ? middleOf(box) : [box.height / 2, box.width / 2];
  return [0, 1].map((axis) => {
    const start = form.like_mnist // ⌊15 − b⌋, as MNIST was made
      ? Math.floor(15 - middle[axis])
      : rounded(form.centre[axis] - middle[axis]);
    return Math.min(Math.max(start, 0), form.frame[axis] - form.box[axis]);
  });
}

/** Return a plane turned as the training pictures are: transposed, flipped, mirrored. */
function turned(ink, [transposed, flipped, mirrored]) {
  const result = transposed ? plane(ink.width, ink.height) : plane(ink.height, ink.width);
  for (let row = 0; row < result.height; row += 1) {
    for (let column = 0; column < result.width; column += 1) {
      const r = flipped ? result.height - 1 - row : row;
      const c = mirrored ? result.width - 1 - column : column;
      const from = transposed ? c * ink.width + r : r * ink.width + c;
      result.values[row * result.width + column] = ink.values[from];
    }
  }
  return result;
}

/** Return ink (a plane, not empty) as a training picture of this form would show it: greys 0–255. */
function prepare(ink, form) {
  let cropped = cropToInk(ink);
  if (form.strokes) cropped = cropToInk(likeMnistStrokes(cropped));
  if (!form.like_mnist) cropped = turned(cropped, form.orientation);
  const box = fitIntoBox(cropped, form.box, form.keeps_aspect);
  const [top, left] = cornerOf(box, form);
  let picture = plane(form.frame[0], form.frame[1]);
  for (let row = 0; row < box.height; row += 1) {
    const line = box.values.subarray(row * box.width, (row + 1) * box.width);
    picture.values.set(line, (top + row) * picture.width + left);
  }
  if (form.like_mnist) picture = turned(picture, form.orientation);
  const grey = (strength) => form.paper + strength * (form.ink - form.paper);
  return Uint8Array.from(picture.values, (strength) => rounded(grey(strength)));
}
