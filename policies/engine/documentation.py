"""The page docs/policies.md, written from the rules' own metadata; `make schema` writes it."""

import json

from policies.engine import pack_rules
from policies.engine.catalog import TOPICS, rules_of
from policies.engine.rule import Rule

HEAD = """# Policies

Generated from the rules by `make schema`; a test keeps it current. All of them run with
`pulumi preview --policy-pack policies`; a file given with `--policy-pack-config` (policies/config/ has one a
stack) changes levels and settings:

```json
{"all": "advisory", "workload-limit-above-ceiling": {"enforcementLevel": "mandatory", "cpu": "2"}}
```

Levels: `mandatory` stops the run, `advisory` only says so, `remediate` repairs (policies marked ✎), and
`disabled` is silent. An exception is a waiver in policies/waivers.yaml: with an owner, a ticket and a reason,
for at most 180 days; it ends with its last day in UTC. A run with `--target` judges what is targeted and
whatever exists already; a waiver for something else that is new counts as unused there, since the engine does
not speak of it.
"""


def render() -> str:
    """The whole document."""
    parts = [HEAD]
    for title, modules in TOPICS.items():
        parts.append(section(title, rules_of(*modules)))
    parts.append(section("The pack itself", sorted(pack_rules.RULES, key=lambda rule: rule.name)))
    parts.append(controls())
    return "\n".join(parts)


def section(title: str, rules: list[Rule]) -> str:
    """One topic: a table of its policies, then their settings."""
    lines = [
        f"## {title}",
        "",
        "| Policy | What it asks | Severity | Level | Controls | Remedy |",
        "|---|---|---|---|---|---|",
    ]
    for rule in rules:
        mark = " ✎" if rule.remedy else ""
        cells = (
            f"[{rule.name}]({rule.url}){mark}",
            rule.description,
            rule.severity.value,
            rule.level.value,
            ", ".join(rule.controls),
            rule.remediation,
        )
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    settings = [line for rule in rules for line in _settings(rule)]
    if settings:
        lines += ["", "| Setting | Default | Meaning |", "|---|---|---|", *settings]
    return "\n".join([*lines, ""])


def _settings(rule: Rule) -> list[str]:
    rows: list[str] = []
    for name, option in rule.options.items():
        meaning = option.schema.get("description", option.wanted)
        rows.append(f"| {rule.name}.{name} | `{_plain(option.default)}` | {meaning} |")
    return rows


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("|", r"\|")


def controls() -> str:
    """Each control, and the policies that cover it."""
    found: dict[str, list[str]] = {}
    for modules in TOPICS.values():
        for rule in rules_of(*modules):
            for control in rule.controls:
                found.setdefault(control, []).append(rule.name)
    rows = [f"| {control} | {', '.join(names)} |" for control, names in sorted(found.items())]
    return "\n".join(["## Controls", "", "| Control | Policies |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    print(render(), end="")
