() => [
  ...[...document.querySelectorAll("a, button, select, summary, [tabindex='0'], table, svg[role=img]")].filter(
    (each) => each.checkVisibility() && !(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length)
  ),
  /* A name on what has no role is not read. */
  ...document.querySelectorAll("span[aria-label]:not([role]), div[aria-label]:not([role]), p[aria-label]:not([role]), pre[aria-label]:not([role])"),
].map((each) => each.outerHTML.slice(0, 80))
