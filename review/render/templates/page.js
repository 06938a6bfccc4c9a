"use strict";

/* The filter: it hides items, dims nodes and edges of the drawing, and counts the remaining items. */

const form = document.getElementById("filter");
const shownCount = document.getElementById("shown");
form.hidden = false;

const hasItems = (part) => part.querySelector(".item, #canvas .node");
const parts = [...document.querySelectorAll("details")].filter(hasItems);
const unfilteredCounts = new Map(parts.map((part) => [part, part.querySelector(".count").textContent]));

const texts = new WeakMap();

/* Returns the text of an element in lower case. */
function textOf(element) {
  if (!texts.has(element)) {
    texts.set(element, element.textContent.toLowerCase());
  }
  return texts.get(element);
}

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const filtered = Object.values(wanted).some(Boolean);
  const has = (names, name) => !name || names.split(" ").includes(name);
  const text = (wanted.text || "").trim().toLowerCase();
  const fits = (element) =>
    has(element.dataset.stacks, wanted.stack) &&
    has(element.dataset.op, wanted.op) &&
    has(element.dataset.levels, wanted.severity) &&
    (!text || textOf(element).includes(text));
  const nodeFits = (id) => fits(document.getElementById(id));
  const count = (items) => items.reduce((total, item) => total + Number(item.dataset.count || 1), 0);

  for (const item of document.querySelectorAll(".item")) {
    item.hidden = !fits(item);
  }
  for (const row of document.querySelectorAll(".setting-row")) {
    row.hidden = !has(row.dataset.stacks, wanted.stack) || !textOf(row).includes(text);
  }
  for (const node of document.querySelectorAll("#canvas .node")) {
    node.classList.toggle("dim", !fits(node));
  }
  for (const edge of document.querySelectorAll(".edge")) {
    edge.classList.toggle("dim", !nodeFits(edge.dataset.from) || !nodeFits(edge.dataset.to));
  }
  for (const part of parts) {
    const items = [...part.querySelectorAll(".item, #canvas .node")];
    const left = items.filter(fits);
    part.hidden = filtered && !left.length;
    if (filtered && left.length) {
      part.open = true;
    }
    part.querySelector(".count").textContent = filtered
      ? `${count(left)} of ${count(items)}`
      : unfilteredCounts.get(part);
  }
  const left = [...document.querySelectorAll(".item")].filter(fits);
  shownCount.value = filtered ? `${count(left)} shown` : "";
}

form.addEventListener("change", filter);
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());

/* The drawing: columns of boxes, a box for each component, with the nodes of its resources. */

const NODE = { width: 190, height: 50 };
const CELL = { width: 216, height: 58 };
const ROWS = 8; // nodes above each other in a box
const MARGIN = 20;
const PADDING = 18;
const HEADING = 26;
const GAP = 60; // between two columns

function sourcesOf(node) {
  return node.dataset.sources.split(" ").filter(Boolean);
}

/* Returns the boxes by component, with the components that each of them depends on. */
function groupByComponent(svg) {
  const boxes = new Map();
  for (const node of svg.querySelectorAll(".node")) {
    const name = node.dataset.component;
    if (!boxes.has(name)) {
      boxes.set(name, { name, column: 0, nodes: [], sources: new Set() });
    }
    boxes.get(name).nodes.push(node);
    for (const key of sourcesOf(node)) {
      boxes.get(name).sources.add(document.getElementById(key).dataset.component);
    }
  }
  return boxes;
}

/* Puts each box to the right of those that it depends on; a circular dependency stops at the last column. */
function assignColumns(boxes) {
  for (let pass = 0; pass < boxes.size; pass += 1) {
    for (const box of boxes.values()) {
      for (const name of box.sources) {
        const next = boxes.get(name).column + 1;
        if (name !== box.name && next < boxes.size) {
          box.column = Math.max(box.column, next);
        }
      }
    }
  }
}

function draw(svg, name, attributes, text) {
  const element = document.createElementNS(svg.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.textContent = text || "";
  svg.insertBefore(element, svg.querySelector(".node"));
}

/* Draws a box with its heading, moves its nodes into it, and returns its size. */
function placeBox(svg, { name, nodes }, x, y) {
  const width = Math.ceil(nodes.length / ROWS) * CELL.width + PADDING;
  const height = HEADING + Math.min(nodes.length, ROWS) * CELL.height;
  draw(svg, "rect", { class: "box", x, y, rx: 8, width, height });
  draw(svg, "text", { class: "head", x: x + 10, y: y + 17 }, name);
  nodes.forEach((node, index) => {
    node.position = {
      x: x + PADDING + Math.floor(index / ROWS) * CELL.width,
      y: y + HEADING + (index % ROWS) * CELL.height,
    };
    node.setAttribute("transform", `translate(${node.position.x} ${node.position.y})`);
  });
  return { width, height };
}

/* Draws the edge to a node from a node that it depends on; in one column it goes round the left side. */
function drawEdge(svg, source, target) {
  const from = source.position;
  const to = target.position;
  const sameColumn = from.x === to.x;
  const middle = NODE.height / 2;
  const start = { x: sameColumn ? from.x : from.x + NODE.width, y: from.y + middle };
  const end = { x: to.x, y: to.y + middle };
  const bend = sameColumn ? -16 : Math.max(30, (end.x - start.x) / 2);
  const endBend = sameColumn ? end.x - 16 : end.x - bend;
  const inner = source.dataset.component === target.dataset.component;
  draw(svg, "path", {
    class: inner ? "edge inner" : "edge",
    d: `M${start.x} ${start.y} C${start.x + bend} ${start.y} ${endBend} ${end.y} ${end.x} ${end.y}`,
    "data-from": source.id,
    "data-to": target.id,
  });
}

/* Lays out the whole drawing and returns its size. */
function layOut(svg) {
  const boxes = groupByComponent(svg);
  assignColumns(boxes);
  const columns = [...new Set([...boxes.values()].map((box) => box.column))].sort((a, b) => a - b);
  let x = MARGIN;
  let bottom = 0;
  for (const column of columns) {
    let y = MARGIN;
    let right = x;
    for (const box of [...boxes.values()].filter((candidate) => candidate.column === column)) {
      const size = placeBox(svg, box, x, y);
      y += size.height + MARGIN;
      right = Math.max(right, x + size.width);
    }
    bottom = Math.max(bottom, y);
    x = right + GAP;
  }
  for (const node of svg.querySelectorAll(".node")) {
    for (const key of sourcesOf(node)) {
      drawEdge(svg, document.getElementById(key), node);
    }
  }
  return { x: 0, y: 0, width: x - GAP + MARGIN, height: bottom };
}

/* Lets buttons, keys and the pointer move and zoom the drawing. */
function makeMovable(canvas) {
  const svg = canvas.querySelector("svg");
  const whole = layOut(svg);
  let view = { ...whole };

  function show() {
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  }

  function move(x, y) {
    view.x += x;
    view.y += y;
    show();
  }

  function zoom(factor) {
    const width = view.width / factor;
    const height = view.height / factor;
    const x = view.x + (view.width - width) / 2;
    const y = view.y + (view.height - height) / 2;
    view = { x, y, width, height };
    show();
  }

  function showWhole() {
    view = { ...whole };
    show();
  }

  function press(event) {
    const step = view.width / 10;
    const actions = {
      ArrowLeft: () => move(-step, 0),
      ArrowRight: () => move(step, 0),
      ArrowUp: () => move(0, -step),
      ArrowDown: () => move(0, step),
      "+": () => zoom(1.25),
      "-": () => zoom(0.8),
      "0": showWhole,
    };
    if (actions[event.key]) {
      actions[event.key]();
      event.preventDefault();
    }
  }

  function addPointer() {
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      last = event;
      canvas.setPointerCapture(event.pointerId);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => {
        last = null;
      });
    }
    canvas.addEventListener("pointermove", (event) => {
      if (!last) {
        return;
      }
      const scale = Math.max(view.width / canvas.clientWidth, view.height / canvas.clientHeight);
      move((last.clientX - event.clientX) * scale, (last.clientY - event.clientY) * scale);
      last = event;
    });
  }

  function turnWheel(event) {
    if (event.ctrlKey) {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.1 : 0.9);
    }
  }

  show();
  document.querySelector(".tools").hidden = false;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    const factor = Number(button.dataset.zoom);
    button.addEventListener("click", () => (factor ? zoom(factor) : showWhole()));
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    const tenths = Number(button.dataset.move);
    button.addEventListener("click", () => move(0, (tenths * view.height) / 10));
  }
  canvas.addEventListener("keydown", press);
  canvas.addEventListener("wheel", turnWheel, { passive: false });
  addPointer();
}

const canvas = document.getElementById("canvas");
if (canvas) {
  canvas.hidden = false;
  makeMovable(canvas);
}

/* A link to a component opens its part of the page. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

window.addEventListener("hashchange", openTarget);
openTarget();
