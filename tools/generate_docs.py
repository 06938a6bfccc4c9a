"""Writes the generated parts of the documents from the stack files and from the program itself.

`python -m tools.generate_docs` writes them, `--check` says which are not current. A part begins with
`<!-- generated: NAME; make schema writes it -->` and ends with `<!-- end of NAME -->`.
"""

import argparse
import re
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from components.settings.scale_limits import LIMITS

ROOT = Path(__file__).parents[1]
STACKS = ("dev", "stg", "prod")
PROVIDERS = {"aws": "AWS", "kubernetes": "Kubernetes", "cloudflare": "Cloudflare", "datadog": "Datadog"}


@dataclass(frozen=True)
class Registered:
    """A resource as the program registers it."""

    type: str
    name: str
    parent: tuple[str, str]
    """Type and name."""
    needs: frozenset[tuple[str, str]]
    inputs: dict[str, Any]


@cache
def settings(stack: str) -> dict[str, Any]:
    """The topics of a stack file."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("pipe:"): value for key, value in config.items() if isinstance(value, dict)}


@cache
def program(stack: str) -> list[Registered]:
    """Return the resources that the program registers for a stack, evaluated against mocks."""
    import pulumi
    from google.protobuf.json_format import MessageToDict
    from pulumi.runtime.proto import resource_pb2

    from tools.bench import evaluation

    notes = evaluation.Notes()
    pulumi.runtime.set_mocks(notes.mocks, project="pipe", stack=stack, monitor=notes)
    pulumi.runtime.set_all_config(*evaluation.configuration(stack))

    @cast(Any, pulumi.runtime).test
    def evaluate() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    evaluate()
    resources: list[Registered] = []
    for text in notes.requests:
        request: Any = cast(Any, resource_pb2).RegisterResourceRequest.FromString(text)
        inputs = MessageToDict(request.object)
        needs = frozenset(map(_type_and_name, request.dependencies))
        resources.append(
            Registered(request.type, request.name, _type_and_name(request.parent), needs, inputs)
        )
    return sorted(resources, key=lambda resource: (resource.type, resource.name))


def _type_and_name(urn: str) -> tuple[str, str]:
    types, _, name = urn.rpartition("::")
    return types.rpartition("::")[2].rpartition("$")[2], name


def components(stack: str) -> tuple[dict[str, list[Registered]], set[tuple[str, str]]]:
    """Return the resources of each component, and the dependencies between components."""
    by_key = {(resource.type, resource.name): resource for resource in program(stack)}
    owner: dict[tuple[str, str], str] = {}
    for key in by_key:
        top = key
        while (above := by_key[top].parent) in by_key and above[0] != "pulumi:pulumi:Stack":
            top = above
        owner[key] = top[1]
    parts: dict[str, list[Registered]] = {}
    for key, resource in by_key.items():
        if resource.type != "pulumi:pulumi:Stack":
            parts.setdefault(owner[key], []).append(resource)
    edges = {
        (owner[key], owner[need])
        for key, resource in by_key.items()
        for need in resource.needs
        if need in owner and owner[key] != owner[need]
    }
    return parts, edges


def shortest(edges: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges without those that a longer way says already."""

    def reaches(start: str, end: str, seen: frozenset[str]) -> bool:
        following = {b for a, b in edges if a == start} - seen
        return end in following or any(reaches(neighbour, end, seen | {neighbour}) for neighbour in following)

    return sorted(
        (a, b)
        for a, b in edges
        if not any(c != b and reaches(c, b, frozenset((a, c))) for start, c in edges if start == a)
    )


def diagram() -> str:
    """Format the components and their dependencies as Mermaid."""
    parts, edges = components("prod")
    lines = ["```mermaid", "flowchart LR"]
    for package, title in PROVIDERS.items():
        lines.append(f"  subgraph {title}")
        lines += [f"    {name}" for name in sorted(parts) if _package(parts[name]) == package]
        lines.append("  end")
    lines += [f"  {a} --> {b}" for a, b in shortest(edges)]
    return "\n".join([*lines, "```"])


def _package(resources: list[Registered]) -> str:
    counts = Counter(resource.type.partition(":")[0] for resource in resources)
    return max(PROVIDERS, key=lambda package: counts[package])


def parts() -> str:
    """Count the resources of each kind in a component in prod."""
    rows = ["| component | resources in prod | most of them |", "|---|---|---|"]
    for name, resources in sorted(components("prod")[0].items()):
        kinds = Counter(
            resource.type.rpartition(":")[2]
            for resource in resources
            if not resource.type.startswith(("pipe:", "pulumi:"))
        )
        most = ", ".join(
            f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda x: (-x[1], x[0]))[:4]
        )
        rows.append(f"| {name} | {sum(kinds.values())} | {most} |")
    return "\n".join(rows)


def environments() -> str:
    """Format every setting of each stack as a table; values that differ are bold."""
    from components.settings.json_schema import schema_at

    lines: list[str] = []
    for topic in settings("prod"):
        lines += ["", f"### {topic}", "", schema_at((f"pipe:{topic}",))["description"], ""]
        lines += ["| setting | dev | stg | prod |", "|---|---|---|---|"]
        paths = dict.fromkeys(path for stack in STACKS for path, _ in flat(settings(stack)[topic]))
        for path in paths:
            values = [dict(flat(settings(stack)[topic])).get(path, "–") for stack in STACKS]
            if (topic, path) == ("api", "image"):  # a deployment changes it, and must not change documents
                values = ["by digest: see the stack file"] * 3
            name = f"`{path}`" if len(set(values)) == 1 else f"**`{path}`**"
            lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines[1:])


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a map by their dotted path."""
    if isinstance(value, dict):
        for key, inner in cast(dict[str, Any], value).items():
            yield from flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, ", ".join(map(str, cast(list[Any], value))) or "none"
    else:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def scaling() -> str:
    """Describe automatic growth and its limits."""
    from components.settings.load import load_file

    files = [load_file(ROOT / f"Pulumi.{stack}.yaml").settings for stack in STACKS]
    rows = ["| | dev | stg | prod |", "|---|---|---|---|"]
    for title, value in LIMITS.items():
        rows.append(f"| {title} | {' | '.join(str(value(settings)) for settings in files)} |")
    return "\n".join(rows)


def cost() -> str:
    """Return the monthly cost of each stack by the price table, and the resources without a price."""
    from review.cost import SOURCE
    from review.cost import cost as priced
    from review.engine_run import Resource, Step

    sums: dict[str, dict[str, float]] = {}
    unknown: dict[str, set[str]] = {}
    for stack in STACKS:
        steps = [
            Step(
                "create",
                None,
                Resource({"urn": f"::{resource.name}", "type": resource.type, "inputs": resource.inputs}),
            )
            for resource in program(stack)
        ]
        _, lines, unpriced = priced(steps)
        for line in lines:
            row = sums.setdefault(line.part, dict.fromkeys(STACKS, 0.0))
            row[stack] += line.after
        for line in unpriced:
            unknown.setdefault(line.partition(": ")[2], set()).add(stack)
    rows = ["| USD a month | dev | stg | prod |", "|---|---|---|---|"]
    for what, row in sorted(sums.items(), key=lambda item: (-item[1]["prod"], item[0])):
        rows.append(f"| {what} | {' | '.join(f'{row[stack]:.2f}' for stack in STACKS)} |")
    totals = [f"**{sum(row[stack] for row in sums.values()):.2f}**" for stack in STACKS]
    rows.append(f"| **without nodes, database, load balancers and logs** | {' | '.join(totals)} |")
    where = (f"- {what} ({', '.join(s for s in STACKS if s in unknown[what])})" for what in sorted(unknown))
    return "\n".join([*rows, "", f"Source: {SOURCE}.", "", "Not in these sums:", "", *where])


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "settings": ("docs/environments.md", environments),
    "limits": ("docs/scaling.md", scaling),
    "prices": ("docs/cost.md", cost),
    "diagram": ("docs/architecture.md", diagram),
    "parts": ("docs/architecture.md", parts),
}
"""The document and the generator of each generated part."""


def with_part(text: str, name: str, content: str) -> str:
    """A document with one part written again; ValueError if it has no place for it."""
    start, end = f"<!-- generated: {name}; make schema writes it -->", f"<!-- end of {name} -->"
    pattern = re.escape(start) + ".*?" + re.escape(end)
    if not re.search(pattern, text, re.DOTALL):
        raise ValueError(f"no place for {name}: a line {start} and a line {end}")
    return re.sub(pattern, lambda _: f"{start}\n\n{content}\n\n{end}", text, flags=re.DOTALL)


def main() -> int:
    """Returns 0, or 1 when a document is not current."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if not current")
    check = parser.parse_args().check
    sys.path.insert(0, str(ROOT))
    stale: list[str] = []
    for name, (file, make) in PARTS.items():
        old = (ROOT / file).read_text()
        new = with_part(old, name, make())
        if new != old and check:
            stale.append(f"{file}: {name}")
        elif new != old:
            (ROOT / file).write_text(new)
    if stale:
        print("not current, run make schema:\n" + "\n".join(stale), file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
