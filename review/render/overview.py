"""Small diagram of the components that change, with the numbers of their changes and their dependencies."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from review.model import OPERATIONS, Change, title

BOX = (168, 44)
"""Width and height of a component's box, in pixels."""

GAP = (44, 12)
"""Distances between columns and between rows."""


@dataclass
class Component:
    """A component with changed resources; `column` and `row` are its place in the diagram."""

    name: str
    counts: Counter[str] = field(default_factory=Counter[str])
    sources: set[str] = field(default_factory=set[str])
    column: int = 0
    row: int = 0

    @property
    def x(self) -> int:
        """The left edge of the box."""
        return self.column * (BOX[0] + GAP[0]) + 2

    @property
    def y(self) -> int:
        """The upper edge of the box."""
        return self.row * (BOX[1] + GAP[1]) + 2

    @property
    def anchor(self) -> str:
        """The ID of the component's part of the page."""
        return anchor(self.name)

    @property
    def worst(self) -> str:
        """The most dangerous operation in the component."""
        return min(self.counts, key=OPERATIONS.index)

    @property
    def text(self) -> str:
        """The numbers of changes, such as `2 replace, 1 update`."""
        return ", ".join(f"{self.counts[op]} {op}" for op in OPERATIONS if self.counts[op])


@dataclass(frozen=True)
class Overview:
    """The components, the edges between them as paths of SVG, and the size of the diagram."""

    components: list[Component]
    edges: list[str]
    width: int
    height: int


def anchor(component: str) -> str:
    """Return the ID of a component's part of the page, which is that of no other component."""
    return "component-" + re.sub(r"[^A-Za-z0-9-]", lambda match: f"_{ord(match[0]):x}_", component)


def draw(changes: Iterable[Change]) -> Overview:
    """Return the diagram of changes: each component is to the right of those on which it depends."""
    components = _components([*changes])
    _assign_columns(components)
    rows = Counter[int]()
    for component in sorted(components.values(), key=lambda component: component.name):
        component.row = rows[component.column]
        rows[component.column] += 1
    width = max((component.x for component in components.values()), default=0) + BOX[0] + 2
    height = max((component.y for component in components.values()), default=0) + BOX[1] + 2
    edges = [
        _edge(components[source], component)
        for component in components.values()
        for source in sorted(component.sources)
    ]
    return Overview([*components.values()], edges, width, height)


def _components(changes: list[Change]) -> dict[str, Component]:
    components: dict[str, Component] = {}
    owners: dict[str, set[str]] = {}
    for change in changes:
        component = components.setdefault(change.component, Component(change.component))
        component.counts[change.op] += 1
        owners.setdefault(title(change), set()).add(change.component)
    for change in changes:
        for upstream in change.upstream:
            components[change.component].sources |= owners.get(upstream, set()) - {change.component}
    return components


def _assign_columns(components: Mapping[str, Component]) -> None:
    """Put each component to the right of its sources; a circular dependency stops at the last column."""
    for _ in components:
        for component in components.values():
            for source in component.sources:
                following = components[source].column + 1
                if following < len(components):
                    component.column = max(component.column, following)
    used = sorted({component.column for component in components.values()})
    for component in components.values():
        component.column = used.index(component.column)


def _edge(source: Component, target: Component) -> str:
    """Return the path from a component to one that depends on it."""
    start, end = (source.x + BOX[0], source.y + BOX[1] // 2), (target.x, target.y + BOX[1] // 2)
    bend = max(20, abs(end[0] - start[0]) // 2)
    return f"M{start[0]} {start[1]} C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"
