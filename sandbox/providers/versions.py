"""The outputs that tell the version of an object, to which an update of the object gives another value.

Engines, platforms and APIs have versions, too, which an update of other inputs leaves as they are.
"""

import re
from collections.abc import Sequence
from typing import Any, cast

from sandbox.providers.resource_types import table
from sandbox.providers.target import DEFAULTS, HARMLESS
from sandbox.wire import schema
from sandbox.wire.values import Json, plain

VERSION = re.compile(
    r"(?:v|(?:config|configuration|css|current|default|document|latest|policy|(?:latest|next)Schema)V)"
    r"ersion(?:Id|Token)?"
    r"|(?:r|latestR)evision(?:Id)?"
    r"|(?:lock|update|policyUpdate)Token"
    r"|etag|\w+Etag|checksum\w*"
    r"|(?:last(?:Modified|Updated?)|modified|updated?)(?:At|Date|DateTime|On|Time|Timestamp)?|dateUpdated"
)
"""Pattern of the names of outputs that tell the version of an object itself, its content or the time of its
last change, if they are no inputs as well. The serial number or fingerprint of a certificate or key is none:
another one is another object.
"""

UNSENT = HARMLESS | {"forceDestroy", "forceDelete", "skipDestroy", "skipFinalSnapshot"}
"""Inputs of AWS's types without an effect on the object: tags, which are apart, and what only deletes it."""


def changed_versions(token: str, before: Json, after: Json) -> set[str]:
    """Return the paths of the outputs that an update from one set of inputs to another changes.

    The package's table has the types to which more or less applies (`versions`): an output changes together
    with the inputs in a list, where `*` stands for all, or with any input if a certain one is true. An empty
    list stands for an output that stays.
    """
    package, old, new = token.partition(":")[0], plain(before), plain(after)
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)} - {DEFAULTS}
    changed -= UNSENT if package == "aws" else set()
    if not changed:
        return set()
    try:
        outputs, inputs = (
            schema.properties(cls(token)).keys() for cls in (schema.resource_class, schema.args_class)
        )
    except schema.UnknownTypeError:  # The SDK has no class for a custom resource.
        return set()
    names = (name for name in outputs - inputs if VERSION.fullmatch(name))
    reasons: dict[str, list[str]] = {name: ["*"] for name in names}
    rows = cast("dict[str, list[str] | str]", table(package).get("versions", {}).get(token, {}))
    for path, row in rows.items():
        reasons[path] = row if isinstance(row, list) else ["*"] if new.get(row) else []
    return {
        path for path, causes in reasons.items() if path not in new and ("*" in causes or changed & {*causes})
    }


def member_at(value: Any, names: Sequence[str]) -> Any:
    """Return the member of an object at a path of names; None if it has none."""
    for name in names:
        value = cast(Json, value).get(name) if isinstance(value, dict) else None
    return value
