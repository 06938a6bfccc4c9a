"""Checks for required keys in tags or labels."""

from policies.engine.patterns import STRING_LIST
from policies.engine.rule import Finding, Option, Verdicts
from policies.model.property_values import Value


def required_keys(default: list[str], description: str) -> Option:
    """Return an option that lists the keys that a rule requires."""
    return Option(default=default, schema={**STRING_LIST, "description": description})


def missing_keys(tags: Value, present: set[str], required: list[str], suffix: str = "") -> Verdicts:
    """Report the required keys that are not present; `suffix` follows each key in the remedy."""
    missing = [key for key in required if key not in present]
    if missing:
        names = ", ".join(missing)
        shown = "not set" if tags.absent else f"without {names}"
        additions = ", ".join(f"{key}{suffix}" for key in missing)
        yield Finding(tags.path, shown, f"add {additions}", tags.absent)
