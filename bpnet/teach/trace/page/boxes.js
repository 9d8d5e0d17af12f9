// A larger network, drawn as a box for each layer: its output above, the output's gradient below.
"use strict";

const BETWEEN = 44; // boxes
const HEAD = 52; // room for the names above
const MOST_TARGETS = 12; // that are listed below the loss

/** Return the drawing of a network at a position; `choose` is called with what is clicked. */
function drawBoxes(view, choose) {
  const boxes = boxesOf(view.trace);
  const tallest = Math.max(...boxes.map((box) => box.height));
  const below = HEAD + tallest + 34;
  const end = boxes.at(-1);
  const drawing = svg("svg", {
    ...{ ...scaled(end.x + end.width + 130, below + tallest + 12, view.room), role: "group" },
    "aria-label": "The network, a box for each layer",
  });
  for (const box of boxes) {
    drawing.append(drawBox(view, box, below + tallest));
    drawing.append(drawHalf(view, box, HEAD, choose, "value"));
    drawing.append(drawHalf(view, box, below, choose, "gradient"));
  }
  drawing.append(drawLossBox(view, end.x + end.width + BETWEEN, below + tallest));
  return drawing;
}

/** Return where the box of every layer lies; layer −1 is the input. */
function boxesOf(trace) {
  if (trace.boxes) return trace.boxes;
  let x = 16;
  trace.boxes = [-1, ...trace.layers.keys()].map((layer) => {
    const shape = layer < 0 ? trace.input_shape : trace.layers[layer].shape;
    const layout = layoutOf(shape);
    const [pictureWidth, height] = sizeOf(layout);
    const width = Math.max(pictureWidth, 96);
    const name = layer < 0 ? "input" : trace.layers[layer].name;
    const box = { layer, shape, layout, name, x, width, height, inset: (width - pictureWidth) / 2 };
    x += width + BETWEEN;
    return box;
  });
  return trace.boxes;
}

function drawBox(view, box, bottom) {
  const middle = box.x + box.width / 2;
  const frame = { x: box.x - 10, y: 4, width: box.width + 20, height: bottom, rx: 8 };
  const group = svg(
    "g",
    {},
    svg("rect", {
      ...frame,
      class: view.position.layer === box.layer ? "column is-current" : "column",
    }),
    svg("text", { x: middle, y: 22, class: "title" }, box.name),
    svg("text", { x: middle, y: 40, class: "small" }, box.shape.join("×")),
  );
  if (box.layer >= 0) group.append(svg("text", { x: box.x - BETWEEN / 2, y: HEAD + 20 }, "→"));
  return group;
}

/** Return the picture of a box's output or gradient, or an empty frame while it is unknown. */
function drawHalf(view, box, y, choose, half) {
  const isValue = half === "value";
  const { position, sample, trace } = view;
  const isKnown = isValue
    ? knowsOutput(position, box.layer)
    : knowsGradient(position, box.layer, trace.layers.length - 1);
  const [width, height] = sizeOf(box.layout);
  const place = svg("g", { transform: `translate(${box.x + box.inset} ${y})` });
  if (!isKnown) {
    place.append(svg("rect", { width, height, class: "unknown" }));
    return place;
  }
  const array = isValue ? outputsOf(view.step, box.layer) : gradientsOf(view.step, box.layer);
  const choice = (number) => ({ kind: "neuron", layer: box.layer, place: number });
  place.append(
    drawArray(ofSample(array, sample), ofSample(array, sample, shadesOf), box.shape, {
      name: `${isValue ? "output" : "gradient"} of ${box.name}`,
      cellName: (number) => nameOf(box.name, number, box.shape),
      isLit: (number) => view.isLitName(nameOf(box.name, number, box.shape)),
      chosen: chosenPlace(view, box.layer),
      choose: (number) => choose(choice(number)),
    }),
  );
  for (const corner of windowCorners(view, box)) {
    place.append(frame(box.layout, corner.place, corner.rows, corner.columns));
  }
  return place;
}

/** Return the place that is chosen in a layer, or whose window is shown; −1 for none. */
function chosenPlace({ chosen, shownWindow }, layer) {
  const found = [chosen, shownWindow()].find(
    (one) => one?.kind === "neuron" && one.layer === layer,
  );
  return found?.place ?? -1;
}

/** Return the corner of the chosen window in each channel of a box that it looks at. */
function windowCorners(view, box) {
  const shown = view.shownWindow();
  if (!shown || shown.layer !== box.layer + 1) return [];
  const layer = view.trace.layers[shown.layer];
  const [channel, row, column] = indexOf(shown.place, layer.shape);
  const { kernel, stride, padding, height, width } = layer.windows;
  const [top, left] = [row * stride - padding, column * stride - padding];
  const [y, x] = [Math.max(top, 0), Math.max(left, 0)];
  const channels = layer.kind === "conv" ? [...Array(layer.input_shape[0]).keys()] : [channel];
  return channels.map((one) => ({
    place: placeOf([one, y, x], layer.input_shape),
    rows: Math.min(top + kernel, height) - y,
    columns: Math.min(left + kernel, width) - x,
  }));
}

function drawLossBox(view, x, bottom) {
  const isCurrent = view.position.kind.startsWith("loss");
  const middle = x + 33;
  const group = svg(
    "g",
    {},
    svg("rect", {
      ...{ x: x - 10, y: 4, width: 86, height: bottom, rx: 8 },
      class: isCurrent ? "column is-current" : "column",
    }),
    svg("text", { x: middle, y: 22, class: "title" }, "loss"),
    svg("text", { x: x - BETWEEN / 2, y: HEAD + 20 }, "→"),
  );
  if (isAtLeast(view.position, "loss")) {
    const loss = shortText(view.step.losses[view.sample]);
    group.append(svg("text", { x: middle, y: HEAD + 12, class: "value" }, loss));
  }
  const targets = ofSample(view.step.targets, view.sample);
  const lines = targets.slice(0, MOST_TARGETS).map((target, place) => {
    const name = targets.length > 1 ? `y${subscript(place)}` : "y";
    return `${name} = ${shortText(target, 5)}`;
  });
  if (targets.length > MOST_TARGETS) lines.push(`… ${targets.length - MOST_TARGETS} more`);
  lines.forEach((words, line) => {
    group.append(svg("text", { x: middle, y: HEAD + 36 + 16 * line, class: "small" }, words));
  });
  return group;
}
