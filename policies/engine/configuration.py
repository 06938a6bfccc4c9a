"""The pack's configuration: what --policy-pack-config may say, and how it is refused."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, cast

from policies.engine.rule import Rule
from policies.model.property_values import from_plain


def faults(rules: Mapping[str, Rule], config: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Everything that is wrong with a configuration: the engine ignores names that no rule has."""
    found: list[str] = []
    for name, values in sorted(config.items()):
        if name == "all":
            if values:
                found.append(f'"all" takes an enforcement level only, not {", ".join(sorted(values))}')
            continue
        rule = rules.get(name)
        if rule is None:
            found.append(f'there is no policy "{name}"; {nearest(name, rules)}')
            continue
        for key, value in sorted(cast("dict[str, Any]", from_plain(values)).items()):
            option = rule.options.get(key)
            if option is None:
                found.append(f'{name} has no setting "{key}"; {nearest(key, rule.options)}')
            elif not option.valid(value):
                found.append(f"{name}.{key} is {value!r}; set it to {option.wanted}")
    return found


def nearest(name: str, names: Iterable[str]) -> str:
    """What to write in place of a name that does not exist."""
    known = sorted(names)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "it has " + ", ".join(known) if known and len(known) < 10 else "see docs/policies.md"
