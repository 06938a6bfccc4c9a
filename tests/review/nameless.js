() => [...document.querySelectorAll("a, button, select, summary, [tabindex='0'], table, svg[role=img]")].filter(
  (each) => each.checkVisibility() && !(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length)
).map((each) => each.outerHTML.slice(0, 80))
