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
   * @param onPen called with words when the keyboard's pen touches the paper or leaves it.
   */
  constructor(canvas, onChange, onPen) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.onPen = onPen;
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
    canvas.addEventListener("pointerdown", (event) => this.onPointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.onPointerMove(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => {
        if (event.pointerId === this.pointer) this.pointer = null;
      });
    }
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    for (const change of ["focus", "blur"]) canvas.addEventListener(change, () => this.show());
  }

  onPointerDown(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.penIsDown = false;
    this.beginStroke(this.placeOf(event));
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
  }

  onPointerMove(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of events.length ? events : [event]) this.strokes.at(-1).push(this.placeOf(one));
    this.changed();
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const {clientLeft: border, clientWidth: width, clientHeight: height} = this.canvas;
    const x = ((event.clientX - box.left - border) * SIDE) / width;
    return [x, ((event.clientY - box.top - border) * SIDE) / height];
  }

  /** Move the keyboard's pen, put it down or lift it, undo or clear. */
  onKey(event) {
    const {key} = event;
    const isUndo = key === "z" && (event.ctrlKey || event.metaKey);
    if (event.altKey || ((event.ctrlKey || event.metaKey) && !isUndo)) return;
    if (key in ARROWS) this.move(ARROWS[key], event.shiftKey ? STEP / 4 : STEP);
    else if (key === " " || key === "Enter") this.penIsDown ? this.lift() : this.lower();
    else if (key === "Backspace" || isUndo) this.undo();
    else if (key === "Delete") this.clear();
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
    this.beginStroke(this.cursor);
    this.penIsDown = true;
    this.onPen("pen down");
  }

  lift() {
    this.penIsDown = false;
    this.onPen("pen up");
    this.show();
  }

  beginStroke(place) {
    this.example = null;
    this.cursor = place;
    this.strokes.push([place]);
    this.changed();
  }

  /** Take back the last stroke. */
  undo() {
    this.letGo();
    if (this.example) this.example = null;
    else this.strokes.pop();
    this.changed();
  }

  clear() {
    this.showExample(null);
  }

  /** Show a picture {height, width, pixels}, or nothing, and not what was drawn. */
  showExample(example) {
    this.letGo();
    this.strokes = [];
    this.example = example;
    this.changed();
  }

  /** End the stroke that is being drawn, whatever draws it. */
  letGo() {
    this.pointer = null;
    this.penIsDown = false;
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
    const sharpness = Math.max(1, Math.min(3, Math.round(window.devicePixelRatio)));
    this.canvas.width = this.canvas.height = sharpness * SIDE; // which also clears it
    const context = this.canvas.getContext("2d");
    context.scale(sharpness, sharpness);
    if (this.example) this.drawExample(context);
    this.drawStrokes(context, getComputedStyle(this.canvas).color);
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) {
      this.drawCursor(context);
    }
  }

  drawExample(context) {
    const {height, width} = this.example;
    const scale = SIDE / Math.max(height, width);
    const place = [(SIDE - scale * width) / 2, (SIDE - scale * height) / 2];
    context.imageSmoothingEnabled = false;
    context.drawImage(pictureOf(this.example), ...place, scale * width, scale * height);
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
    context.strokeStyle = context.fillStyle = "royalblue";
    context.beginPath();
    context.arc(...this.cursor, this.penWidth / 2, 0, 2 * Math.PI);
    if (this.penIsDown) context.fill();
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
