"""What is drawn: changed resources in their components, left to right from what they follow from."""

from collections import Counter
from dataclasses import dataclass

from review.model import Change, Report, short

COMMENT, PAGE = 40, 300
"""Resources above which only those at risk, then the first ones, are drawn."""

WIDTH, HEIGHT, HEAD, GAP, ROWS = 206, 44, 26, 60, 8
"""Of a node's place, in pixels; of a component's title; between columns; nodes above each other."""


@dataclass
class Node:
    """A changed resource, where it is drawn, and the worst of its findings, or that something blocks."""

    key: str
    name: str
    type: str
    component: str
    op: str
    stacks: list[str]
    severity: str
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Box:
    """A component."""

    name: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Drawing:
    """Edges, with their SVG paths, go from what something depends on to what depends on it."""

    nodes: list[Node]
    edges: list[tuple[str, str]]
    curves: list[str]
    boxes: list[Box]
    width: int
    height: int
    left_out: int


def draw(report: Report, most: int) -> Drawing:
    """The changed resources of a report."""
    ordered = sorted(report.changes, key=lambda each: (not (each.risk and each.risk.blocks), not each.risk))
    chosen, worst = ordered[:most], _severities(report)
    nodes = [
        Node(f"n{index}", each.name, each.type, each.component, each.op, each.stacks, _severity(each, worst))
        for index, each in enumerate(chosen)
    ]
    titles = [f"{each.name} ({short(each.type)})" for each in chosen]
    found: dict[str, list[int]] = {}
    for index, title in enumerate(titles):
        found.setdefault(title, []).append(index)
    pairs = sorted(
        (source, index)
        for index, each in enumerate(chosen)
        for source in (found_index for title in each.upstream for found_index in found.get(title, ()))
        if titles[source] != titles[index] and {*chosen[source].stacks} & {*each.stacks}
    )
    boxes = _place(nodes, {(nodes[one].component, nodes[other].component) for one, other in pairs})
    edges, curves = [(nodes[one], nodes[other]) for one, other in pairs], list[str]()
    for one, other in edges:
        x, y, right, low = one.x + 190, one.y + 18, other.x, other.y + 18
        bend = max(30, (right - x) // 2)
        curves.append(f"M{x} {y} C{x + bend} {y} {right - bend} {low} {right} {low}")
    width, height = (max((edge(box) for box in boxes), default=0) + 20 for edge in (_right, _low))
    keys = [(one.key, other.key) for one, other in edges]
    return Drawing(nodes, keys, curves, boxes, width, height, len(ordered) - len(chosen))


def _place(nodes: list[Node], links: set[tuple[str, str]]) -> list[Box]:
    """Components in columns: each to the right of what it depends on, as far as that has no circle."""
    sizes = Counter(node.component for node in nodes)
    columns = dict.fromkeys(sizes, 0)
    for _ in columns:
        for source, target in sorted(links):
            if source != target and columns[source] + 1 < len(columns):
                columns[target] = max(columns[target], columns[source] + 1)
    boxes: list[Box] = []
    x = 20
    for column in sorted(set(columns.values())):
        y, right = 20, x
        for component in (name for name, at in columns.items() if at == column):
            for index, node in enumerate(node for node in nodes if node.component == component):
                node.x, node.y = x + 8 + index // ROWS * WIDTH, y + HEAD + index % ROWS * HEIGHT
            across = (sizes[component] + ROWS - 1) // ROWS
            boxes.append(
                Box(component, x, y, across * WIDTH + 8, HEAD + min(sizes[component], ROWS) * HEIGHT)
            )
            y, right = _low(boxes[-1]) + 20, max(right, _right(boxes[-1]))
        x = right + GAP
    return boxes


def _right(box: Box) -> int:
    return box.x + box.width


def _low(box: Box) -> int:
    return box.y + box.height


def _severities(report: Report) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for each in report.findings:
        if each.verdict == "violation" and each.status != "fixed":
            found.setdefault((each.name, each.type), set()).add("blocks" if each.blocks else each.severity)
    return found


def _severity(change: Change, worst: dict[tuple[str, str], set[str]]) -> str:
    own = {*worst.get((change.name, change.type), ())}
    if change.risk and change.risk.blocks:
        own.add("blocks")
    return next((level for level in ("blocks", "critical", "high", "medium", "low") if level in own), "none")
