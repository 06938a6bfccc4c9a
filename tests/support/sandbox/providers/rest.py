"""The lifecycle of a resource on the local APIs of Cloudflare and Datadog."""

from dataclasses import dataclass, replace
from typing import Any

from sandbox.providers.rest.target import RestTarget
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import project


@dataclass(frozen=True)
class Case:
    """A resource, a change by the program, and a change by another client."""

    type: str
    inputs: dict[str, Any]
    change: dict[str, Any]
    """The inputs that the program changes."""
    drift: dict[str, Any]
    """The inputs that a refresh finds changed after a request with `verb` and `body` to the object's path."""
    body: Any = None
    verb: str = "PUT"
    survives_deletion: bool = False
    """True if the object still exists after the deletion."""
    matches: int = 1
    """The number of objects that `find` returns; 0 if a second creation cannot make a duplicate."""

    def resource(self, live_id: str = "", **change: Any) -> Resource:
        """Return the resource with some inputs changed."""
        return Resource(
            f"urn:pulumi:dev::pipe::{self.type}::it", self.type, self.inputs | change, {}, live_id
        )


def read_inputs(target: RestTarget, resource: Resource) -> dict[str, Any]:
    """Return the live values of the program's inputs."""
    live = target.read(resource, {})
    assert live is not None
    return project(live.inputs, resource.inputs)


def check_lifecycle(target: RestTarget, case: Case) -> None:
    """Check a resource's creation, search, read, refresh (also after drift), update and deletion."""
    declared = case.resource()
    target.plan(declared)
    live = target.create(declared)
    created = replace(declared, id=live.id)
    assert project(live.outputs, case.inputs) == case.inputs
    assert [candidate.id for candidate in target.find(declared)] == [live.id] * case.matches
    assert target.find(declared, [live.id]) == []
    assert read_inputs(target, created) == case.inputs
    again = target.read(created, live.outputs)
    assert again is not None and again.outputs == live.outputs

    if case.drift:
        path = target._object_path(created)  # pyright: ignore[reportPrivateUsage]
        assert target.call(case.verb, path, case.body) is not None
        assert read_inputs(target, created) == case.inputs | case.drift
        target.update(created, live)
        assert read_inputs(target, created) == case.inputs

    if case.change:
        changed = case.resource(live.id, **case.change)
        target.plan_update(changed, LiveResource(live.id, declared.inputs, live.outputs))
        after = target.update(changed, live)
        assert after.id == live.id and read_inputs(target, changed) == changed.inputs

    target.delete(created)
    assert (target.read(created, {}) is not None) == case.survives_deletion
    target.delete(created)  # A second deletion is not an error.
