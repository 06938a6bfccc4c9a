() => {
  const controls = document.querySelectorAll(
    "a, button, select, summary, [tabindex='0'], table, svg[role=img]"
  );
  const hasName = (element) =>
    element.textContent.trim() || element.getAttribute("aria-label") || element.labels?.length;
  const unlabelled = [...controls].filter((element) => element.checkVisibility() && !hasName(element));
  /* Screen readers do not read the label of an element without a role. */
  const unread = ["span", "div", "p", "pre"].map((tag) => `${tag}[aria-label]:not([role])`).join(", ");
  const elements = [...unlabelled, ...document.querySelectorAll(unread)];
  return elements.map((element) => element.outerHTML.slice(0, 80));
}
