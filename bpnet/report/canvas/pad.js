/* The canvas on which the reader draws, by mouse, finger, pen or keyboard. */

"use strict";

const SIDE = 280; // of the canvas, in its own pixels
const STEP = 8; // of the keyboard's pen; a quarter of it with Shift
const ARROWS = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]};

class Pad {
  /**
   * Let strokes be drawn on a canvas.
   *
   * @param canvas what the reader sees.
   * @param onChange called whenever there is something else on it.
   */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.penWidth = 20;
    this.strokes = []; // lists of points [x, y]
    this.example = null; // a picture that is shown instead: {height, width, pixels}
    this.pointer = null; // which one is drawing
    this.cursor = [SIDE / 2, SIDE / 2];
    this.penIsDown = false; // the keyboard's
    this.paper = document.createElement("canvas"); // where ink is, and nothing else
    this.paper.width = this.paper.height = SIDE;
    this.listen();
    this.show();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { this.pointer = null; });
    }
    canvas.addEventListener("keydown", (event) => this.press(event));
    for (const change of ["focus", "blur"]) canvas.addEventListener(change, () => this.show());
  }

  begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.penIsDown = false;
    this.start(this.placeOf(event));
  }

  go(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of events.length ? events : [event]) this.strokes.at(-1).push(this.placeOf(one));
    this.changed();
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = SIDE / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  /** Move the keyboard's pen, put it down or lift it, undo or clear. */
  press(event) {
    const {key} = event;
    if (key in ARROWS) this.move(ARROWS[key], event.shiftKey ? STEP / 4 : STEP);
    else if (key === " " || key === "Enter") this.penIsDown ? this.lift() : this.lower();
    else if (key === "Backspace" || (key === "z" && (event.ctrlKey || event.metaKey))) this.undo();
    else if (key === "Delete" || key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  move(direction, step) {
    this.cursor = this.cursor.map((place, axis) => {
      return Math.min(Math.max(place + step * direction[axis], 0), SIDE);
    });
    if (!this.penIsDown) return this.show();
    this.strokes.at(-1).push(this.cursor);
    return this.changed();
  }

  lower() {
    this.penIsDown = true;
    this.start(this.cursor);
  }

  lift() {
    this.penIsDown = false;
    this.show();
  }

  /** Begin a stroke. */
  start(place) {
    this.example = null;
    this.cursor = place;
    this.strokes.push([place]);
    this.changed();
  }

  /** Take back the last stroke. */
  undo() {
    this.penIsDown = false;
    if (this.example) this.example = null;
    else this.strokes.pop();
    this.changed();
  }

  clear() {
    this.penIsDown = false;
    this.example = null;
    this.strokes = [];
    this.changed();
  }

  /** Show a picture {height, width, pixels}, and not what was drawn. */
  showExample(example) {
    this.clear();
    this.example = example;
    this.changed();
  }

  get isEmpty() {
    return this.example === null && this.strokes.length === 0;
  }

  changed() {
    this.show();
    this.onChange();
  }

  /** Return the drawn ink as a plane. */
  ink() {
    const context = this.paper.getContext("2d", {willReadFrequently: true});
    context.clearRect(0, 0, SIDE, SIDE);
    this.drawStrokes(context, "black");
    const {data} = context.getImageData(0, 0, SIDE, SIDE);
    const ink = plane(SIDE, SIDE);
    for (let place = 0; place < SIDE * SIDE; place += 1) ink.values[place] = data[4 * place + 3] / 255;
    return ink;
  }

  show() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, SIDE, SIDE);
    if (this.example) {
      context.imageSmoothingEnabled = false;
      context.drawImage(pictureOf(this.example), 0, 0, SIDE, SIDE);
    }
    this.drawStrokes(context, getComputedStyle(this.canvas).color);
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) {
      this.drawCursor(context);
    }
  }

  drawStrokes(context, colour) {
    context.strokeStyle = colour;
    context.lineWidth = this.penWidth;
    context.lineCap = context.lineJoin = "round";
    for (const [first, ...others] of this.strokes) {
      context.beginPath();
      context.moveTo(...first);
      context.lineTo(...first); // a dot, where there is no more
      for (const place of others) context.lineTo(...place);
      context.stroke();
    }
  }

  drawCursor(context) {
    context.lineWidth = 2;
    context.strokeStyle = this.penIsDown ? "crimson" : "royalblue";
    context.beginPath();
    context.arc(...this.cursor, this.penWidth / 2, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Return a canvas that shows a picture of greys {height, width, pixels}. */
function pictureOf({height, width, pixels}, canvas = document.createElement("canvas")) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  pixels.forEach((grey, place) => image.data.set([grey, grey, grey, 255], 4 * place));
  context.putImageData(image, 0, 0);
  return canvas;
}
