// The table of weights and gradients at a position, as tutorials print it at four moments.
"use strict";

const MOST_LISTED = 16; // numbers of a parameter, one per row

/** Fill the table, and say what it shows. */
function showWeights(view, sentence, table, choose) {
  sentence.textContent = momentOf(view);
  const names = Object.keys(view.step.parameters);
  if (!names.length) return table.replaceChildren(html("p", {}, "This network has no weights."));
  const rows = names.flatMap((name) => parameterRows(view, name, choose));
  const made = tableOf(
    "",
    ["weight", "value", "gradient"],
    rows.map((one) => one.cells),
  );
  rows.forEach((one, place) => {
    made.tBodies[0].rows[place].classList.toggle("is-chosen", one.isChosen);
  });
  return table.replaceChildren(made);
}

/** Return what the table shows at a position. */
function momentOf(view) {
  const { position } = view;
  if (position.kind === "zero") {
    return (
      "After zero: the gradients are 0. Tutorials whose library adds gradients up must do this; " +
      "bpnet overwrites them in every step instead."
    );
  }
  if (position.kind === "update")
    return "After the step: the weights have moved, the gradients are as they were.";
  if (position.kind === "backward") {
    return position.layer > 0
      ? "During backward: gradients as far as they are known."
      : "After backward: every weight has its gradient.";
  }
  return "Before backward: no gradient of this step is known.";
}

/** Return a row for each number of a parameter, or one with pictures where they are many. */
function parameterRows(view, parameter, choose) {
  const { shape } = view.step.parameters[parameter].before;
  if (count(shape) > MOST_LISTED) return [pictureRow(view, parameter, shape, choose)];
  return Array.from({ length: count(shape) }, (_, place) => {
    const choice = { kind: "weight", parameter, place };
    const weight = view.weight(choice);
    const button = html(
      "button",
      { type: "button", "data-key": `row ${weight.name}` },
      weight.name,
    );
    button.addEventListener("click", () => choose(choice));
    return {
      isChosen: view.isChosen(choice),
      cells: [
        html("th", { scope: "row" }, button),
        html("td", { class: "value" }, text(weight.value)),
        html(
          "td",
          { class: "gradient" },
          weight.gradient === null ? "none" : text(weight.gradient),
        ),
      ],
    };
  });
}

/** Return a row with pictures of a large parameter and its gradient. */
function pictureRow(view, parameter, shape, choose) {
  const of = (kind) => {
    const array = view.parameterArray(parameter, kind);
    if (!array) return html("td", {}, "none");
    return html("td", {}, parameterPicture(view, parameter, kind, array, choose));
  };
  const heading = html("th", { scope: "row" }, parameter, html("br"), shape.join("×"));
  return { isChosen: false, cells: [heading, of("value"), of("gradient")] };
}

/** Return the shape in which a parameter is drawn: weights that look at pictures as pictures. */
function pictureShape(view, parameter, shape) {
  const before = view.trace.layers[layerOf(parameter) - 1];
  const looksAtPictures =
    shape.length === 2 && before?.kind === "flatten" && before.input_shape.length === 3;
  return looksAtPictures ? [shape[0], ...before.input_shape] : shape;
}

function parameterPicture(view, parameter, kind, array, choose) {
  const { shape } = array;
  const shades = shadesOf(array);
  const drawn = pictureShape(view, parameter, shape);
  const [width, height] = sizeOf(layoutOf(drawn));
  const choice = (place) => ({ kind: "weight", parameter, place });
  const picture = drawArray(numbersOf(array), shades, drawn, {
    name: `${kind} of ${parameter}`,
    cellName: (place) => nameOf(parameter, place, shape),
    isLit: () => false,
    chosen: view.chosen?.parameter === parameter ? view.chosen.place : -1,
    choose: (place) => choose(choice(place)),
  });
  const { least, most } = rangeOf(array);
  const drawing = svg(
    "svg",
    { width: width + 4, height: height + 4, viewBox: `-2 -2 ${width + 4} ${height + 4}` },
    picture,
  );
  return html(
    "figure",
    {},
    drawing,
    html("figcaption", {}, `${text(least, 3)} to ${text(most, 3)}`),
  );
}
