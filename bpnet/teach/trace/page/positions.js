// The positions of the slider: forward layer by layer, loss, backward layer by layer, update,
// zeroed gradients; and what is known at each.
"use strict";

/** Return all positions of all steps, in order. */
function positionsOf(trace) {
  const layers = trace.layers.map((_, layer) => layer);
  return trace.steps.flatMap((_, step) => [
    { step, kind: "start" },
    ...layers.map((layer) => ({ step, kind: "forward", layer })),
    { step, kind: "loss" },
    { step, kind: "loss-gradient" },
    ...[...layers].reverse().map((layer) => ({ step, kind: "backward", layer })),
    { step, kind: "update" },
    { step, kind: "zero" },
  ]);
}

/** Return what a position is called. */
function titleOf(trace, position) {
  const name = position.layer === undefined ? "" : trace.layers[position.layer].name;
  const step = trace.steps[position.step];
  const title = {
    start: "Start: the input and the weights",
    forward: `Forward: ${name}`,
    loss: "The loss",
    "loss-gradient": "Backward begins: the gradient of the loss",
    backward: `Backward: ${name}`,
    update: "Update: the weights move",
    zero: "The gradients are set to zero",
  }[position.kind];
  return trace.steps.length > 1 ? `Step ${step.step}. ${title}` : title;
}

const ORDER = ["start", "forward", "loss", "loss-gradient", "backward", "update", "zero"];

/** Return whether a position is at or behind the first of a kind in its step. */
function isAtLeast(position, kind) {
  return ORDER.indexOf(position.kind) >= ORDER.indexOf(kind);
}

/** Return whether the output of a layer is known. */
function knowsOutput(position, layer) {
  if (position.kind === "forward") return layer <= position.layer;
  return layer < 0 || isAtLeast(position, "loss");
}

/** Return whether ∂C/∂output of a layer is known; layer −1 is the input. */
function knowsGradient(position, layer, last) {
  if (position.kind === "loss-gradient") return layer === last;
  if (position.kind === "backward") return layer >= position.layer - 1;
  return isAtLeast(position, "update");
}

/** Return whether the gradients of a layer's weights are known. */
function knowsWeightGradient(position, layer) {
  if (position.kind === "backward") return layer >= position.layer;
  return isAtLeast(position, "update");
}

/** Return the array of a layer's outputs in a step; layer −1 is the input. */
function outputsOf(step, layer) {
  return layer < 0 ? step.inputs : step.outputs[layer];
}

/** Return the array of ∂C/∂output of a layer in a step; layer −1 is the input. */
function gradientsOf(step, layer) {
  return layer < 0 ? step.grad_inputs : step.grad_outputs[layer];
}
