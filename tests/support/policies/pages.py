"""The pages of the rules in docs/policies, from the rules' metadata and from the rows of the truth tables.

`python -m tests.support.policies.pages` writes them; `make schema` runs it. The examples are the first
violation and the first pass of a rule, written as in Pulumi YAML. tests/unit/policies/test_truth.py evaluates
them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from policies.engine.catalog import RULES, TOPICS, rules_of
from policies.engine.controls import page
from policies.engine.rule import Resource, Rule, Topic
from policies.model.property_values import UnknownValueError, Value
from tests.support.policies.truth import Case, cases

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "policies"
REASONS: dict[str, str] = yaml.safe_load((ROOT / "policies" / "rules" / "reasons.yaml").read_text())

_WITH_PAGE = {
    rule.name
    for modules in TOPICS.values()
    for module in modules
    for rule in rules_of(module)
    if rule.url not in {topic.url for topic in vars(module).values() if isinstance(topic, Topic)}
}
"""The rules whose URL is about the rule itself. The default of a topic is a general page, without a link."""

TICKET, OWNER, LAST_DAY = "OPS-123", "platform", "2027-03-31"


def pages() -> dict[str, str]:
    """Return the text of each page, by the name of its file."""
    texts = {f"{rule.name}.md": render(rule) for rule in RULES}
    return {"README.md": index(), **texts}


def render(rule: Rule) -> str:
    """Return the page of one rule."""
    return "\n".join([*_head(rule), *_examples(rule), *_controls(rule), *_options(rule), *_waiver(rule)])


def _head(rule: Rule) -> Iterator[str]:
    repairs = "; `remediate` repairs it" if rule.remedy else ""
    yield f"# {rule.name}"
    yield ""
    levels = f"severity {rule.severity.value}, by default {rule.level.value}{repairs}"
    yield f"*{levels}* · [all policies](README.md)"
    yield ""
    yield rule.description
    yield ""
    yield "## Why"
    yield ""
    yield REASONS[rule.name]
    yield ""


def _examples(rule: Rule) -> Iterator[str]:
    wrong, right = examples(rule)
    yield "## Wrong"
    yield ""
    yield from _example(wrong)
    yield "The policy reports:"
    yield ""
    yield from (f"> {message}\n" for message in wrong.messages)
    yield "## Right"
    yield ""
    yield from _example(right)
    more = f" [More]({rule.url})" if rule.name in _WITH_PAGE else ""
    yield f"{rule.remediation}{more}"
    yield ""


def _example(case: Case) -> Iterator[str]:
    if case.options:
        yield f"With the options `{json.dumps(case.options, ensure_ascii=False)}`:"
        yield ""
    declared = {
        "resources": {item.name: _declaration(case, index) for index, item in enumerate(case.resources)}
    }
    text = yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=100)
    yield f"```yaml\n{text}```"
    yield ""


def _declaration(case: Case, index: int) -> dict[str, Any]:
    """Return a resource as Pulumi YAML declares it."""
    resource = case.resources[index]
    properties = _written(_plain(resource))
    for name, (urn, *_) in resource.property_dependencies.items():
        properties.setdefault(name, f"${{{urn.rpartition('::')[2]}.id}}")
    declared = {"type": resource.type, "properties": properties}
    if resource.component:
        declared["component"] = True  # Pulumi YAML declares components only by their own types.
    options: dict[str, Any] = {"protect": True} if resource.protect else {}
    if resource.ignored:
        options["ignoreChanges"] = list(resource.ignored)
    if provider := resource.provider or resource.provider_type:
        options["provider"] = f"${{{provider.rpartition(':')[2]}}}"
    return declared | ({"options": options} if options else {})


def _plain(resource: Resource) -> dict[str, Any]:
    """Return the properties without unknown ones that come from another resource."""
    return {
        name: value.plain()
        for name, value in resource.props.entries().items()
        if value.known or name not in resource.property_dependencies
    }


def _written(value: Any) -> Any:
    """Return a value in which JSON documents are readable, as the argument of Pulumi YAML's fn::toJSON."""
    match value:
        case dict():
            return {key: _written(child) for key, child in cast("dict[str, Any]", value).items()}
        case list():
            return [_written(child) for child in cast("list[Any]", value)]
        case str() if value.startswith("{"):
            try:
                return {"fn::toJSON": json.loads(value)}
            except ValueError:
                return value
        case _:
            return value


def examples(rule: Rule) -> tuple[Case, Case]:
    """Return a violation of a rule and a case that passes, of the same type and options if possible."""
    usable = [case for case in cases() if case.rule == rule.name and _is_plain(case)]
    usable.sort(key=lambda case: bool(case.options))
    wrong = next(case for case in usable if case.verdict == "violation")
    passing = [case for case in usable if case.verdict in ("pass", "not applicable")]
    passing.sort(
        key=lambda case: (
            case.verdict != "pass",
            case.type != wrong.type,
            case.options != wrong.options,
            not _has_properties(case),
        )
    )
    return wrong, passing[0]


def _is_plain(case: Case) -> bool:
    """Return True if a page can show the properties: none is secret, or unknown without a source."""
    if not case.resources:
        return False
    for resource in case.resources:
        if _has_secret(resource.props) or resource.settings.get():
            return False
        try:
            _plain(resource)
        except UnknownValueError:
            return False
    return True


def _has_secret(value: Value) -> bool:
    return "[secret]" in value.shown()


def _has_properties(case: Case) -> bool:
    return any(resource.props.entries() for resource in case.resources)


def _controls(rule: Rule) -> Iterator[str]:
    yield "## Controls"
    yield ""
    for control in rule.controls:
        texts = {
            case.text for case in cases() if case.text and case.rule == rule.name and control in case.controls
        }
        yield f"- [{control}]({page(control)}): {' '.join(sorted(texts))}".removesuffix(": ")
    yield ""


def _options(rule: Rule) -> Iterator[str]:
    yield "## Options"
    yield ""
    if rule.options:
        yield "| Option | Default | Meaning |"
        yield "|---|---|---|"
        for name, option in rule.options.items():
            default = json.dumps(option.default, ensure_ascii=False).replace("|", r"\|")
            yield f"| {name} | `{default}` | {option.schema.get('description', option.wanted)} |"
        yield ""
    yield "A file for `--policy-pack-config` sets the level" + (" and the options:" if rule.options else ":")
    yield ""
    values = {"enforcementLevel": "mandatory", **rule.defaults()}
    text = json.dumps({rule.name: values if rule.options else "mandatory"}, ensure_ascii=False)
    yield f"```json\n{text}\n```"
    yield ""


def _waiver(rule: Rule) -> Iterator[str]:
    entry = [
        {
            "reason": "the cause of the exception, and the event that ends it",
            "owner": OWNER,
            "ticket": TICKET,
            "expires": LAST_DAY,
            "match": [{"policies": [rule.name], "targets": ["urn:pulumi:dev::project::*::name"]}],
        }
    ]
    yield "## Waiver"
    yield ""
    yield "An exception for one resource, for at most 180 days, in the pack's waivers.yaml:"
    yield ""
    yield f"```yaml\n{yaml.safe_dump(entry, sort_keys=False, width=100)}```"
    yield ""


def index() -> str:
    """Return the page that lists all pages and explains how to use the pack in another program."""
    lines = [(Path(__file__).with_name("pages_head.md")).read_text().rstrip()]
    for title, modules in TOPICS.items():
        lines += ["", f"## {title}", ""]
        lines += [f"- [{rule.name}]({rule.name}.md): {rule.description}" for rule in rules_of(*modules)]
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the pages, and delete the pages of rules that no longer exist."""
    PAGES.mkdir(exist_ok=True)
    texts = pages()
    for file in PAGES.glob("*.md"):
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        (PAGES / name).write_text(text)


if __name__ == "__main__":
    main()
