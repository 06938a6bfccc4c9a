"use strict";
const form = document.getElementById("filter");
const shown = document.getElementById("shown");
form.hidden = false;
const parts = [...document.querySelectorAll("details")].filter((each) => each.querySelector(".item, .node"));
const counts = new Map(parts.map((each) => [each, each.querySelector(".count").textContent]));
function filter() {
  const want = Object.fromEntries(new FormData(form));
  const has = (words, word) => !word || words.split(" ").includes(word);
  const fits = ({ dataset }) => has(dataset.stacks, want.stack) && has(dataset.op, want.op) && has(dataset.levels, want.severity);
  const sum = (list) => list.reduce((total, each) => total + Number(each.dataset.count || 1), 0);
  const filtered = Object.values(want).some(Boolean);
  for (const each of document.querySelectorAll(".item")) each.hidden = !fits(each);
  for (const each of document.querySelectorAll(".node")) each.classList.toggle("dim", !fits(each));
  for (const each of document.querySelectorAll(".edge")) {
    each.classList.toggle("dim", [each.dataset.from, each.dataset.to].some((id) => !fits(document.getElementById(id))));
  }
  for (const part of parts) {
    const all = [...part.querySelectorAll(".item, .node")], left = all.filter(fits);
    part.hidden = filtered && !left.length;
    if (filtered && left.length) part.open = true;
    part.querySelector(".count").textContent = filtered ? `${sum(left)} of ${sum(all)}` : counts.get(part);
  }
  shown.value = filtered ? `${sum([...document.querySelectorAll(".item")].filter(fits))} shown` : "";
}
form.addEventListener("change", filter);
form.addEventListener("submit", (event) => event.preventDefault());

/* Puts the nodes into columns of components, each to the right of what it depends on as far as that has no
   circle, and draws the edges; the size of it all. */
function place(svg) {
  const width = 216, height = 58, head = 26, gap = 60, rows = 8, boxes = new Map();
  const draw = (name, values, text) => {
    const made = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    made.textContent = text || "";
    svg.insertBefore(made, svg.querySelector(".node"));
  };
  for (const node of svg.querySelectorAll(".node")) {
    const name = node.dataset.component;
    if (!boxes.has(name)) boxes.set(name, { name, column: 0, nodes: [], sources: new Set() });
    boxes.get(name).nodes.push(node);
    for (const key of node.dataset.sources.split(" ").filter(Boolean)) boxes.get(name).sources.add(document.getElementById(key).dataset.component);
  }
  for (const _ of boxes) for (const box of boxes.values()) for (const name of box.sources) {
    const next = boxes.get(name).column + 1;
    if (name !== box.name && next < boxes.size) box.column = Math.max(box.column, next);
  }
  let x = 20, bottom = 0;
  const columns = [...new Set([...boxes.values()].map((each) => each.column))].sort((one, other) => one - other);
  for (const column of columns) {
    let y = 20, right = x;
    for (const { name, nodes } of [...boxes.values()].filter((each) => each.column === column)) {
      const size = { width: Math.ceil(nodes.length / rows) * width + 18, height: head + Math.min(nodes.length, rows) * height };
      draw("rect", { class: "box", x, y, rx: 8, ...size });
      draw("text", { class: "head", x: x + 10, y: y + 17 }, name);
      nodes.forEach((node, index) => {
        node.at = { x: x + 18 + Math.floor(index / rows) * width, y: y + head + (index % rows) * height };
        node.setAttribute("transform", `translate(${node.at.x} ${node.at.y})`);
      });
      y += size.height + 20;
      right = Math.max(right, x + size.width);
    }
    bottom = Math.max(bottom, y);
    x = right + gap;
  }
  for (const node of svg.querySelectorAll(".node")) for (const key of node.dataset.sources.split(" ").filter(Boolean)) {
    const source = document.getElementById(key), { x, y } = source.at, to = node.at, inner = source.dataset.component === node.dataset.component;
    const below = x === to.x, x0 = below ? x : x + 190, y0 = y + 25, y1 = to.y + 25; // in its own column it goes round the left side
    const bend = below ? -16 : Math.max(30, (to.x - x0) / 2), end = below ? to.x - 16 : to.x - bend;
    draw("path", { class: inner ? "edge inner" : "edge", d: `M${x0} ${y0} C${x0 + bend} ${y0} ${end} ${y1} ${to.x} ${y1}`, "data-from": key, "data-to": node.id });
  }
  return { x: 0, y: 0, width: x - gap + 20, height: bottom };
}

const canvas = document.getElementById("canvas");
if (canvas) {
  canvas.hidden = false;
  const svg = canvas.querySelector("svg"), size = place(svg);
  let view = { ...size };
  const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  const zoom = (factor) => {
    if (!factor) view = { ...size };
    else {
      const width = view.width / factor, height = view.height / factor;
      view = { x: view.x + (view.width - width) / 2, y: view.y + (view.height - height) / 2, width, height };
    }
    show();
  };
  const move = (x, y) => { view.x += x; view.y += y; show(); };
  show();
  document.querySelector(".tools").hidden = false;
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", () => move(0, Number(button.dataset.move) * view.height / 10));
  canvas.addEventListener("keydown", (event) => {
    const step = view.width / 10;
    const keys = { ArrowLeft: () => move(-step, 0), ArrowRight: () => move(step, 0), ArrowUp: () => move(0, -step), ArrowDown: () => move(0, step), "+": () => zoom(1.25), "-": () => zoom(0.8), "0": () => zoom(0) };
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  });
  let from = null;
  canvas.addEventListener("pointerdown", (event) => { from = event; canvas.setPointerCapture(event.pointerId); });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { from = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const scale = Math.max(view.width / canvas.clientWidth, view.height / canvas.clientHeight);
    move((from.clientX - event.clientX) * scale, (from.clientY - event.clientY) * scale);
    from = event;
  });
  canvas.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY < 0 ? 1.1 : 0.9); } }, { passive: false });
}
