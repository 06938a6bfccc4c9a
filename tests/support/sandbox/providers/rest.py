"""Resources of the program put to the targets behind Cloudflare's and Datadog's APIs."""

from dataclasses import dataclass, replace
from typing import Any

from sandbox.providers.rest import RestTarget
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import project


@dataclass(frozen=True)
class Case:
    """A resource, something else for it, and what somebody else does to it at its path in the API."""

    type: str
    inputs: dict[str, Any]
    change: dict[str, Any]
    drift: dict[str, Any]
    """What a refresh finds after `verb` with `body` was sent."""
    body: Any = None
    verb: str = "PUT"
    kept: bool = False
    """Whether it is still there when it was deleted."""
    found: int = 1
    """How many `find` finds; 0: creating it again makes no second one."""

    def resource(self, ident: str = "", **change: Any) -> Resource:
        """The resource, with other inputs."""
        return Resource(f"urn:pulumi:dev::pipe::{self.type}::it", self.type, self.inputs | change, {}, ident)


def there(target: RestTarget, resource: Resource) -> dict[str, Any]:
    """The inputs that are there, of those that the program gives."""
    live = target.read(resource, {})
    assert live is not None
    return project(live.inputs, resource.inputs)


def live_through(target: RestTarget, case: Case) -> None:
    """Create, find, read, refresh without and with a change by others, update, delete."""
    wanted = case.resource()
    target.plan(wanted)
    made = target.create(wanted)
    own = replace(wanted, id=made.id)
    assert project(made.outputs, case.inputs) == case.inputs
    assert [live.id for live in target.find(wanted)] == [made.id] * case.found
    assert target.find(wanted, [made.id]) == []
    assert there(target, own) == case.inputs
    again = target.read(own, made.outputs)
    assert again is not None and again.outputs == made.outputs

    if case.drift:
        path = target._object_path(own)  # pyright: ignore[reportPrivateUsage]
        assert target.call(case.verb, path, case.body) is not None
        assert there(target, own) == case.inputs | case.drift
        target.update(own, made)
        assert there(target, own) == case.inputs

    if case.change:
        other = case.resource(made.id, **case.change)
        target.plan_update(other, LiveResource(made.id, wanted.inputs, made.outputs))
        after = target.update(other, made)
        assert after.id == made.id and there(target, other) == other.inputs

    target.delete(own)
    assert (target.read(own, {}) is not None) == case.kept
    target.delete(own)  # once more does no harm
