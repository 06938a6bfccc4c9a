"""The IAM actions of operations, from the table actions.toml."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("actions.toml").read_text())

NAMES: Mapping[str, str] = _TABLE["names"]
"""The action of each operation whose action has another name."""

PASSED_ROLES: Mapping[str, Mapping[str, str]] = _TABLE["passed_roles"]
"""The service to which a request passes a role, by operation and by the path of the role's parameter."""

_PREFIXES: Mapping[str, str] = _TABLE["prefixes"]
_TAGGING: Mapping[str, str] = _TABLE["tagging"]


def prefix_of(service: str) -> str:
    """Return the prefix of a service's actions and ARNs; `service` is botocore's name of it."""
    return _PREFIXES.get(service, service)


def action_of(service: str, operation: str) -> str:
    """Return the action of an operation, such as `s3:PutEncryptionConfiguration` for PutBucketEncryption."""
    return NAMES.get(f"{service}:{operation}", f"{prefix_of(service)}:{operation}")


def tagging_action(service: str, operation: str) -> str:
    """Return the action that an operation with tags needs besides its own; empty if it needs none."""
    return _TAGGING.get(f"{service}:{operation}", _TAGGING.get(service, ""))
