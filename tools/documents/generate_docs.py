"""Generator of the parts of the documents that follow from the stack files and the program.

`python -m tools.documents.generate_docs` writes the parts; `--check` only lists the parts that are not
current. A part begins with `<!-- generated: NAME; make schema writes it -->` and ends with
`<!-- end of NAME -->`.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import yaml

from components.settings.scale_limits import LIMITS
from tools.documents import cost_tables
from tools.documents.connection_diagram import format_connections

ROOT = Path(__file__).parents[2]
STACKS = ("dev", "stg", "prod")
PROVIDERS = {"aws": "AWS", "kubernetes": "Kubernetes", "cloudflare": "Cloudflare", "datadog": "Datadog"}


@dataclass(frozen=True)
class Registered:
    """A resource that the program registers, with its parent, its dependencies and its inputs."""

    type: str
    name: str
    """Logical name."""
    parent: tuple[str, str]
    """Type and name of the parent."""
    needs: frozenset[tuple[str, str]]
    """Type and name of each resource on which it depends."""
    inputs: dict[str, Any]


@cache
def read_settings(stack: str) -> dict[str, Any]:
    """Return the settings of a stack file whose values are maps, by key without the prefix `pipe:`."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("pipe:"): value for key, value in config.items() if isinstance(value, dict)}


@cache
def evaluate_program(stack: str) -> list[Registered]:
    """Evaluate the program for a stack with mocks; return the resources that it registers."""
    from google.protobuf.json_format import MessageToDict
    from pulumi.runtime.proto import resource_pb2

    from tools.iam.recording import record_program

    resources: list[Registered] = []
    for text in record_program(stack).registrations:
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


def group_by_component(stack: str) -> tuple[dict[str, list[Registered]], set[tuple[str, str]]]:
    """Return the resources of each top-level component, and the dependencies between these components.

    A dependency is a pair of names: the component that depends, and the one on which it depends.
    """
    by_key = {(resource.type, resource.name): resource for resource in evaluate_program(stack)}
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


def reduce_edges(edges: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the sorted edges, without those that a longer path implies."""

    neighbours: dict[str, set[str]] = {}
    for source, target in edges:
        neighbours.setdefault(source, set()).add(target)

    def reaches(source: str, target: str, visited: frozenset[str]) -> bool:
        following = neighbours.get(source, set()) - visited
        return target in following or any(reaches(name, target, visited | {name}) for name in following)

    def is_implied(source: str, target: str) -> bool:
        others = neighbours[source] - {target}
        return any(reaches(name, target, frozenset((source, name))) for name in others)

    return sorted(edge for edge in edges if not is_implied(*edge))


def format_diagram() -> str:
    """Format the components and their dependencies as Mermaid."""
    parts, edges = group_by_component("prod")
    lines = ["```mermaid", "flowchart LR"]
    for package, title in PROVIDERS.items():
        lines.append(f"  subgraph {title}")
        lines += [f"    {name}" for name in sorted(parts) if _main_package(parts[name]) == package]
        lines.append("  end")
    lines += [f"  {source} --> {target}" for source, target in reduce_edges(edges)]
    return "\n".join([*lines, "```"])


def _main_package(resources: list[Registered]) -> str:
    """Return the provider package to which most of a component's resources belong."""
    counts = Counter(resource.type.partition(":")[0] for resource in resources)
    return max(PROVIDERS, key=lambda package: counts[package])


def format_component_table() -> str:
    """Format the components of prod as a table with their most frequent resource types."""
    rows = ["| component | resources in prod | most frequent kinds |", "|---|---|---|"]
    for name, resources in sorted(group_by_component("prod")[0].items()):
        kinds = Counter(
            resource.type.rpartition(":")[2]
            for resource in resources
            if not resource.type.startswith(("pipe:", "pulumi:"))
        )
        by_frequency = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        most = ", ".join(f"{count} {kind}" for kind, count in by_frequency[:4])
        rows.append(f"| {name} | {sum(kinds.values())} | {most} |")
    return "\n".join(rows)


def format_settings() -> str:
    """Format the settings of all stacks as tables; settings that differ between stacks are bold."""
    from components.settings.json_schema import schema_at

    lines: list[str] = []
    for topic in read_settings("prod"):
        lines += ["", f"### {topic}", "", schema_at((f"pipe:{topic}",))["description"], ""]
        lines += ["| setting | dev | stg | prod |", "|---|---|---|---|"]
        paths = dict.fromkeys(path for stack in STACKS for path, _ in flatten(read_settings(stack)[topic]))
        for path in paths:
            values = [dict(flatten(read_settings(stack)[topic])).get(path, "–") for stack in STACKS]
            if (topic, path) == ("api", "image"):  # Deployments change it; documents must stay the same.
                values = ["by digest: see the stack file"] * 3
            name = f"`{path}`" if len(set(values)) == 1 else f"**`{path}`**"
            lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines[1:])


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the formatted value of each leaf of a map."""
    if isinstance(value, dict):
        for key, inner in cast(dict[str, Any], value).items():
            yield from flatten(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, ", ".join(map(str, cast(list[Any], value))) or "none"
    else:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def format_limits() -> str:
    """Format the limits to which a stack can grow automatically as a table."""
    from components.settings.load import load_file

    files = [load_file(ROOT / f"Pulumi.{stack}.yaml").settings for stack in STACKS]
    rows = ["| | dev | stg | prod |", "|---|---|---|---|"]
    for title, value in LIMITS.items():
        rows.append(f"| {title} | {' | '.join(str(value(settings)) for settings in files)} |")
    return "\n".join(rows)


def format_paths() -> str:
    """Format the tables of the attack paths through the accounts."""
    # Imported here, since moto's copy of the AWS managed policies takes time to load.
    from tools.iam import report

    return report.format_paths()


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "settings": ("docs/environments.md", format_settings),
    "limits": ("docs/scaling.md", format_limits),
    **{
        f"{name}{suffix}": (document, partial(generate, stacks, texts))
        for document, suffix, texts in (
            ("docs/cost.md", "", None),
            ("docs/ja/cost.md", " in Japanese", cost_tables.japanese()),
        )
        for name, generate, stacks in (
            ("costs", cost_tables.format_costs, cost_tables.STACKS),
            ("use", cost_tables.format_usage, cost_tables.STACKS),
            ("costs of accounts", cost_tables.format_costs, cost_tables.ACCOUNTS),
            ("use of accounts", cost_tables.format_usage, cost_tables.ACCOUNTS),
        )
    },
    "diagram": ("docs/architecture.md", format_diagram),
    "parts": ("docs/architecture.md", format_component_table),
    "connections": ("docs/architecture.md", format_connections),
    "paths": ("docs/security.md", format_paths),
}
"""Document and generator of each generated part, by the part's name."""


def replace_part(text: str, name: str, content: str) -> str:
    """Return a document with new content for a part; raise ValueError if the part's markers are missing."""
    start, end = f"<!-- generated: {name}; make schema writes it -->", f"<!-- end of {name} -->"
    pattern = re.escape(start) + ".*?" + re.escape(end)
    if not re.search(pattern, text, re.DOTALL):
        raise ValueError(f"the document has no place for {name}; add the lines {start} and {end}")
    return re.sub(pattern, lambda _: f"{start}\n\n{content}\n\n{end}", text, flags=re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the generated parts; return 1 if `--check` finds a part that is not current, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tools.documents.generate_docs", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a part is not current"
    )
    check = parser.parse_args(arguments).check
    sys.path.insert(0, str(ROOT))
    stale: list[str] = []
    for name, (file, generate) in PARTS.items():
        old = (ROOT / file).read_text()
        new = replace_part(old, name, generate())
        if new != old and check:
            stale.append(f"{file}: {name}")
        elif new != old:
            (ROOT / file).write_text(new)
    if stale:
        print("these parts are not current (run make schema):\n" + "\n".join(stale), file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
