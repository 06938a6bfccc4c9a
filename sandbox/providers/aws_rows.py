"""How AWS's API keeps each type: which calls bring it up, read, change and take it away (aws_calls.toml).

A row's steps are calls. In what they send, `<path>` is JMESPath into the inputs and `id`, `region`, `account`
and `tags` (those of the resource and the provider's), `live` (what reading brought), `added` and `removed`
(items and keys that differ from it), `item` (of a step's `for`). What has no value is left out.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.providers.kinds import table
from sandbox.providers.target import Refused
from sandbox.providers.values import Json


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a type's row says."""

    service: str
    create: Json
    """A step, with `made`: JMESPath of the id in its answer, where the id is not made of the inputs. It sends
    all inputs that the call has a parameter for, or with `bare` none but those that it names."""
    read: list[Json]
    """Steps, with `take`: JMESPath of what they bring; the first one's tells whether the thing is there."""
    update: list[Json] = field(default_factory=list[Json])
    """Steps, with `when`: the inputs that they change."""
    finish: list[Json] = field(default_factory=list[Json])
    """Steps after a creation."""
    delete: list[Json] = field(default_factory=list[Json])
    stays: bool = False
    """Whether it is there after a deletion."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the API calls an input, where it is another word."""
    local: list[str] = field(default_factory=list[str])
    """Inputs that only tell the provider what to do: never sent by themselves, nor read."""
    unread: list[str] = field(default_factory=list[str])
    """Inputs that are sent, and that the API does not tell."""
    tag: list[Json] = field(default_factory=list[Json])
    """Steps that change tags, where they are not those of the service."""
    find: Json = field(default_factory=dict[str, Any])
    """A step whose `take` brings the ids of what a creation left, where it is not the service's."""
    id: str = ""
    """The id, where it is made of more than the inputs in kinds' template."""
    tagged: str = ""
    """What EC2 calls the type in its tags."""
    api: str = "moto"
    """Who answers: moto, or the sandbox itself (kept)."""
    unchecked: str = ""
    """What AWS refuses and nobody here does."""


@functools.cache
def row(token: str) -> Row:
    """A type's row; refused where it has none."""
    found = table("aws_calls").get(token)
    if found is None:
        raise Refused(f"the sandbox's AWS has no {token}: add a row to sandbox/providers/aws_calls.toml")
    return Row(**found)
