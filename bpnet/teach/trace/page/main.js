// Start the page: what is chosen and where the slider stands, and what follows when it changes.
"use strict";

const TRACE = JSON.parse(document.getElementById("trace").textContent);
const POSITIONS = positionsOf(TRACE);
const MOST_PLAYED = 16; // places of a window that are shown one by one
const PAUSE = 1400; // milliseconds between positions while playing
const state = { position: 0, sample: 0, chosen: null, onlyPath: null, timer: null };
const at = (name) => document.getElementById(name);

/** Return whether two choices are the same. */
function isSame(one, other) {
  if (!one || !other) return false;
  const { kind, layer, parameter, place } = other;
  return (
    one.kind === kind && one.layer === layer && one.parameter === parameter && one.place === place
  );
}

/** Return everything that the drawings and panels ask about the state. */
function viewOf({ position: number, sample, chosen, onlyPath }) {
  const position = POSITIONS[number];
  const step = TRACE.steps[position.step];
  const last = TRACE.layers.length - 1;
  const view = { trace: TRACE, step, position, sample, chosen, onlyPath };
  view.room = at("network").clientWidth;
  view.value = (layer, place) =>
    knowsOutput(position, layer) ? ofSample(outputsOf(step, layer), sample)[place] : null;
  view.gradient = (layer, place) =>
    knowsGradient(position, layer, last) ? ofSample(gradientsOf(step, layer), sample)[place] : null;
  view.parameterArray = (parameter, kind) => parameterArray(view, parameter, kind);
  view.weight = (choice) => describeWeight(view, choice);
  view.isChosen = (choice) => isSame(chosen, choice);
  view.spoken = (name, value, gradient) =>
    [
      name,
      isHeld(value) ? `, value ${text(value)}` : "",
      isHeld(gradient) ? `, gradient ${text(gradient)}` : "",
    ].join("");
  view.knowsPaths = () =>
    position.kind === "backward" ? position.layer === 0 : isAtLeast(position, "update");
  view.paths = () => pathsOf(view);
  view.shownWindow = () => shownWindow(view);
  addLight(view);
  return view;
}

/** Return the layer that a parameter belongs to, from 0. */
function layerOf(parameter) {
  return parseInt(parameter, 10) - 1;
}

/** Return a parameter or its gradient at a position, or null where it is not known yet. */
function parameterArray({ step, position }, parameter, kind) {
  const { before, grad, after, zeros } = step.parameters[parameter];
  if (kind === "value") return isAtLeast(position, "update") ? after : before;
  if (position.kind === "zero") return zeros;
  return knowsWeightGradient(position, layerOf(parameter)) ? grad : null;
}

/** Give every parameter the array that its gradient is set to at last. */
function addZeros(trace) {
  for (const step of trace.steps) {
    for (const traced of Object.values(step.parameters)) {
      const { shape } = traced.grad;
      traced.zeros = { shape, values: Array(count(shape)).fill(0) };
    }
  }
}

/** Return name, value and gradient of a weight at a position; NaN for what is not held. */
function describeWeight(view, { parameter, place }) {
  const name = nameOf(parameter, place, view.step.parameters[parameter].before.shape);
  const value = numbersOf(parameterArray(view, parameter, "value"))[place];
  const known = parameterArray(view, parameter, "gradient");
  const gradient = known && numbersOf(known)[place];
  return { name, value, gradient, spoken: view.spoken(name, value, gradient) };
}

/** Return the window that is shown: the chosen one, or the first of the layer whose turn it is. */
function shownWindow({ trace, position, chosen }) {
  const slides = (layer) => layer !== undefined && layer >= 0 && trace.layers[layer]?.windows;
  if (chosen?.kind === "neuron" && slides(chosen.layer)) return chosen;
  return slides(position.layer) ? { kind: "neuron", layer: position.layer, place: 0 } : null;
}

/** Change the state and draw everything anew; what had the focus keeps it. */
function change(changes) {
  Object.assign(state, changes);
  const focused = document.activeElement?.getAttribute("data-key");
  const scrolled = at("network").scrollLeft;
  const view = viewOf(state);
  const draw = TRACE.drawing === "neurons" ? drawNeurons : drawBoxes;
  at("network").replaceChildren(draw(view, choose));
  at("network").scrollLeft = scrolled;
  showPosition(view);
  showSamples(view);
  explain(view, at("explanation"));
  showWindow(view, at("window"), choose);
  showChoice(view, at("chosen"), { goTo, lightOnly });
  showWeights(view, at("moment"), at("weights"), choose);
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** Light up one of the listed paths and show its sample; null for all. */
function lightOnly(onlyPath) {
  const view = viewOf(state);
  const sample = view.paths().paths[onlyPath]?.sample;
  const place = view.step.samples.indexOf(sample);
  change({ onlyPath, sample: place < 0 ? state.sample : place });
}

/** Choose a neuron or weight; the chosen one is let go. */
function choose(choice) {
  change({ chosen: isSame(state.chosen, choice) ? null : choice, onlyPath: null });
}

/** Show where the slider stands. */
function showPosition(view) {
  const title = titleOf(TRACE, view.position);
  const slider = at("position");
  slider.value = state.position;
  slider.setAttribute("aria-valuetext", title);
  at("position-name").textContent = `${state.position + 1} / ${POSITIONS.length}: ${title}`;
  at("previous").disabled = state.position === 0;
  at("next").disabled = state.position === POSITIONS.length - 1;
  for (const button of document.querySelectorAll("[data-moment]")) {
    button.setAttribute(
      "aria-pressed",
      String(state.position === placeOfMoment(button.dataset.moment)),
    );
  }
}

/** Return the position of a moment in the step that is shown. */
function placeOfMoment(moment) {
  const { step } = POSITIONS[state.position];
  return POSITIONS.findIndex(
    (one) => one.step === step && one.kind === moment && (one.layer ?? 0) === 0,
  );
}

function goTo(moment) {
  moveBy(placeOfMoment(moment) - state.position);
}

/** Move by some positions and bring what is current into sight. */
function moveBy(positions) {
  const position = Math.min(Math.max(state.position + positions, 0), POSITIONS.length - 1);
  const { step } = POSITIONS[position];
  const isAsLarge = state.sample < TRACE.steps[step].samples.length; // a last batch may be smaller
  const isSameStep = step === POSITIONS[state.position].step; // whose paths have their numbers
  change({
    position,
    sample: isAsLarge ? state.sample : 0,
    onlyPath: isSameStep ? state.onlyPath : null,
  });
  const current = at("network").querySelector(".is-current");
  if (!current) return;
  const [box, room] = [current.getBoundingClientRect(), at("network").getBoundingClientRect()];
  at("network").scrollLeft += box.left + box.width / 2 - room.left - room.width / 2;
}

/** Offer the samples of the step that is shown. */
function showSamples({ step, position, sample: shown }) {
  const { samples } = step;
  if (at("sample").dataset.step !== String(position.step)) {
    const option = (sample, place) => html("option", { value: place }, String(sample));
    at("sample").replaceChildren(...samples.map(option));
    at("sample").dataset.step = position.step;
    at("sample-choice").hidden = samples.length < 2;
  }
  at("sample").value = shown;
}

/** Start or stop playing. */
function play(isPlaying) {
  clearInterval(state.timer);
  state.timer = isPlaying ? setInterval(playOn, PAUSE) : null;
  at("play").setAttribute("aria-pressed", String(isPlaying));
  at("position-name").setAttribute("aria-live", isPlaying ? "off" : "polite");
  at("play").textContent = isPlaying ? "❚❚ Pause" : "▶ Play";
}

/** Go on by a position; where a window slides over few places, by a place. */
function playOn() {
  const view = viewOf(state);
  const [shown, { kind, layer }] = [shownWindow(view), view.position];
  const places = shown ? count(TRACE.layers[shown.layer].shape) : 0;
  const isSliding = kind === "forward" && shown?.layer === layer && places <= MOST_PLAYED;
  if (isSliding && shown.place + 1 < places) return choose({ ...shown, place: shown.place + 1 });
  if (shown) state.chosen = null;
  moveBy(1);
  if (state.position === POSITIONS.length - 1) play(false);
}

function start() {
  addZeros(TRACE);
  at("interactive").hidden = false;
  at("position").max = POSITIONS.length - 1;
  at("position").addEventListener("input", () => moveBy(at("position").value - state.position));
  at("previous").addEventListener("click", () => moveBy(-1));
  at("next").addEventListener("click", () => moveBy(1));
  at("play").addEventListener("click", () => {
    if (state.position === POSITIONS.length - 1) moveBy(-state.position);
    play(state.timer === null);
  });
  at("sample").addEventListener("change", () =>
    change({ sample: Number(at("sample").value), onlyPath: null }),
  );
  for (const button of document.querySelectorAll("[data-moment]")) {
    button.addEventListener("click", () => goTo(button.dataset.moment));
  }
  const isSmall = TRACE.drawing === "neurons";
  at("legend").textContent = isSmall
    ? "Choose a neuron or a weight, by click or by Tab, arrow keys and Enter."
    : "Blue is positive, orange negative, strong is large. " +
      "Choose a number, by click or by Tab, arrow keys and Enter.";
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => change({}));
  addEventListener("resize", () => change({}));
  change({});
}

start();
