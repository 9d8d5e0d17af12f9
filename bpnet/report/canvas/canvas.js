/* Draw a digit, and see at once what the network makes of it. */

"use strict";

const data = JSON.parse(document.getElementById("canvas-data").textContent);
const element = (id) => document.getElementById(id);
const pad = new Pad(element("pad"), update, say);
const QUIET = 600; // milliseconds without a change after which an answer is read aloud
let network = null;
let figures = [];
let isDue = false;
let speaking = 0; // the timer of what will be read aloud

/** Answer what is on the pad, once per frame of the screen. */
function update() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    answer();
  });
}

/** Return what the network is shown: greys, and why they may be no digit. */
function seenBy({form}) {
  if (pad.example) return {pixels: pad.example.pixels};
  const ink = cropToInk(pad.ink());
  if (!ink) return {pixels: null};
  const doubt = form.strokes && !isDigitShaped(ink) ? "a line or a scribble" : null;
  return {pixels: prepare(ink, form), doubt};
}

/** Show what the network sees, what it answers, and what goes through it. */
function answer() {
  const start = performance.now();
  const {pixels, doubt} = pad.isEmpty ? {pixels: null} : seenBy(network);
  for (const id of ["undo", "clear"]) element(id).setAttribute("aria-disabled", pad.isEmpty);
  const [height, width] = network.form.frame;
  const blank = new Uint8Array(height * width).fill(network.form.paper);
  pictureOf({height, width, pixels: pixels ?? blank}, element("seen"));
  const outputs = pixels ? forward(network, pixels) : null;
  const chances = outputs ? probabilities(network, outputs.at(-1)) : null;
  const words = inWords(chances, doubt);
  element("answer").textContent = words;
  clearTimeout(speaking);
  speaking = setTimeout(() => say(words), QUIET);
  showChances(chances, doubt);
  showActivations(outputs);
  const time = performance.now() - start;
  element("time").textContent = pixels ? `${time.toFixed(0)} ms` : "";
  element("time").dataset.milliseconds = time;
}

/** Let screen readers read something aloud. */
function say(words) {
  element("spoken").textContent = words;
}

/** Show what comes out of every layer; zeros where there is nothing on the pad. */
function showActivations(outputs) {
  figures.forEach((canvas, n) => {
    const {output_shape: shape} = network.layers[n];
    const size = shape.reduce((product, side) => product * side, 1);
    if (canvas) drawActivations(canvas, outputs ? outputs[n] : new Float32Array(size), shape);
  });
}

/** Return the number of the most probable class. */
function best(chances) {
  return chances.indexOf(chances.reduce((a, b) => Math.max(a, b)));
}

/** Return whether there is an answer: of a class, and with a probability that is worth a name. */
function isSure(chances, doubt) {
  const none = network.knows_others && best(chances) === chances.length - 1;
  return !doubt && !none && chances[best(chances)] >= network.least_probability;
}

/** Return the answer as a sentence. */
function inWords(chances, doubt) {
  if (!chances) return `Draw ${network.form.strokes ? "a digit" : "something"}.`;
  const percent = (n) => `${(100 * chances[n]).toFixed(1)} %`;
  if (isSure(chances, doubt)) return `${network.classes[best(chances)]}, ${percent(best(chances))}`;
  if (doubt) return `not sure: this looks like ${doubt}`;
  if (network.knows_others && best(chances) === chances.length - 1) {
    return "not sure: this looks like no digit";
  }
  return `not sure: perhaps ${network.classes[best(chances)]}, ${percent(best(chances))}`;
}

/** Show a bar per class. */
function showChances(chances, doubt) {
  const rows = element("chances").querySelectorAll("tr");
  rows.forEach((row, n) => {
    const chance = chances ? chances[n] : 0;
    row.querySelector(".bar").style.width = `${(100 * chance).toFixed(1)}%`;
    row.querySelector(".percent").textContent = chances ? `${(100 * chance).toFixed(1)} %` : "";
    row.classList.toggle("is-best", Boolean(chances) && isSure(chances, doubt) && n === best(chances));
  });
}

/** Make a row of the table for every class. */
function makeRows() {
  element("chances").replaceChildren(...network.classes.map((name) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const bar = document.createElement("td");
    bar.append(document.createElement("span"));
    bar.firstChild.className = "bar";
    const percent = document.createElement("td");
    percent.className = "percent";
    row.append(head, bar, percent);
    return row;
  }));
}

/** Make a button for every example picture. */
function makeExamples() {
  element("examples").replaceChildren(...network.examples.map(({label, pixels}) => {
    const [height, width] = network.form.frame;
    const example = {height, width, pixels: bytesOf(pixels)};
    const button = document.createElement("button");
    const picture = pictureOf(example);
    picture.className = "pixels";
    button.type = "button";
    button.setAttribute("aria-label", `example: ${label}`);
    button.append(picture);
    button.addEventListener("click", () => pad.showExample(example));
    return button;
  }));
}

/** Let this network of the page answer from now on, to what is drawn already, too. */
function choose(number) {
  network = unpacked(data.networks[number]);
  pad.penWidth = network.form.strokes ? 20 : 44;
  element("rounding").textContent = network.bits < 32 ? `Its weights are rounded to ${network.bits} bits.` : "";
  makeRows();
  makeExamples();
  figures = activationFigures(network, element("activations"));
  if (pad.example) pad.clear();
  pad.changed();
}

function begin() {
  data.networks.forEach(({name}, number) => element("network").append(new Option(name, number)));
  element("choice").hidden = data.networks.length < 2;
  element("network").addEventListener("change", (event) => choose(Number(event.target.value)));
  element("undo").addEventListener("click", () => pad.undo());
  element("clear").addEventListener("click", () => pad.clear());
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => pad.show());
  choose(0);
  element("canvas").hidden = false;
}

begin();
