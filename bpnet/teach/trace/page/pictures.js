// Arrays as pictures: cells with their numbers while they are few, else a pixel for each number.
// Blue is positive, orange negative; the stronger the colour, the larger the number.
"use strict";

const MOST_CELLS = 64; // of an array that is drawn with its numbers
const CELL_WIDTH = 74; // room for a minus sign, three digits and a power of ten
const WIDEST = 200; // of a picture, if its pixels are not too small for that

/** Return how an array is laid out: channels side by side, each with rows and columns. */
function layoutOf(shape) {
  const total = count(shape);
  const [rows, columns] = shape.length > 1 ? shape.slice(-2) : rowsAndColumns(total);
  const channels = Math.ceil(total / (rows * columns));
  const across = Math.ceil(Math.sqrt(channels));
  const hasNumbers = total <= MOST_CELLS && columns <= 10;
  const fitting = Math.floor(WIDEST / (across * (columns + 1)));
  const side = Math.max(across * columns > WIDEST / 2 ? 1 : 2, Math.min(10, fitting));
  return {
    ...{ total, rows, columns, channels, across, hasNumbers },
    width: hasNumbers ? CELL_WIDTH : side,
    height: hasNumbers ? 26 : side,
  };
}

/** Return the sides of the picture of a vector: a column, or nearly a square. */
function rowsAndColumns(total) {
  if (total <= 12) return [total, 1];
  const columns = Math.ceil(Math.sqrt(total));
  return [Math.ceil(total / columns), columns];
}

/** Return where the cell of a place begins, in cells; channels have a gap of one between them. */
function cellOf(layout, place) {
  const size = layout.rows * layout.columns;
  const channel = Math.floor(place / size);
  const [row, column] = [Math.floor((place % size) / layout.columns), place % layout.columns];
  return [
    (channel % layout.across) * (layout.columns + 1) + column,
    Math.floor(channel / layout.across) * (layout.rows + 1) + row,
  ];
}

/** Return the size of a whole picture, in points. */
function sizeOf(layout) {
  const down = Math.ceil(layout.channels / layout.across);
  return [
    (layout.across * (layout.columns + 1) - 1) * layout.width,
    (down * (layout.rows + 1) - 1) * layout.height,
  ];
}

/** Return a colour of the style sheet as red, green and blue. */
function colour(name) {
  const written = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const whole = written.length === 4 ? written.replace(/[^#]/g, "$&$&") : written;
  return [1, 3, 5].map((start) => parseInt(whole.slice(start, start + 2), 16));
}

/** Return a function from a number to its colour, for numbers up to a largest size. */
function palette(values, strongest) {
  const [ground, positive, negative] = ["--ground", "--forward", "--backward"].map(colour);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return (value) => {
    const share = (strongest * Math.abs(value)) / largest;
    const full = value < 0 ? negative : positive;
    return ground.map((one, place) => Math.round(one + share * (full[place] - one)));
  };
}

/**
 * Draw an array.
 *
 * @param values its numbers, NaN where they are not held.
 * @param shades what it is painted with: about its numbers.
 * @param shape of the array.
 * @param about name (of the whole), cellName and isLit (of a place), chosen (a place or −1),
 *   choose (called with a place).
 */
function drawArray(values, shades, shape, about) {
  const layout = layoutOf(shape);
  return layout.hasNumbers
    ? drawCells(values, shades, layout, about)
    : drawPixels(shades, layout, about);
}

function drawCells(values, shades, layout, about) {
  const paint = palette(shades, 0.45); // so weak that the numbers stand out
  const group = svg("g", { role: "group", "aria-label": about.name });
  values.forEach((value, place) => {
    const [column, row] = cellOf(layout, place);
    const [x, y] = [column * layout.width, row * layout.height];
    const kinds = ["cell"];
    if (about.isLit(place)) kinds.push("is-lit");
    if (place === about.chosen) kinds.push("is-chosen");
    const cell = svg("rect", {
      ...{ x, y, width: layout.width, height: layout.height },
      ...{ fill: `rgb(${paint(shades[place]).join(" ")})`, "data-key": `${about.name} ${place}` },
    });
    const spoken = Number.isNaN(value) ? "" : `, ${text(value)}`;
    makeButton(cell, about.cellName(place) + spoken, () => about.choose(place));
    const written = Number.isNaN(value) ? "" : shortText(value);
    const words = label(x + layout.width / 2, y + layout.height / 2 + 5, written, "plain");
    group.append(svg("g", { class: kinds.join(" ") }, cell, words));
  });
  return rove(group, about.name);
}

function drawPixels(shades, layout, about) {
  const { chosen } = about;
  const [width, height] = sizeOf(layout);
  const picture = svg("image", { width, height, preserveAspectRatio: "none" });
  picture.setAttribute("href", pictureOf(shades, layout));
  const group = svg("g", { "data-key": about.name }, picture);
  if (chosen >= 0) group.append(frame(layout, chosen, 1, 1));
  makeButton(group, `${about.name}: a picture, arrow keys choose a number in it`, (event) => {
    const place = event.clientX ? placeAt(picture, layout, event) : 0;
    const isKept = !event.clientX && chosen >= 0; // a key lets nothing go that arrows have found
    if (place !== null && !isKept) about.choose(place);
  });
  group.addEventListener("keydown", (event) => {
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -layout.columns,
      ArrowDown: layout.columns,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const place = chosen < 0 ? 0 : chosen + moves[event.key];
    if (place >= 0 && place < layout.total) about.choose(place);
  });
  return group;
}

const pictures = new WeakMap(); // addresses by what is painted, and by the colours of the page

/** Return an address of a picture, which is painted once for light and once for dark. */
function pictureOf(shades, layout) {
  if (!pictures.has(shades)) pictures.set(shades, {});
  const painted = pictures.get(shades);
  const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  painted[scheme] ??= paintedPicture(shades, layout);
  return painted[scheme];
}

/** Return an address of a picture with a pixel for each number. */
function paintedPicture(values, layout) {
  const paint = palette(values, 1);
  const canvas = html("canvas");
  const [width, height] = sizeOf(layout);
  canvas.width = width / layout.width;
  canvas.height = height / layout.height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, place) => {
    const [column, row] = cellOf(layout, place);
    pixels.data.set([...paint(value), 255], 4 * (row * canvas.width + column));
  });
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

/** Return the place in an array at which its picture was clicked; null in a gap. */
function placeAt(picture, layout, event) {
  const box = picture.getBoundingClientRect();
  const [width, height] = sizeOf(layout);
  const x = Math.floor(((event.clientX - box.left) / box.width) * (width / layout.width));
  const y = Math.floor(((event.clientY - box.top) / box.height) * (height / layout.height));
  const [column, row] = [x % (layout.columns + 1), y % (layout.rows + 1)];
  if (column >= layout.columns || row >= layout.rows) return null;
  const channel =
    Math.floor(y / (layout.rows + 1)) * layout.across + Math.floor(x / (layout.columns + 1));
  const place = (channel * layout.rows + row) * layout.columns + column;
  return place < layout.total ? place : null;
}

/** Return a frame around some rows and columns of cells. */
function frame(layout, place, rows, columns) {
  const [column, row] = cellOf(layout, place);
  return svg("rect", {
    class: "frame",
    x: column * layout.width - 1.5,
    y: row * layout.height - 1.5,
    width: columns * layout.width + 3,
    height: rows * layout.height + 3,
  });
}
