// What lights up in the drawing: the paths of the chosen weight to the loss.
"use strict";

/** Return the listed paths of the chosen weight, or undefined. */
function pathsOf({ step, chosen }) {
  if (chosen?.kind !== "weight" || !step.paths) return undefined;
  const { shape } = step.parameters[chosen.parameter].before;
  return step.paths[nameOf(chosen.parameter, chosen.place, shape)];
}

/** Let a view know which names and edges light up. */
function addLight(view) {
  const isUnlisted = view.chosen?.kind === "weight" && !pathsOf(view);
  const isWhole = isUnlisted && view.trace.drawing === "neurons";
  const { names, edges } = isWhole ? waysOnward(view) : listedWays(view);
  view.isLitName = (name) => names.has(name);
  view.isLitEdge = ({ from, to, weight, steps }) => {
    if (steps) return steps.some((step) => edges.has(step));
    const own = weight && describeWeight(view, weight).name;
    return edges.has(`${from.name}→${to.name}`) || edges.has(`${own}→${to.name}`);
  };
}

/** Return names and edges of the listed paths: of the shown sample, or of the one pressed. */
function listedWays(view) {
  const paths = (pathsOf(view)?.paths ?? []).filter((path, number) =>
    view.onlyPath === null
      ? path.sample === view.step.samples[view.sample]
      : number === view.onlyPath,
  );
  const edges = paths.flatMap(({ through }) =>
    through.slice(1).map((name, place) => `${through[place]}→${name}`),
  );
  return { names: new Set(paths.flatMap((path) => path.through)), edges: new Set(edges) };
}

/** Return names and edges of all ways from a weight whose paths are too many to be listed. */
function waysOnward({ trace, step, chosen }) {
  const { parameter, place } = chosen;
  const { shape } = step.parameters[parameter].before;
  const { name, shape: outputs } = trace.layers[layerOf(parameter)];
  const weight = nameOf(parameter, place, shape);
  const neuron = nameOf(name, indexOf(place, shape)[0], outputs);
  const names = new Set([weight, neuron]);
  const edges = new Set([`${weight}→${neuron}`]);
  for (const { from, to, steps } of neuronGraph(trace).edges) {
    if (!names.has(from.name)) continue;
    names.add(to.name);
    edges.add(steps ? steps[0] : `${from.name}→${to.name}`);
  }
  return { names, edges };
}
