// What was clicked: the paths of a weight to the loss, or what a neuron receives and passes on.
"use strict";

/** Fill the panel of what was chosen. */
function showChoice(view, panel, actions) {
  const { chosen } = view;
  const parts = !chosen
    ? []
    : chosen.kind === "weight"
      ? weightParts(view, actions)
      : neuronParts(view);
  panel.replaceChildren(...parts);
}

/** Return sentences about a neuron, or about a number of the input. */
function neuronParts(view) {
  const { layer: number, place } = view.chosen;
  if (number < 0) return inputParts(view, place);
  const layer = view.trace.layers[number];
  const worked = view.step.worked.forward[number][view.sample][place];
  const name = nameOf(layer.name, place, layer.shape);
  const isKnown = knowsOutput(view.position, number);
  if (!isKnown) return [html("h2", {}, name), html("p", {}, "Its turn has not come yet.")];
  if (!worked) return [html("h2", {}, name), html("p", {}, summary(view, number, place))];
  const [, , forward, backward] = worked;
  const sentences = view.gradient(number, place) === null ? [forward] : [forward, backward];
  return [
    html("h2", {}, name),
    ...sentences.map((sentence) => html("p", {}, ...htmlOf(sentence))),
  ];
}

function inputParts(view, place) {
  const name = nameOf("input", place, view.trace.input_shape);
  const gradient = view.gradient(-1, place);
  const first = view.trace.layers[0].name;
  const forward = `It passes ${textOrNot(view.value(-1, place))} on to ${first}.`;
  const back = `The gradient ${textOrNot(gradient)} arrives here: how the loss changes with the input.`;
  const parts = gradient === null ? [forward] : [forward, back];
  return [html("h2", {}, name), ...parts.map((sentence) => html("p", {}, sentence))];
}

/** Return what is known of a number whose formula is not written out. */
function summary(view, layer, place) {
  const gradient = view.gradient(layer, place);
  const back = gradient === null ? "" : `, and δ = ${textOrNot(gradient)} comes back to it`;
  const known = `It gives ${textOrNot(view.value(layer, place))}${back}.`;
  return `${known} The page has formulas with numbers for the largest of this layer.`;
}

/** Return the paths of a weight with their products and sum, or why they are not listed. */
function weightParts(view, actions) {
  const weight = view.weight(view.chosen);
  const value = isHeld(weight.value) ? ` = ${text(weight.value)}` : ` (${NOT_HELD})`;
  const heading = html("h2", {}, `${weight.name}${value}: its paths to the loss`);
  if (!view.knowsPaths()) return [heading, waiting(actions)];
  const listed = view.paths();
  if (!listed) return [heading, ...factoredParts(view)];
  if (!listed.paths.length) {
    return [heading, html("p", {}, "Every path has a rate of 0, and so the gradient is 0.")];
  }
  const several = view.step.samples.length > 1;
  const items = listed.paths.map((path, number) => pathItem(view, path, number, several, actions));
  const relation = listed.agrees ? "=" : "≠";
  const terms = listed.paths.map((path) => inSum(path.product)).join(" + ");
  const total = listed.paths.length > 1 ? `Sum of the paths: ${terms}` : "Sum of the one path";
  const sum = `${total} = ${text(listed.sum)} ${relation} gradient ${text(listed.gradient)}`;
  return [heading, html("ol", { class: "paths" }, ...items), html("p", { id: "path-sum" }, sum)];
}

/** Return a number, or why there is none to be read. */
function textOrNot(value) {
  return isHeld(value) ? text(value) : `… (${NOT_HELD})`;
}

function inSum(value) {
  return value < 0 ? `(${text(value)})` : text(value);
}

/** Return an offer to go on to where the products of the paths are known. */
function waiting(actions) {
  const button = html("button", { type: "button" }, "Go to: after backward");
  button.addEventListener("click", () => actions.goTo("backward"));
  return html("p", {}, "The rates along them are known after the backward pass. ", button);
}

/** Return one path, which lights up alone while it is pressed. */
function pathItem(view, path, number, several, actions) {
  const sample = several ? `sample ${path.sample}: ` : "";
  const button = html(
    "button",
    {
      type: "button",
      "aria-pressed": String(view.onlyPath === number),
      "data-key": `path ${number}`,
    },
    html("span", {}, sample + path.through.join(" → ")),
    html("br"),
    html("code", {}, `${path.numbers} = ${text(path.product)}`),
  );
  button.addEventListener("click", () =>
    actions.lightOnly(view.onlyPath === number ? null : number),
  );
  return html("li", {}, button);
}

/** Return the gradient as what its weight meets times what comes back: all paths at once. */
function factoredParts(view) {
  const { parameter, place } = view.chosen;
  const worked = view.step.worked.gradients[parameter][place];
  const reason = view.step.paths_obstacle ?? "the paths are too many to be listed one by one";
  const whole = "δ, what comes back to the layer, is the sum of all that follows";
  const parts = [html("p", {}, `Not listed: ${reason}. Factored, ${whole}:`)];
  const gradient = textOrNot(view.weight(view.chosen).gradient);
  const numbers = worked ? `${worked[0]} = ${worked[1]}` : gradient;
  return [...parts, html("p", { class: "symbols" }, `gradient = ${numbers}`)];
}
