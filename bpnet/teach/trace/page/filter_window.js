// A window of a convolution or a pooling layer: its pixels, the filter, the sum of products.
"use strict";

const MOST_CHANNELS = 4; // whose grids are shown
const PADDING = null; // what stands for a pixel beside the picture

/** Fill the panel of the shown window; hide it where there is none. */
function showWindow(view, panel, move) {
  const shown = view.shownWindow();
  panel.hidden = !shown;
  if (!shown) return;
  const layer = view.trace.layers[shown.layer];
  const [channel, row, column] = indexOf(shown.place, layer.shape);
  const which = layer.shape[0] > 1 ? `channel ${channel + 1}, ` : "";
  const where = `${which}row ${row + 1}, column ${column + 1}`;
  const grids =
    layer.kind === "conv" ? filterGrids(view, shown, layer) : poolGrids(view, shown, layer);
  panel.replaceChildren(
    html("h3", {}, `${layer.name}: the window that gives ${where}`),
    moveButtons(shown, layer, move),
    ...grids,
    ...backwardGrids(view, shown, layer),
  );
}

/** Return buttons that move the window by one. */
function moveButtons(shown, layer, move) {
  const button = (words, key, by) => {
    const made = html("button", { type: "button", "data-key": key }, words);
    const place = shown.place + by;
    made.disabled = place < 0 || place >= count(layer.shape);
    made.addEventListener("click", () => move({ kind: "neuron", layer: shown.layer, place }));
    return made;
  };
  const group = { class: "buttons no-print", role: "group", "aria-label": "Move the window" };
  return html(
    "div",
    group,
    button("◀ window", "window-before", -1),
    button("window ▶", "window-after", 1),
  );
}

/** Return the pixels of a window in one channel, row by row; beside the picture there is none. */
function windowPixels(view, layer, number, inputChannel, row, column) {
  const { kernel, stride, padding, height, width } = layer.windows;
  const pixels = ofSample(outputsOf(view.step, number - 1), view.sample);
  return square(kernel, (i, j) => {
    const [y, x] = [row * stride + i - padding, column * stride + j - padding];
    const isInside = y >= 0 && y < height && x >= 0 && x < width;
    return isInside ? pixels[placeOf([inputChannel, y, x], layer.input_shape)] : PADDING;
  });
}

/** Return rows of a square, each number found by its row and column. */
function square(side, find) {
  return Array.from({ length: side }, (_, i) => Array.from({ length: side }, (_, j) => find(i, j)));
}

/** Return whether the page holds all numbers of a grid. */
function isWhole(rows) {
  return !rows.flat().some(Number.isNaN);
}

/** Return the filter of an output channel for one input channel. */
function filterOf(view, layer, channel, inputChannel) {
  const { before } = view.step.parameters[layer.parameters.weight];
  const weights = numbersOf(before);
  return square(
    layer.windows.kernel,
    (i, j) => weights[placeOf([channel, inputChannel, i, j], before.shape)],
  );
}

/** Return pixels times filter, for the first channels. */
function filterGrids(view, shown, layer) {
  const [channel, row, column] = indexOf(shown.place, layer.shape);
  const channels = layer.input_shape[0];
  const parts = [];
  let written = 0;
  for (let one = 0; one < Math.min(channels, MOST_CHANNELS); one += 1) {
    const pixels = windowPixels(view, layer, shown.layer, one, row, column);
    const filter = filterOf(view, layer, channel, one);
    if (!isWhole(pixels) || !isWhole(filter)) return [html("p", {}, NOT_HELD)];
    const products = pixels.map((line, i) => line.map((pixel, j) => (pixel ?? 0) * filter[i][j]));
    const sum = products.flat().reduce((total, product) => total + product, 0);
    written += sum;
    const which = channels > 1 ? ` of channel ${one + 1}` : "";
    parts.push(
      html(
        "div",
        { class: "grids" },
        gridOf(`pixels${which}`, pixels),
        sign("⊙"),
        gridOf("filter", filter),
        sign("="),
        gridOf("products", products),
        sign(`Σ = ${text(sum)}`),
      ),
    );
  }
  return [...parts, html("p", {}, total(view, shown, layer, written))];
}

/** Return how the sums of the channels make the output. */
function total(view, shown, layer, written) {
  const [channel] = indexOf(shown.place, layer.shape);
  const output = view.value(shown.layer, shown.place);
  if (!isHeld(output)) return "";
  if (layer.input_shape[0] === 1 && !layer.parameters.bias)
    return `Σ = ${text(output)} is the output here.`;
  const hidden = layer.input_shape[0] - MOST_CHANNELS;
  const rest = hidden > 0 ? ` + the sums of ${hidden} more channels` : "";
  const bias = layer.parameters.bias;
  const added = bias
    ? ` + bias ${text(numbersOf(view.step.parameters[bias].before)[channel])}`
    : "";
  return `${text(written)}${rest}${added} = ${text(output)}, the output here`;
}

/** Return the pixels of a pooling window, the largest marked, and what becomes of them. */
function poolGrids(view, shown, layer) {
  const [channel, row, column] = indexOf(shown.place, layer.shape);
  const pixels = windowPixels(view, layer, shown.layer, channel, row, column);
  const output = view.value(shown.layer, shown.place);
  const isMaximum = layer.kind === "maxpool";
  const result = isMaximum ? "the largest" : "the mean";
  const largest = isMaximum ? placeOfLargest(pixels) : -1;
  if (!isWhole(pixels)) return [html("p", {}, NOT_HELD)];
  const end = isHeld(output) ? [sign(`→ ${result} is ${text(output)}`)] : [];
  return [html("div", { class: "grids" }, gridOf("pixels", pixels, largest), ...end)];
}

/** Return the place of the largest pixel in row order, the first of equal ones. */
function placeOfLargest(pixels) {
  const flat = pixels.flat().map((pixel) => pixel ?? -Infinity);
  return flat.indexOf(Math.max(...flat));
}

/** Return what goes back through a window, once it is known. */
function backwardGrids(view, shown, layer) {
  const delta = view.gradient(shown.layer, shown.place);
  if (!isHeld(delta) || !knowsWeightGradient(view.position, shown.layer)) return [];
  const [channel, row, column] = indexOf(shown.place, layer.shape);
  const pixels = windowPixels(
    view,
    layer,
    shown.layer,
    layer.kind === "conv" ? 0 : channel,
    row,
    column,
  );
  if (!isWhole(pixels)) return [];
  const { kernel } = layer.windows;
  const shares = {
    conv: () => filterOf(view, layer, channel, 0).map((line) => line.map((one) => one * delta)),
    maxpool: () => {
      const largest = placeOfLargest(pixels);
      return square(kernel, (i, j) => (i * kernel + j === largest ? delta : 0));
    },
    avgpool: () => square(kernel, () => delta / kernel ** 2),
  }[layer.kind];
  if (!shares) return [];
  const parts = [
    html(
      "p",
      {},
      `On the way back δ = ${text(delta)} goes to the same pixels. ` +
        "Where windows overlap, what arrives adds up.",
    ),
    html("div", { class: "grids" }, gridOf(backwardName(layer), shares())),
  ];
  if (layer.kind === "conv") {
    const kept = pixels.map((line) => line.map((pixel) => (pixel ?? 0) * delta));
    parts[1].append(gridOf("this window's part of dW: δ · pixels", kept));
  }
  return parts;
}

function backwardName(layer) {
  const several = layer.kind === "conv" && layer.input_shape[0] > 1 ? ", channel 1" : "";
  return {
    conv: `δ · filter${several}`,
    maxpool: "δ to the largest",
    avgpool: "δ / K² to each",
  }[layer.kind];
}

function sign(words) {
  return html("span", { class: "sign" }, words);
}

/** Return a grid of numbers; pixels beside the picture count as 0. */
function gridOf(caption, rows, marked = -1) {
  const table = html("table", { class: "grid" }, html("caption", {}, caption));
  rows.forEach((line, i) => {
    const cells = line.map((one, j) => {
      const kind = i * line.length + j === marked ? "is-largest" : "";
      return html("td", { class: kind }, one === PADDING ? "·" : shortText(one));
    });
    table.append(html("tr", {}, ...cells));
  });
  return table;
}
