"""Resource types that hold data, with the loss of data when a resource is deleted or replaced."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FACTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
"""`types` describes the loss of data by resource type, and `patterns` that of types that match a pattern;
`when` has the losses that depend on a property.
"""


def data_loss(resource_type: str, inputs: Mapping[str, Any]) -> str:
    """Describe the loss of data if a resource of a type with these inputs is deleted; empty without data."""
    patterns = (rule["message"] for rule in FACTS["patterns"] if re.fullmatch(rule["pattern"], resource_type))
    loss: str = FACTS["types"].get(resource_type) or next(patterns, "")
    for rule in FACTS["when"]:
        if rule["type"] == resource_type and inputs.get(rule["property"]) is True:
            loss = rule["message"].format(loss=loss)
    return loss
