/* A network forward, for one sample: what bpnet/nn does, with the same equations and names.

Activations are Float32Arrays in row order, of (features) or (channels, height, width). A layer is
what the page's data say of it: kind, shapes, sizes, and its parameters as numbers. */

"use strict";

/** Return z = W a + b. */
function linear(x, {weight, bias, output_shape: [outputs]}) {
  return product(weight, x, bias, outputs, 1);
}

/** Return z_o = Σ_c W_oc ⋆ x_c + b_o, as the product Z = W X of the filters with all windows. */
function conv(x, layer) {
  const [filters, rows, columns] = layer.output_shape;
  return product(layer.weight, windowsOf(x, layer), layer.bias, filters, rows * columns);
}

/** Return the windows of a picture, one behind the other. */
function windowsOf(x, layer) {
  const {kernel_size: kernel, stride, padding} = layer;
  const [picture, [channels, height, width]] = padded(x, layer.input_shape, padding, 0);
  const [, rows, columns] = layer.output_shape;
  const windows = new Float32Array(rows * columns * channels * kernel * kernel);
  let place = 0;
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) {
      for (let c = 0; c < channels; c += 1) {
        for (let down = 0; down < kernel; down += 1) {
          const from = (c * height + i * stride + down) * width + j * stride;
          for (let across = 0; across < kernel; across += 1) {
            windows[place] = picture[from + across];
            place += 1;
          }
        }
      }
    }
  }
  return windows;
}

/**
 * Return Z = W X + b: every row of W (outputs, length) times every window of X (windows, length).
 *
 * Four rows meet two windows at a time, so that each number that is read serves several products:
 * that takes a fifth of the time. The last ones are computed again where there are too few.
 */
function product(weight, x, bias, outputs, windows) {
  const length = x.length / windows;
  const z = new Float32Array(outputs * windows);
  for (let row = 0; row < outputs; row += 4) {
    for (let window = 0; window < windows; window += 2) {
      multiplyTile(z, weight, x, length, row, outputs - 1, window, windows - 1);
    }
  }
  if (bias) {
    for (let row = 0; row < outputs; row += 1) {
      for (let window = 0; window < windows; window += 1) z[row * windows + window] += bias[row];
    }
  }
  return z;
}

/** Write the products of four rows with two windows to z; `last` are the numbers of the last ones. */
function multiplyTile(z, weight, x, length, row, lastRow, window, lastWindow) {
  const row1 = Math.min(row + 1, lastRow);
  const row2 = Math.min(row + 2, lastRow);
  const row3 = Math.min(row + 3, lastRow);
  const next = Math.min(window + 1, lastWindow);
  let z00 = 0, z01 = 0, z10 = 0, z11 = 0, z20 = 0, z21 = 0, z30 = 0, z31 = 0;
  for (let k = 0; k < length; k += 1) {
    const x0 = x[window * length + k];
    const x1 = x[next * length + k];
    const w0 = weight[row * length + k];
    const w1 = weight[row1 * length + k];
    const w2 = weight[row2 * length + k];
    const w3 = weight[row3 * length + k];
    z00 += w0 * x0;
    z01 += w0 * x1;
    z10 += w1 * x0;
    z11 += w1 * x1;
    z20 += w2 * x0;
    z21 += w2 * x1;
    z30 += w3 * x0;
    z31 += w3 * x1;
  }
  const windows = lastWindow + 1;
  z[row * windows + window] = z00;
  z[row * windows + next] = z01;
  z[row1 * windows + window] = z10;
  z[row1 * windows + next] = z11;
  z[row2 * windows + window] = z20;
  z[row2 * windows + next] = z21;
  z[row3 * windows + window] = z30;
  z[row3 * windows + next] = z31;
}

/** Return a picture with a border of one value, and the shape that it then has. */
function padded(x, [channels, height, width], border, value) {
  if (!border) return [x, [channels, height, width]];
  const shape = [channels, height + 2 * border, width + 2 * border];
  const picture = new Float32Array(shape[0] * shape[1] * shape[2]).fill(value);
  for (let c = 0; c < channels; c += 1) {
    for (let i = 0; i < height; i += 1) {
      const row = x.subarray((c * height + i) * width, (c * height + i + 1) * width);
      picture.set(row, (c * shape[1] + i + border) * shape[2] + border);
    }
  }
  return [picture, shape];
}

/** Return what becomes of each window: the largest of its numbers, or their mean. */
function pool(x, layer, border, combine) {
  const {kernel_size: kernel, stride = kernel, padding = 0} = layer;
  const [picture, [channels, height, width]] = padded(x, layer.input_shape, padding, border);
  const [, rows, columns] = layer.output_shape;
  const y = new Float32Array(channels * rows * columns);
  const window = new Float32Array(kernel * kernel);
  for (let c = 0; c < channels; c += 1) {
    for (let i = 0; i < rows; i += 1) {
      for (let j = 0; j < columns; j += 1) {
        for (let down = 0; down < kernel; down += 1) {
          const from = (c * height + i * stride + down) * width + j * stride;
          for (let across = 0; across < kernel; across += 1) {
            window[down * kernel + across] = picture[from + across];
          }
        }
        y[(c * rows + i) * columns + j] = combine(window);
      }
    }
  }
  return y;
}

/** Return y = max x of every window. */
function maxpool(x, layer) {
  return pool(x, layer, -Infinity, (window) => window.reduce((a, b) => Math.max(a, b)));
}

/** Return y = Σ x / K² of every window. */
function avgpool(x, layer) {
  return pool(x, layer, 0, (window) => window.reduce((a, b) => a + b) / window.length);
}

/** Return y_c = Σ x_c / N, the mean of every channel. */
function globalavgpool(x, {input_shape: [channels]}) {
  const places = x.length / channels;
  return Float32Array.from({length: channels}, (_, c) => {
    return x.subarray(c * places, (c + 1) * places).reduce((a, b) => a + b) / places;
  });
}

/** Return y = γ x̂ + β, x̂ = (x − μ) / √(σ² + ε), with the running μ and σ². */
function batchnorm(x, {weight, bias, running_mean: mean, running_variance: variance, epsilon}) {
  const places = x.length / weight.length;
  return x.map((value, place) => {
    const c = Math.floor(place / places);
    return (weight[c] * (value - mean[c])) / Math.sqrt(variance[c] + epsilon) + bias[c];
  });
}

/** Return a_i = e^{z_i} / Σ_j e^{z_j}; the largest z is taken away first, so nothing overflows. */
function softmax(z) {
  const largest = z.reduce((a, b) => Math.max(a, b));
  const powers = z.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Return g with a = z g(z): Φ(z) in the form that needs no error function. */
function gate(z) {
  return 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));
}

/** What each kind of layer does to the activations that come in. */
const LAYERS = {
  linear, conv, maxpool, avgpool, globalavgpool, batchnorm, softmax,
  relu: (x) => x.map((z) => Math.max(z, 0)),
  leaky_relu: (x, {slope}) => x.map((z) => Math.max(z, slope * z)),
  elu: (x, {alpha}) => x.map((z) => (z > 0 ? z : alpha * Math.expm1(z))),
  gelu: (x) => x.map((z) => z * gate(z)),
  softplus: (x) => x.map((z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))),
  sigmoid: (x) => x.map((z) => 1 / (1 + Math.exp(-z))),
  tanh: (x) => x.map(Math.tanh),
  scale: (x, {factor}) => x.map((value) => factor * value),
  flatten: (x) => x, // the numbers already stand in row order
  dropout: (x) => x, // it is for training
};

/**
 * Return what comes out of every layer for a picture of bytes, 0–255.
 *
 * `residual` keeps what comes in, and its `end` adds it to what the layers between make of it.
 */
function forward(network, pixels) {
  let x = Float32Array.from(pixels, (grey) => network.scale * grey + network.offset);
  const kept = [];
  return network.layers.map((layer) => {
    if (layer.kind === "residual") kept.push(x);
    else if (layer.kind === "end") x = add(x, kept.pop());
    else x = LAYERS[layer.kind](x, layer);
    return x;
  });
}

/** Return a + b. */
function add(a, b) {
  return a.map((value, place) => value + b[place]);
}

/** Return the class probabilities that a network's outputs stand for. */
function probabilities(network, outputs) {
  const {meaning, temperature} = network;
  if (temperature !== null) return softmax(outputs.map((z) => z / temperature));
  if (meaning === "softmax") return softmax(outputs);
  if (meaning === "sigmoid") return softmax(outputs.map((z) => -LAYERS.softplus([-z])[0]));
  const positive = outputs.map((output) => Math.max(output, 0) + 1e-38);
  const sum = positive.reduce((a, b) => a + b);
  return positive.map((value) => value / sum);
}

/** Return a network of the page's data with its numbers unpacked. */
function unpacked(network) {
  const layers = network.layers.map((layer) => {
    const arrays = Object.entries(layer.arrays).map(([role, array]) => [role, numbersOf(array)]);
    return {...layer, ...Object.fromEntries(arrays)};
  });
  return {...network, layers};
}
