() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  /* Returns a colour on a background as red, green and blue. */
  const blend = (color, background) => {
    canvas.fillStyle = `rgb(${background})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };

  const luminance = (color) => {
    const linear = (channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = color.map((channel) => linear(channel / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  /* Returns the background of an element: its own colour and those of its ancestors. */
  const backgroundOf = (element) => {
    const colors = [];
    for (let ancestor = element; ancestor; ancestor = ancestor.parentElement) {
      colors.unshift(getComputedStyle(ancestor).backgroundColor);
    }
    return colors.reduce((background, color) => blend(color, background), [255, 255, 255]);
  };

  /* Returns the background of a text in a drawing: the last rectangle before it that holds its middle. */
  const backgroundInDrawing = (element) => {
    const box = element.getBoundingClientRect();
    const x = box.x + box.width / 2;
    const y = box.y + box.height / 2;
    const rectangles = [...element.closest("svg").querySelectorAll("rect")].filter((rectangle) => {
      const bounds = rectangle.getBoundingClientRect();
      const isBefore = rectangle.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
      return isBefore && bounds.left <= x && x <= bounds.right && bounds.top <= y && y <= bounds.bottom;
    });
    return blend(getComputedStyle(rectangles.at(-1)).fill, backgroundOf(element.closest("svg")));
  };

  const failures = [];
  for (const element of document.querySelectorAll("body *:not(script):not(style):not(title)")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || !element.checkVisibility()) continue;
    const drawn = element instanceof SVGElement;
    const style = getComputedStyle(element);
    const background = drawn ? backgroundInDrawing(element) : backgroundOf(element);
    const text = blend(drawn ? style.fill : style.color, background);
    const luminances = [luminance(text), luminance(background)];
    const ratio = (Math.max(...luminances) + 0.05) / (Math.min(...luminances) + 0.05);
    if (ratio < 4.5) {
      const name = `${element.tagName}.${element.getAttribute("class")}`;
      failures.push(`${name} ${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
    }
  }
  return failures;
}
