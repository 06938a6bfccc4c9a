"""Resource types that hold data, with the fate of the data when a resource is deleted or replaced."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FACTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
"""`types` maps a resource type to the fate of its data; `when` lists the fates that depend on a property."""


def data_loss(resource_type: str, inputs: Mapping[str, Any]) -> str:
    """Return the fate of a resource's data, which depends on its type and inputs; empty if it holds none."""
    loss: str = FACTS["types"].get(resource_type, "")
    for rule in FACTS["when"]:
        if rule["type"] == resource_type and inputs.get(rule["property"]) is True:
            loss = rule["message"]
    return loss
