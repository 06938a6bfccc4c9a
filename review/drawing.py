"""What is drawn: changed resources in their components, left to right from what they follow from."""

from dataclasses import dataclass

from review.model import Change, Report

COMMENT, PAGE = 40, 300
"""Resources above which only those at risk, then the first ones, are drawn."""

WIDTH, HEIGHT, GAP, HEAD = 230, 40, 70, 26
"""Of a node, in pixels; between columns; of a component's title."""


@dataclass
class Node:
    """A changed resource, and where it is drawn."""

    key: str
    name: str
    type: str
    component: str
    op: str
    stacks: list[str]
    severity: str
    """The worst of its findings; `blocks` where it or one of them does."""
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Box:
    """A component."""

    name: str
    x: int
    y: int
    height: int


@dataclass(frozen=True)
class Drawing:
    """Edges go from what something depends on to what depends on it."""

    nodes: list[Node]
    edges: list[tuple[str, str]]
    boxes: list[Box]
    curves: list[str]
    """The edges as SVG paths, in their order."""
    width: int
    height: int
    left_out: int


def draw(report: Report, most: int) -> Drawing:
    """The changed resources of a report."""
    ordered = sorted(report.changes, key=lambda each: (not (each.risk and each.risk.blocks), not each.risk))
    chosen = ordered[:most]
    nodes = [Node(f"n{index}", each.name, each.type, each.component, each.op, each.stacks, _severity(each, report))
             for index, each in enumerate(chosen)]  # fmt: skip
    by_name: dict[str, list[int]] = {}
    for index, each in enumerate(chosen):
        by_name.setdefault(each.name, []).append(index)
    pairs = {
        (source, index)
        for index, each in enumerate(chosen)
        for name in each.upstream
        for source in by_name.get(name, ())
        if source != index
        and set(chosen[source].stacks) & set(each.stacks)
        and each.name not in chosen[source].upstream
    }
    links = {(nodes[one].component, nodes[other].component) for one, other in pairs}
    boxes = _place(nodes, {pair for pair in links if pair[0] != pair[1]})
    curves = [_curve(nodes[one], nodes[other]) for one, other in sorted(pairs)]
    return Drawing(
        nodes, [(nodes[one].key, nodes[other].key) for one, other in sorted(pairs)], boxes, curves,
        max((box.x for box in boxes), default=0) + WIDTH + 40, max((box.y + box.height for box in boxes), default=0) + 20,
        len(ordered) - len(chosen),
    )  # fmt: skip


def _place(nodes: list[Node], links: set[tuple[str, str]]) -> list[Box]:
    """Components in columns: each to the right of what it depends on, as far as that has no circle."""
    columns: dict[str, int] = dict.fromkeys((node.component for node in nodes), 0)
    for _ in columns:
        for source, target in sorted(links):
            if columns[source] + 1 < len(columns):
                columns[target] = max(columns[target], columns[source] + 1)
    used = sorted(set(columns.values()))
    heights = dict.fromkeys(used, 20)
    boxes: list[Box] = []
    for component, column in columns.items():
        own = [node for node in nodes if node.component == component]
        x, y = 20 + used.index(column) * (WIDTH + GAP), heights[column]
        for row, node in enumerate(own):
            node.x, node.y = x + 8, y + HEAD + row * (HEIGHT + 8)
        boxes.append(Box(component, x, y, HEAD + len(own) * (HEIGHT + 8)))
        heights[column] += boxes[-1].height + 24
    return boxes


def _curve(one: Node, other: Node) -> str:
    width = WIDTH - 16
    start, end = (one.x + width, one.y + HEIGHT // 2), (other.x, other.y + HEIGHT // 2)
    if one.x >= other.x:  # the same column: around the right side
        end = (other.x + width, end[1])
        return f"M{start[0]} {start[1]} C{start[0] + 40} {start[1]} {end[0] + 40} {end[1]} {end[0]} {end[1]}"
    middle = (start[0] + end[0]) // 2
    return f"M{start[0]} {start[1]} C{middle} {start[1]} {middle} {end[1]} {end[0]} {end[1]}"


def _severity(change: Change, report: Report) -> str:
    own = [each for each in report.findings if (each.name, each.type) == (change.name, change.type)
           and each.verdict == "violation" and each.status != "fixed"]  # fmt: skip
    if (change.risk and change.risk.blocks) or any(each.blocks for each in own):
        return "blocks"
    levels = ("critical", "high", "medium", "low")
    return next((level for level in levels if any(each.severity == level for each in own)), "none")
