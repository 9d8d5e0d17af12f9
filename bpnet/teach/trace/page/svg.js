// Make elements of drawings and of the page.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

/** Return an SVG element with attributes and children. */
function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Return an HTML element with attributes and children, which may be texts. */
function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const LARGEST_SCALE = 1.6; // of a small drawing, so that it is seen from the last row

/** Return the size of a drawing: enlarged where there is room, never made smaller. */
function scaled(width, height, room) {
  const scale = Math.min(Math.max(room / width, 1), LARGEST_SCALE);
  return { width: width * scale, height: height * scale, viewBox: `0 0 ${width} ${height}` };
}

/** Return a text of a drawing; what it stands beside names the number for screen readers. */
function label(x, y, words, kind = "") {
  return svg("text", { x, y, class: `label ${kind}`, "aria-hidden": "true" }, words);
}

/** Let a click, Enter and the space bar do the same. */
function makeButton(element, name, action) {
  element.setAttribute("role", "button");
  element.setAttribute("tabindex", "0");
  element.setAttribute("aria-label", name);
  element.addEventListener("click", action);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    action(event);
  });
  return element;
}

/** Return a table of rows; the first of each is its heading. */
function tableOf(kind, headings, rows) {
  const head = headings.map((heading) => html("th", { scope: "col" }, heading));
  const body = rows.map((row) => html("tr", {}, ...row));
  return html(
    "table",
    { class: kind },
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...body),
  );
}
