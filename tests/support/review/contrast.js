() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color, under) => {
    canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (color) => {
    const [r, g, b] = color.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const chain = [];
    for (let each = element; each; each = each.parentElement) chain.unshift(getComputedStyle(each).backgroundColor);
    return chain.reduce((under, color) => rgb(color, under), [255, 255, 255]);
  };
  /* What a text of a drawing stands on: the last rectangle before it that holds its middle. */
  const drawn = (element) => {
    const box = element.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    const rects = [...element.closest("svg").querySelectorAll("rect")].filter((each) => {
      const around = each.getBoundingClientRect();
      const before = each.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
      return before && around.left <= x && x <= around.right && around.top <= y && y <= around.bottom;
    });
    return rgb(getComputedStyle(rects.at(-1)).fill, ground(element.closest("svg")));
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *:not(script):not(style):not(title)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const inside = element instanceof SVGElement, style = getComputedStyle(element);
    const under = inside ? drawn(element) : ground(element);
    const [one, other] = [light(rgb(inside ? style.fill : style.color, under)), light(under)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) bad.push(`${element.tagName}.${element.getAttribute("class")} ${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return bad;
}
