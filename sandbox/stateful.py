"""Resource types that hold data, with the fate of the data when a resource is deleted or replaced."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FACTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
"""`types` maps types to the loss; `when` has the losses that depend on a property."""


def data_loss(resource_type: str, inputs: Mapping[str, Any]) -> str:
    """Return the loss of a resource's data, by its inputs, else by its type; empty if it has no data."""
    loss: str = FACTS["types"].get(resource_type, "")
    for rule in FACTS["when"]:
        if rule["type"] == resource_type and inputs.get(rule["property"]) is True:
            loss = rule["message"]
    return loss
