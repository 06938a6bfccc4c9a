"use strict";
const form = document.getElementById("filter");
const shown = document.getElementById("shown");
form.hidden = false;
function filter() {
  const want = Object.fromEntries(new FormData(form));
  const fits = (each) =>
    (!want.stack || each.dataset.stacks.split(" ").includes(want.stack)) &&
    (!want.op || each.dataset.op === want.op) &&
    (!want.severity || each.dataset.severity === want.severity);
  let count = 0;
  for (const each of document.querySelectorAll(".item")) {
    each.hidden = !fits(each);
    count += each.hidden ? 0 : 1;
  }
  const dim = new Set();
  for (const each of document.querySelectorAll(".node")) {
    each.classList.toggle("dim", !fits(each));
    if (!fits(each)) dim.add(each.id);
  }
  for (const each of document.querySelectorAll(".edge")) {
    each.classList.toggle("dim", dim.has(each.dataset.from) || dim.has(each.dataset.to));
  }
  const filtered = Object.values(want).some(Boolean);
  shown.value = filtered ? `${count} shown` : "";
}
form.addEventListener("change", filter);
form.addEventListener("submit", (event) => event.preventDefault());

const canvas = document.getElementById("canvas");
if (canvas) {
  const svg = canvas.querySelector("svg");
  const whole = svg.viewBox.baseVal, size = { x: 0, y: 0, width: whole.width, height: whole.height };
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
  document.querySelector(".tools").hidden = false;
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  canvas.addEventListener("keydown", (event) => {
    const step = view.width / 10;
    const keys = { ArrowLeft: () => move(-step, 0), ArrowRight: () => move(step, 0), ArrowUp: () => move(0, -step), ArrowDown: () => move(0, step), "+": () => zoom(1.25), "-": () => zoom(0.8), "0": () => zoom(0) };
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  });
  let from = null;
  canvas.addEventListener("pointerdown", (event) => { from = event; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { from = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const scale = Math.max(view.width / canvas.clientWidth, view.height / canvas.clientHeight);
    move((from.clientX - event.clientX) * scale, (from.clientY - event.clientY) * scale);
    from = event;
  });
  canvas.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY < 0 ? 1.1 : 0.9); } }, { passive: false });
}
