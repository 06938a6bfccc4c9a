"""Checks of the configuration that --policy-pack-config passes to the pack."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, cast

from policies.engine.rule import Rule
from policies.model.property_marks import from_plain


def faults(rules: Mapping[str, Rule], config: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the faults of a configuration; the engine itself ignores unknown names."""
    messages: list[str] = []
    for name, values in sorted(config.items()):
        if name == "all":
            if values:
                messages.append(f'"all" takes an enforcement level only, not {", ".join(sorted(values))}')
            continue
        rule = rules.get(name)
        if rule is None:
            messages.append(f'there is no policy "{name}"; {nearest(name, rules)}')
            continue
        for key, value in sorted(cast("dict[str, Any]", from_plain(values)).items()):
            option = rule.options.get(key)
            if option is None:
                messages.append(f'{name} has no setting "{key}"; {nearest(key, rule.options)}')
            elif not option.valid(value):
                messages.append(f"{name}.{key} is {value!r}; set it to {option.wanted}")
    return messages


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint for an unknown name: similar names, all names if they are few, or the page to read."""
    known = sorted(names)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "it has " + ", ".join(known) if known and len(known) < 10 else "see docs/policies.md"
