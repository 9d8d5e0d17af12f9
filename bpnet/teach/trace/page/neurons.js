// A small network, drawn neuron by neuron and edge by edge: values above, gradients below.
"use strict";

const RADIUS = 20;
const TOP = 84; // of the first neuron's middle
const GAP = 98; // between columns
const MOST_LABELS = 9; // edges between two layers that all carry their numbers

/** Return the drawing of a network at a position; `choose` is called with what is clicked. */
function drawNeurons(view, choose) {
  const graph = neuronGraph(view.trace);
  const drawing = svg("svg", {
    ...{ ...scaled(graph.width, graph.height, view.room), role: "group" },
    "aria-label": "The network, neuron by neuron",
  });
  for (const column of graph.columns) drawing.append(drawColumn(view, graph, column));
  for (const edge of graph.edges) drawing.append(drawEdge(view, edge));
  for (const edge of graph.edges) drawing.append(drawEdgeNumbers(view, graph, edge, choose));
  for (const node of graph.nodes) drawing.append(drawNode(view, node, choose));
  for (const node of graph.held) drawing.append(drawHeldNode(view, node));
  drawing.append(drawLoss(view, graph));
  return rove(drawing, "network");
}

/** Return where every column, neuron and edge lies; layer −1 is the input. */
function neuronGraph(trace) {
  if (trace.graph) return trace.graph;
  const hasBias = trace.layers.some((layer) => "bias" in layer.parameters);
  const tallest = Math.max(...trace.layers.map((layer) => layer.shape[0]), trace.input_shape[0]);
  const apart = hasBias ? (tallest > 4 ? 118 : 132) : 100;
  const height = TOP + (tallest - 1) * apart + (hasBias ? 84 : 52);
  let x = 48;
  const columns = [{ layer: -1, x, name: "input" }];
  trace.layers.forEach((layer, number) => {
    x += gapBefore(layer);
    columns.push({ layer: number, x, name: layer.name });
  });
  const nodes = columns.flatMap((column) => {
    const shape = column.layer < 0 ? trace.input_shape : trace.layers[column.layer].shape;
    return Array.from({ length: shape[0] }, (_, place) => ({
      ...{ layer: column.layer, place, x: column.x },
      y: TOP + ((tallest - shape[0]) / 2 + place) * apart,
      name: nameOf(column.name, place, shape),
    }));
  });
  const last = nodes.filter((node) => node.layer === trace.layers.length - 1);
  const held = heldNodes(trace, last);
  if (held.length) columns.push({ x: held[0].x, name: held[0].column, isHeld: true });
  x = columns.at(-1).x + GAP;
  columns.push({ x, name: "loss", isLoss: true });
  const loss = { x, y: TOP + ((tallest - 1) / 2) * apart, name: "loss" };
  const edges = [...edgesOf(trace, nodes), ...edgesToLoss(trace, last, held, loss)];
  trace.graph = { columns, nodes, held, edges, loss, height, width: x + 44 };
  return trace.graph;
}

/** Return nodes for the activation that the loss applies itself, if it does. */
function heldNodes(trace, last) {
  const activation = trace.steps[0].loss_activation;
  if (!activation) return [];
  const column = `(${activation.name})`;
  return last.map(({ x, y, place }) => ({
    ...{ x: x + GAP, y, place, column, name: nameOf(column, place, activation.shape) },
  }));
}

/** Return the edges to the loss, through its own activation; paths count them as one step. */
function edgesToLoss(trace, last, held, loss) {
  const step = (node) => `${node.name}→loss`;
  if (!held.length) return last.map((from) => ({ from, to: loss, steps: [step(from)] }));
  const isDense = !trace.steps[0].loss_activation.slopes;
  const meet = (from, to) => isDense || from.place === to.place;
  const into = held.flatMap((to) =>
    last
      .filter((from) => meet(from, to))
      .map((from) => ({ from, to, steps: [step(from)], isHeld: true })),
  );
  const onward = held.map((from) => {
    const steps = last.filter((node) => meet(node, from)).map(step);
    return { from, to: loss, steps, isInner: true };
  });
  return [...into, ...onward];
}

/** Return the room before a layer: more where the numbers of weights stand in it. */
function gapBefore(layer) {
  if (layer.kind !== "linear") return GAP;
  return layer.shape[0] * layer.input_shape[0] > 1 ? 210 : 144;
}

/** Return the edges between layers: of weights, of activations, past a residual block. */
function edgesOf(trace, nodes) {
  const of = (layer) => nodes.filter((node) => node.layer === layer);
  return trace.layers.flatMap((layer, number) => {
    const isDense = layer.scope === "sample";
    const pairs = of(number).flatMap((to) =>
      of(number - 1)
        .filter((from) => isDense || from.place === to.place)
        .map((from) => ({ from, to, layer: number })),
    );
    if (layer.kind === "linear") pairs.forEach((edge) => addWeight(edge, pairs, layer));
    if (layer.past !== null) {
      for (const to of of(number)) {
        pairs.push({ from: of(layer.past)[to.place], to, layer: number, isPast: true });
      }
    }
    return pairs;
  });
}

/** Give an edge its weight, and the place of its numbers: later on the edge for each input. */
function addWeight(edge, pairs, layer) {
  const inputs = layer.input_shape[0];
  const place = edge.to.place * inputs + edge.from.place;
  edge.weight = { kind: "weight", parameter: layer.parameters.weight, place };
  edge.isLabelled = pairs.length <= MOST_LABELS;
  edge.at = inputs > 1 ? 0.3 + (0.32 * edge.from.place) / (inputs - 1) : 0.48;
}

function drawColumn(view, graph, column) {
  const { position } = view;
  const isOfLoss = column.isLoss || column.isHeld;
  const isCurrent = isOfLoss
    ? position.kind.startsWith("loss")
    : position.layer === column.layer;
  const box = { x: column.x - 36, y: 30, width: 72, height: graph.height - 34, rx: 8 };
  return svg(
    "g",
    {},
    svg("rect", { ...box, class: isCurrent ? "column is-current" : "column" }),
    svg("text", { x: column.x, y: 20, class: "title" }, column.name),
  );
}

function drawEdge(view, edge) {
  const { from, to } = edge;
  const kinds = ["edge"];
  if (view.isLitEdge(edge)) kinds.push("is-lit");
  const weight = edge.weight ? { "data-weight": view.weight(edge.weight).name } : {};
  const name = edge.isInner ? {} : { "data-edge": edge.steps?.[0] ?? `${from.name}→${to.name}` };
  const about = { class: kinds.join(" "), ...name, ...weight };
  const ends = { x1: from.x + RADIUS, y1: from.y, x2: to.x - RADIUS, y2: to.y };
  if (!edge.isPast) return svg("g", about, svg("line", ends));
  const [x, y] = [(from.x + to.x) / 2, from.y - 86];
  const curve = `M ${from.x + 14} ${from.y - 14} Q ${x} ${y} ${to.x - 14} ${to.y - 14}`;
  return svg("g", about, svg("path", { d: curve }));
}

/** Return the numbers of an edge: its weight above and the gradient below, or its slope. */
function drawEdgeNumbers(view, graph, edge, choose) {
  const { from, to } = edge;
  if (edge.isPast || to === graph.loss) return svg("g");
  if (edge.isHeld) return drawHeldSlope(view, edge);
  if (!edge.weight) return drawSlope(view, edge);
  const weight = view.weight(edge.weight);
  const [x, y] = [from.x + edge.at * (to.x - from.x), from.y + edge.at * (to.y - from.y)];
  const isChosen = view.isChosen(edge.weight);
  const button = svg(
    "g",
    { "data-key": weight.name },
    svg("line", {
      ...{ x1: from.x + RADIUS, y1: from.y, x2: to.x - RADIUS, y2: to.y, class: "touch" },
    }),
    svg("rect", { x: x - 30, y: y - 18, width: 60, height: 36, rx: 4, class: "touch" }),
  );
  makeButton(button, weight.spoken, () => choose(edge.weight));
  const group = svg("g", { class: isChosen ? "edge is-chosen" : "edge" }, button);
  if (edge.isLabelled || isChosen) {
    group.append(label(x, y - 4, shortText(weight.value), "weight"));
    if (weight.gradient !== null) {
      group.append(label(x, y + 14, shortText(weight.gradient), "gradient"));
    }
  }
  return group;
}

/** Return the slope of an activation, once the way back has come to it. */
function drawSlope(view, edge) {
  const slopes = view.step.slopes[edge.layer];
  if (!slopes || !knowsWeightGradient(view.position, edge.layer)) return svg("g");
  return slopeLabel(view, edge, slopes);
}

/** Return the slope of the activation that the loss applies itself, which it does not compute. */
function drawHeldSlope(view, edge) {
  const { slopes } = view.step.loss_activation;
  if (!slopes || !isAtLeast(view.position, "loss-gradient")) return svg("g");
  return slopeLabel(view, edge, slopes);
}

function slopeLabel(view, { from, to }, slopes) {
  const slope = ofSample(slopes, view.sample)[to.place];
  const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  return label(x, y + 16, `· ${asFactor(slope, 6)}`, "gradient");
}

/** Return a number of the activation that the loss applies itself: a above, ∂C/∂a below. */
function drawHeldNode(view, node) {
  const { output, grad_output: gradients } = view.step.loss_activation;
  const isKnown = isAtLeast(view.position, "loss");
  const value = isKnown ? ofSample(output, view.sample)[node.place] : null;
  const isBack = isAtLeast(view.position, "loss-gradient");
  const gradient = isBack ? ofSample(gradients, view.sample)[node.place] : null;
  const kinds = ["held"];
  if (isKnown) kinds.push("has-value");
  if (isBack) kinds.push("has-gradient");
  const spoken = view.spoken(node.name, value, gradient);
  const { x, y } = node;
  const group = svg(
    "g",
    { class: kinds.join(" "), role: "img", "aria-label": spoken },
    svg("circle", { cx: x, cy: y, r: RADIUS, class: "body" }),
    label(x, y + 5, `a${subscript(node.place)}`, "plain"),
  );
  if (isKnown) group.append(label(x, y - RADIUS - 7, shortText(value), "value"));
  if (isBack) group.append(label(x, y + RADIUS + 16, shortText(gradient), "gradient"));
  return group;
}

function drawNode(view, node, choose) {
  const layer = view.trace.layers[node.layer];
  const value = view.value(node.layer, node.place);
  const gradient = view.gradient(node.layer, node.place);
  const choice = { kind: "neuron", layer: node.layer, place: node.place };
  const kinds = ["node"];
  if (value !== null) kinds.push("has-value");
  if (gradient !== null) kinds.push("has-gradient");
  if (view.isLitName(node.name)) kinds.push("is-lit");
  if (view.isChosen(choice)) kinds.push("is-chosen");
  const letter = layer ? layer.formulas.forward[0] : "x";
  const place = { cx: node.x, cy: node.y, r: RADIUS };
  const circle = svg("circle", { ...place, class: "body", "data-key": node.name });
  makeButton(circle, view.spoken(node.name, value, gradient), () => choose(choice));
  const words = label(node.x, node.y + 5, letter + subscript(node.place), "plain");
  const group = svg("g", { class: kinds.join(" ") }, circle, words);
  if (value !== null) group.append(label(node.x, node.y - RADIUS - 7, shortText(value), "value"));
  if (gradient !== null) {
    group.append(label(node.x, node.y + RADIUS + 16, shortText(gradient), "gradient"));
  }
  if (layer && "bias" in layer.parameters) group.append(drawBias(view, node, layer, choose));
  return group;
}

function drawBias(view, node, layer, choose) {
  const choice = { kind: "weight", parameter: layer.parameters.bias, place: node.place };
  const bias = view.weight(choice);
  const y = node.y + RADIUS + 34;
  const kinds = ["bias"];
  if (view.isLitName(bias.name)) kinds.push("is-lit");
  if (view.isChosen(choice)) kinds.push("is-chosen");
  const box = { x: node.x - 34, y: y - 13, width: 68, height: 34, rx: 4 };
  const button = svg("rect", { ...box, class: "touch", "data-key": bias.name });
  makeButton(button, bias.spoken, () => choose(choice));
  const group = svg(
    "g",
    { class: kinds.join(" ") },
    button,
    label(node.x, y, asTerm(bias.value, 6), "weight"),
  );
  if (bias.gradient !== null) {
    group.append(label(node.x, y + 16, shortText(bias.gradient), "gradient"));
  }
  return group;
}

function drawLoss(view, graph) {
  const { x, y } = graph.loss;
  const isKnown = isAtLeast(view.position, "loss");
  const kinds = ["node"];
  if (isKnown) kinds.push("has-value");
  if (view.isLitName("loss")) kinds.push("is-lit");
  const loss = isKnown ? view.step.losses[view.sample] : null;
  const group = svg(
    "g",
    { class: kinds.join(" "), role: "img", "aria-label": view.spoken("loss", loss, null) },
    svg("rect", {
      ...{ x: x - RADIUS, y: y - RADIUS, width: 2 * RADIUS, height: 2 * RADIUS, rx: 6 },
      class: "body",
    }),
    svg("text", { x, y: y + 5 }, "C"),
  );
  if (isKnown) group.append(label(x, y - RADIUS - 7, shortText(loss), "value"));
  ofSample(view.step.targets, view.sample).forEach((target, place, all) => {
    const name = all.length > 1 ? `y${subscript(place)}` : "y";
    group.append(label(x, y + RADIUS + 16 + 16 * place, `${name} = ${shortText(target)}`, "small"));
  });
  return group;
}
