// Arrow keys within a drawing: Tab stops once at a group of buttons, arrow keys go on inside.
"use strict";

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LEAST_STEP = 4; // points to the next button, which lies clearly that way
const ASIDE = 3; // how much more a point to the side counts than one ahead
const stops = new Map(); // by the name of a group the key of the button at which Tab stops

/** Make the buttons of a group one tab stop, and let arrow keys lead to the nearest that way. */
function rove(group, name) {
  const buttons = [...group.querySelectorAll('[role="button"]')];
  const keyOf = (button) => button.getAttribute("data-key");
  const stopAt = (stop) =>
    buttons.forEach((button) => button.setAttribute("tabindex", button === stop ? "0" : "-1"));
  stopAt(buttons.find((button) => keyOf(button) === stops.get(name)) ?? buttons[0]);
  group.addEventListener("focusin", (event) => {
    stops.set(name, keyOf(event.target));
    stopAt(event.target);
  });
  group.addEventListener("keydown", (event) => {
    const direction = DIRECTIONS[event.key];
    if (!direction) return;
    event.preventDefault();
    nearest(event.target, buttons, direction)?.focus();
  });
  return group;
}

/** Return the button that is nearest to another in a direction, if there is one. */
function nearest(from, buttons, [right, down]) {
  const [x, y] = middleOf(from);
  let [found, least] = [undefined, Infinity];
  for (const button of buttons) {
    const [dx, dy] = middleOf(button).map((one, axis) => one - [x, y][axis]);
    const [ahead, aside] = [dx * right + dy * down, Math.abs(dx * down) + Math.abs(dy * right)];
    const distance = ahead + ASIDE * aside;
    if (ahead >= LEAST_STEP && distance < least) [found, least] = [button, distance];
  }
  return found;
}

function middleOf(element) {
  const box = element.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}
