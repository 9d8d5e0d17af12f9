// What happens at a position: each formula in symbols, then with its numbers, then its value.
// The formulas with numbers come with the data; the page only shows them.
"use strict";

const MOST_ROWS = 10;

/** Fill the explanation of a position. */
function explain(view, panel) {
  const { position } = view;
  const parts = EXPLANATIONS[position.kind](view);
  panel.replaceChildren(html("h2", {}, titleOf(view.trace, position)), ...parts.flat(2));
}

const EXPLANATIONS = {
  start: (view) => [
    html(
      "p",
      {},
      "The input goes in, the weights are as they were. Nothing is computed yet: press Next, or " +
        "move the slider with the arrow keys.",
    ),
  ],
  forward: (view) => {
    const { layer: number } = view.position;
    const layer = view.trace.layers[number];
    const worked = view.step.worked.forward[number][view.sample];
    const rows = namedRows(view, worked, layer.name, layer.shape, number);
    return [...formula(layer.formulas.forward, rows), ofTheLargest(rows, layer.shape)];
  },
  loss: (view) => {
    const { step, sample } = view;
    const rows = [row("loss", step.worked.loss[sample], text(step.losses[sample]))];
    const parts = [heldForward(view), formula(step.loss_formulas.forward, rows)];
    if (step.losses.length < 2) return parts;
    const [total, mean] = [text(step.total_loss), text(step.loss)];
    return [
      ...parts,
      formula("L = Σ_n Cⁿ", [row("total loss L", step.worked.total, total)]),
      formula("C = Σ losses / samples", [row("mean C", step.worked.mean, mean)]),
    ];
  },
  "loss-gradient": (view) => {
    const { step, sample, trace } = view;
    const last = trace.layers.length - 1;
    const { name, shape } = trace.layers[last];
    const worked = step.worked.loss_gradient[sample];
    const rows = namedRows(view, worked, `∂C/∂${name}`, shape, last);
    return [heldBackward(view, name), formula(step.loss_formulas.backward, rows)];
  },
  backward: explainBackward,
  update: (view) => [
    ...view.step.update.map((rule) => html("p", { class: "symbols" }, ...htmlOf(rule))),
    workedTable(
      Object.entries(view.step.worked.updates).flatMap(([parameter, worked]) =>
        weightRows(view, worked, parameter, ""),
      ),
    ),
  ],
  zero: () => [
    html(
      "p",
      {},
      "Tutorials now set the gradients to zero, since their library adds new gradients to old " +
        "ones. bpnet has nothing to set: every backward pass overwrites them.",
    ),
  ],
};

/** Return what the activation that the loss applies itself gives. */
function heldForward({ step, sample }) {
  const held = step.loss_activation;
  if (!held) return [];
  const remark = `The loss applies the ${held.name} itself, to the network's output z:`;
  const rows = plainRows(held.forward[sample], "a", held.shape);
  return [html("p", {}, remark), ...formula(held.formulas.forward, rows)];
}

/** Return the factors that the loss does not need since they cancel: ∂C/∂a and the slope. */
function heldBackward({ step, sample }, output) {
  const held = step.loss_activation;
  if (!held) return [];
  const gradients = plainRows(held.gradient[sample], "∂C/∂a", held.shape);
  const products = plainRows(held.backward[sample], `∂C/∂${output}`, held.shape);
  const cancels = held.cancels[0].toUpperCase() + held.cancels.slice(1);
  return [
    ...formula(held.formulas.gradient, gradients),
    ...formula(`${held.formulas.backward}, δ = ∂C/∂a`, products),
    html("p", {}, ...htmlOf(`${cancels}.`)),
  ];
}

/** Return a remark where formulas are written out for some of an array's numbers only. */
function ofTheLargest(rows, shape) {
  if (rows.length === count(shape)) return "";
  const remark = `Written out for the ${rows.length} largest of ${count(shape)} numbers.`;
  return html("p", { class: "quiet" }, remark);
}

/** Return what a layer passes back, and the gradients of its weights. */
function explainBackward(view) {
  const { step, sample, trace } = view;
  const number = view.position.layer;
  const layer = trace.layers[number];
  const parts = Object.entries(layer.parameters).map(([role, parameter]) => {
    const rows = weightRows(view, step.worked.gradients[parameter], parameter, "∂C/∂");
    return formula(layer.formulas.gradients[role], rows);
  });
  const before = number > 0 ? trace.layers[number - 1].name : "input";
  const worked = step.worked.backward[number][sample];
  const rows = namedRows(view, worked, `∂C/∂${before}`, layer.input_shape, number - 1);
  const passed = [...formula(layer.formulas.backward, rows), ofTheLargest(rows, layer.input_shape)];
  return [passed, ...parts];
}

/** Return a formula in symbols, and a table of it with numbers. */
function formula(written, rows) {
  return [html("p", { class: "symbols" }, ...htmlOf(written)), workedTable(rows)];
}

/** Return rows of numbers that cannot be chosen. */
function plainRows(worked, name, shape) {
  return Object.entries(worked).map(([place, [numbers, value]]) =>
    row(nameOf(name, Number(place), shape), numbers, value),
  );
}

/** Return rows of a layer's numbers; those of the chosen neuron are marked. */
function namedRows(view, worked, name, shape, layer) {
  return Object.entries(worked).map(([place, [numbers, value]]) => {
    const choice = { kind: "neuron", layer, place: Number(place) };
    return row(nameOf(name, Number(place), shape), numbers, value, view.isChosen(choice));
  });
}

/** Return rows of a parameter's numbers; those of the chosen weight are marked. */
function weightRows(view, worked, parameter, before) {
  const { shape } = view.step.parameters[parameter].before;
  return Object.entries(worked).map(([place, [numbers, value]]) => {
    const choice = { kind: "weight", parameter, place: Number(place) };
    const name = before + nameOf(parameter, Number(place), shape);
    return row(name, numbers, value, view.isChosen(choice));
  });
}

function row(name, numbers, value, isChosen = false) {
  return { name, numbers, value, isChosen };
}

/** Return a table of name, numbers and value; of many rows the chosen one and the first. */
function workedTable(rows) {
  const chosen = rows.filter((one) => one.isChosen);
  const others = rows.filter((one) => !one.isChosen);
  const few = rows.length <= MOST_ROWS;
  const shown = few ? rows : [...chosen, ...others].slice(0, MOST_ROWS);
  const table = tableOf(
    "worked",
    ["number", "with its numbers", "value"],
    shown.map((one) => [
      html("th", { scope: "row" }, one.name),
      html("td", {}, ...(one.numbers === one.value ? [] : htmlOf(`= ${one.numbers}`))),
      html("td", { class: "result" }, `= ${one.value}`),
    ]),
  );
  shown.forEach((one, place) => {
    table.tBodies[0].rows[place].classList.toggle("is-chosen", one.isChosen);
  });
  if (few) return table;
  const more = `${rows.length - shown.length} more: choose a number in the drawing to see its own.`;
  return html("div", {}, table, html("p", { class: "quiet" }, more));
}

/** Return a formula with its indices lowered and its exponents raised: `z_i`, `e^{z_i}`. */
function htmlOf(formula) {
  const parts = formula.split(/((?<![a-z]{2})_\w+|\^\{[^}]*\})/); // not within leaky_relu
  return parts.map((part) => {
    if (/^_\w/.test(part)) return html("sub", {}, part.slice(1));
    if (part.startsWith("^{")) return html("sup", {}, ...htmlOf(part.slice(2, -1)));
    return part;
  });
}
