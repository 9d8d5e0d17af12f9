/* What goes through the network, layer by layer: every number a dot, every channel a small map. */

"use strict";

const UNCHANGED = ["flatten", "dropout", "residual"]; // layers whose output shows nothing new

/** Make a figure with a canvas for every layer that has something to show. */
function activationFigures(network, container) {
  container.replaceChildren();
  return network.layers.map((layer) => {
    if (UNCHANGED.includes(layer.kind)) return null;
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    const caption = document.createElement("figcaption");
    canvas.className = "pixels";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `output of ${layer.name}`);
    caption.textContent = `${layer.name}: ${layer.output_shape.join(" × ")}`;
    figure.append(canvas, caption);
    container.append(figure);
    return canvas;
  });
}

/** Draw a layer's output: white where it is positive, orange where negative, black where 0. */
function drawActivations(canvas, values, shape) {
  const [channels, height, width] = shape.length === 3 ? shape : [shape[0], 1, 1];
  const gap = shape.length === 3 ? 1 : 0;
  const across = Math.ceil(Math.sqrt(channels * (height / width)));
  const down = Math.ceil(channels / across);
  canvas.width = across * (width + gap) - gap;
  canvas.height = down * (height + gap) - gap;
  canvas.style.width = `${Math.min(320, Math.max(96, 2 * canvas.width))}px`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const colours = new Uint32Array(image.data.buffer); // a pixel is one number: alpha, blue, green, red
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
  let place = 0;
  for (let channel = 0; channel < channels; channel += 1) {
    const top = Math.floor(channel / across) * (height + gap);
    const left = (channel % across) * (width + gap);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        colours[(top + row) * canvas.width + left + column] = colourOf(values[place] / largest);
        place += 1;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

/** Return the colour of a number between −1 and 1: orange, black, white. */
function colourOf(value) {
  const strength = Math.round(255 * Math.abs(value));
  const [green, blue] = value >= 0 ? [strength, strength] : [strength >> 1, 0];
  return (0xff000000 | (blue << 16) | (green << 8) | strength) >>> 0;
}
