"""The truth table: the verdicts that the text of each control demands for resources, and the rules' messages.

`python -m tests.support.policies.truth` counts the cases by control. Each file truth/<provider>_<topic>.yaml
contains groups of cases. A group has a control, the text of the control (`says`, in one of the control's
groups), and the rule that covers it.

A case has properties (`is`, placed `at` a path) or a `stack` of resources. Its verdict is pass, violation,
unknown or not applicable, as the text of the control demands. `each` creates one case per element, and the
element replaces "@". `provider` has the properties of the provider, `provider_type` its type, and
`component: true` declares a component, and `ignored` has the option ignoreChanges. `cluster` names the
Kubernetes provider of a resource of a stack.

`message` is a string or a list of strings: the violations, then `unknown: <path>` for each unknown value. In
a message, the element as Python shows it replaces '@'. A message that starts with a dot continues the path
`at`. A message without a remedy ends with the `fix` of its group.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

import yaml

from policies.engine.catalog import BY_NAME
from policies.engine.rule import Resource, Stack
from policies.model.property_marks import from_plain
from policies.model.property_values import Value
from tests.support.policies.pytest_fixtures import UNKNOWN, resource, secret, urn, verdicts

TABLES = Path(__file__).with_name("truth")


@dataclass(frozen=True)
class Case:
    """One row: a resource or a stack, with the verdict that a control demands."""

    provider: str
    controls: tuple[str, ...]
    rule: str
    verdict: str
    when: str
    messages: tuple[str, ...]
    type: str
    resources: tuple[Resource, ...]
    text: str
    """The text of the control, shortened."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return f"{self.rule}: {self.when}: {self.verdict}"

    def evaluate(self) -> tuple[str, tuple[str, ...]]:
        """Return the verdict of the rule and its messages."""
        rule = BY_NAME[self.rule]
        if not rule.on_stack and not rule.concerns(self.resources[0]):
            return "not applicable", ()
        subject = Stack(self.resources) if rule.on_stack else self.resources[0]
        messages = tuple(verdicts(self.rule, subject, self.options))
        if not messages:
            return "pass", ()
        return ("unknown" if messages[0].startswith("unknown: ") else "violation"), messages


@dataclass(frozen=True)
class _Document:
    """A value that a property contains as a JSON string."""

    value: Any


class _Loader(yaml.CSafeLoader):
    """YAML with the tags !unknown, !secret <value>, and !json <value> for a property with a JSON string."""


def _value(loader: Any, node: yaml.Node) -> Any:
    """Return the value of a node, and ignore the node's tag."""
    if isinstance(node, yaml.ScalarNode):
        tag = loader.resolve(yaml.ScalarNode, node.value, (node.style is None, False))
        return loader.construct_object(yaml.ScalarNode(tag, node.value))
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_TAGS: dict[str, Callable[[Any, yaml.Node], object]] = {
    "!unknown": lambda _loader, _node: UNKNOWN,
    "!secret": lambda loader, node: secret(_value(loader, node)),
    "!json": lambda loader, node: _Document(_value(loader, node)),
}
for _tag, _constructor in _TAGS.items():
    cast(Any, _Loader).add_constructor(_tag, _constructor)


@cache
def cases() -> tuple[Case, ...]:
    """Return the cases of all tables."""
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    for file in sorted(TABLES.glob("*.yaml"), key=_order):
        for group in cast("list[dict[str, Any]]", yaml.load(file.read_text(), _Loader)):
            for row in group["cases"]:
                for case in _each(group | row):
                    yield _case(file.stem.partition("_")[0], case)


def _order(file: Path) -> tuple[bool, str]:
    """Return the rank of a table; published examples come last, since a page shows a rule's first rows."""
    return file.stem.endswith("_published"), file.stem


def _each(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parts = {key: row[key] for key in ("type", "is", "stack", "provider", "provider_type") if key in row}
    if "each" not in row:
        yield row | _placed(parts, "@")
        return
    for element in row["each"]:
        messages = [_with_element(message, element) for message in _list(row.get("message", []))]
        when = f"{row['when']}: {element}"
        yield row | _placed(parts, element) | {"when": when, "message": messages}


def _placed(value: Any, element: object) -> Any:
    """Return a value in which an element replaces "@", and JSON strings replace documents."""
    match value:
        case "@":
            return element
        case str():
            return value.replace("@", str(element))
        case dict():
            mapping = cast("dict[str, Any]", value)
            return {_placed(key, element): _placed(child, element) for key, child in mapping.items()}
        case list():
            return [_placed(child, element) for child in cast("list[Any]", value)]
        case _Document():
            return json.dumps(_placed(value.value, element))
        case _:
            return value


def _with_element(message: str, element: object) -> str:
    """Replace '@' by the `repr` of an element, and every other @ outside a word by the element itself."""
    return re.sub(r"(?<!\w)@(?!\w)", lambda _: str(element), message.replace("'@'", repr(element)))


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _messages(row: dict[str, Any]) -> Iterator[str]:
    """Yield the full messages of a row, with the path and the remedy that they share."""
    path = re.sub(r"\.(\d+)", r"[\1]", row.get("at", ""))
    for message in _list(row.get("message", [])):
        unknown = message.startswith("unknown: ")
        text = re.sub(r"^(unknown: )?(?=\.)", rf"\g<0>{path}", message)
        yield text if unknown or "; " in text or "fix" not in row else f"{text}; {row['fix']}"


def _case(provider: str, row: dict[str, Any]) -> Case:
    declared = row.get(
        "stack", [{"type": row.get("type", ""), "is": _within(row.get("is"), row.get("at", ""))}]
    )
    types = dict(zip(_names(declared), (item["type"] for item in declared), strict=True))
    resources = tuple(
        resource(
            item["type"],
            item["is"],
            name,
            protect=row.get("protect", False),
            ignored=tuple(row.get("ignored", ())),
            component=row.get("component", False),
            settings=Value(from_plain(item.get("provider", row.get("provider")))),
            provider=urn("pulumi:providers:kubernetes", item["cluster"]) if "cluster" in item else "",
            provider_type=row.get("provider_type", ""),
            property_dependencies={
                key: (urn(types[other], other),) for key, other in item.get("uses", {}).items()
            },
        )
        for name, item in zip(types, declared, strict=True)
    )
    return Case(
        provider=provider,
        controls=tuple(row["control"].split(", ")),
        rule=row["rule"],
        verdict=row["verdict"],
        when=row["when"],
        messages=tuple(_messages(row)),
        type=declared[0]["type"] if declared else "",
        resources=resources,
        text=row.get("says", ""),
        options=row.get("options", {}),
    )


def _names(declared: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the names of resources. The default is the type, such as bucket-policy or bucket-policy-2."""
    taken = {item["name"] for item in declared if "name" in item}
    for item in declared:
        if "name" in item:
            yield item["name"]
            continue
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", item["type"].rpartition(":")[2]).lower()
        name = next(
            name for name in chain((kind,), (f"{kind}-{number}" for number in count(2))) if name not in taken
        )
        taken.add(name)
        yield name


def _within(value: Any, path: str) -> Any:
    """Return the value at a dotted path; a number in the path is an index."""
    for step in reversed(path.split(".") if path else []):
        value = [value] if step.isdigit() else {step: value}
    return value


def main() -> None:
    """Print the number of cases by provider and verdict, then by control."""
    all_cases = cases()
    columns = ("pass", "violation", "unknown", "not applicable")
    rows: dict[str, Counter[str]] = {}
    for case in all_cases:
        for name in ("all", case.provider, *(f"  {control}" for control in case.controls)):
            key = name if not name.startswith("  ") else f"{case.provider}{name}"
            rows.setdefault(key, Counter())[case.verdict] += 1
    print(f"{'':52}" + "".join(f"{verdict:>16}" for verdict in columns) + f"{'cases':>8}")
    for name, counts in sorted(rows.items(), key=lambda item: (item[0] != "all", item[0])):
        numbers = "".join(f"{counts[verdict]:>16}" for verdict in columns)
        print(f"{name[:52]:52}{numbers}{counts.total():>8}")


if __name__ == "__main__":
    main()
