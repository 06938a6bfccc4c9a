"""The generator of docs/policies.md, from the metadata of the rules; `make schema` runs it."""

import json

from policies.engine import pack_rules
from policies.engine.catalog import TOPICS, rules_of
from policies.engine.rule import Rule

HEAD = """# Policies

`make schema` generates this page from the rules, and a test checks that it is current. The rules run with
`pulumi preview --policy-pack policies`. The option `--policy-pack-config` names a file that changes levels
and settings. policies/config/ has such a file for each stack. Its form is:

```json
{"all": "advisory", "workload-limit-above-ceiling": {"enforcementLevel": "mandatory", "cpu": "2"}}
```

Levels: `mandatory` stops the run, `advisory` reports, `remediate` repairs (policies marked ✎), and `disabled`
switches a policy off. An exception is a waiver in policies/waivers.yaml, with an owner, a ticket and a
reason, for at most 180 days. A waiver is valid until the end of its last day in UTC. The page of each policy
has its reason, examples, options and the form of a waiver. Another program can use the pack, too
([docs/policies/README.md](policies/README.md)).

A run with `--target` checks the targeted resources and the resources that already exist. The engine does not
report other new resources, so in such a run their waivers count as unused.
"""


def render() -> str:
    """Return the whole document."""
    parts = [HEAD]
    for title, modules in TOPICS.items():
        parts.append(section(title, rules_of(*modules)))
    parts.append(
        section("The pack itself", sorted(pack_rules.RULES, key=lambda rule: rule.name), pages=False)
    )
    parts.append(controls())
    return "\n".join(parts)


def section(title: str, rules: list[Rule], pages: bool = True) -> str:
    """Return the section of one topic: a table of its policies, then their settings.

    With `pages`, each policy is linked to its page, else to the page of its topic.
    """
    lines = [
        f"## {title}",
        "",
        "| Policy | Requirement | Severity | Level | Controls | Remedy |",
        "|---|---|---|---|---|---|",
    ]
    for rule in rules:
        mark = " ✎" if rule.remedy else ""
        address = f"policies/{rule.name}.md" if pages else rule.url
        cells = (
            f"[{rule.name}]({address}){mark}",
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
    """Return the section of controls, with the policies that cover each."""
    policies_by_control: dict[str, list[str]] = {}
    for modules in TOPICS.values():
        for rule in rules_of(*modules):
            for control in rule.controls:
                policies_by_control.setdefault(control, []).append(rule.name)
    rows = [f"| {control} | {', '.join(names)} |" for control, names in sorted(policies_by_control.items())]
    return "\n".join(["## Controls", "", "| Control | Policies |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    print(render(), end="")
