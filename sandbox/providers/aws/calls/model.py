"""The description of the calls that create, read, change and delete a type of AWS resource."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from sandbox.wire.values import Json

CREATION_TAG = "sandbox:made-for"
"""The key of the tag that identifies a resource without a physical name after an interrupted run."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The values that the calls for a resource can use. `context["name"]` is an input; None without one."""

    id: str = ""
    region: str = ""
    account: str = ""
    inputs: Json = field(default_factory=dict[str, Any])
    """The inputs. They override the state's properties, which only a read has, and the parts of the ID."""
    live: Json = field(default_factory=dict[str, Any])
    """The properties that the calls for reading have returned."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """The tags of the resource, with the provider's default tags and the creation tag."""
    added: Json = field(default_factory=dict[str, Any])
    """The items of each list that the live resource lacks, and the missing keys of tags; None without any."""
    removed: Json = field(default_factory=dict[str, Any])
    """The live items of each list that the program does not set, and such keys of tags; None without any."""
    mark: str = ""
    """The value of the tag by which an interrupted creation is found."""
    item: Any = None
    """An item of the call's `items`."""

    def __getitem__(self, name: str) -> Any:
        return self.inputs.get(name)

    def object(self, name: str) -> Json:
        """Return an input that is an object; empty if it is not set."""
        return self.inputs.get(name) or {}

    def list(self, name: str) -> list[Any]:
        """Return an input that is a list; empty if it is not set."""
        return self.inputs.get(name) or []

    def text(self, name: str) -> str:
        """Return an input as text; empty if it is not set."""
        value = self.inputs.get(name)
        return "" if value is None else str(value)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the account and the region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


Arguments: TypeAlias = Callable[[Context], Json]
Condition: TypeAlias = Callable[[Context], Any]


def no_arguments(context: Context) -> Json:
    """Return no arguments, for a call that has none."""
    return {}


@dataclass(frozen=True)
class Items:
    """A list of items, each of which gets its own call.

    The list comes from the response to the call of `action`, from which `take` selects the items.
    """

    action: str
    arguments: Arguments
    take: Callable[[Json], Iterable[Any]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call, or a call for each of several items.

    - `arguments`: returns the arguments. Those without a value are left out; if none has one, no call is made
    - `items`: returns the items, or a call whose response has them; the arguments use `context.item`
    - `service`: the service, if it differs from that of the resource type
    """

    action: str
    arguments: Arguments = no_arguments
    items: Items | Callable[[Context], Iterable[Any] | None] | None = None
    service: str = ""


@dataclass(frozen=True, kw_only=True)
class Change(Step):
    """A call that changes something.

    - `when`: the inputs that an update by this call changes; the call sends those that differ
    - `condition`: the call is made only if this returns a value
    - `bare`: True if the call sends only the arguments, and no other inputs
    """

    when: tuple[str, ...] = ()
    condition: Condition | None = None
    bare: bool = False


@dataclass(frozen=True, kw_only=True)
class Read(Step):
    """A call that reads a part of a resource.

    - `take`: returns the properties in the response, or None if the resource does not exist
    - `as_list`: the property whose value is the list of the results for all `items`; empty for other calls
    """

    take: Callable[[Json, Context], Json | None]
    as_list: str = ""


@dataclass(frozen=True, kw_only=True)
class Find(Step):
    """A call that finds resources of an interrupted creation; `take` returns the IDs in the response."""

    take: Callable[[Json, Context], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class ResourceCalls:
    """The calls for a type of resource."""

    service: str
    create: Change
    """The call that creates a resource; it sends every input for which it has a parameter."""
    created_id: Callable[[Json], str] | None = None
    """Returns the ID in the response to `create`; None if the ID can be derived from the inputs."""
    read: tuple[Read, ...]
    """The calls that read the resource. If the first one returns None, the resource does not exist."""
    update: tuple[Change, ...] = ()
    finish: tuple[Change, ...] = ()
    """Further calls that complete a creation."""
    delete: tuple[Change, ...] = ()
    stays: bool = False
    """True if the resource still exists after its deletion."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """The API's names for inputs that have another name in the API."""
    local: tuple[str, ...] = ()
    """Inputs that are only settings of the provider: they are neither sent by themselves nor read."""
    unread: tuple[str, ...] = ()
    """Inputs that are sent, but that the API does not return."""
    deferred: Callable[[Json], Iterable[str]] | None = None
    """Returns the API's names of inputs that the API has accepted, but applies later."""
    tag: tuple[Change, ...] = ()
    """Calls that change tags, in place of the service's."""
    find: Find | None = None
    """The search for a creation that was interrupted, in place of the service's."""
    id: Callable[[Context], str] | None = None
    """Returns the ID, if the template in resource_types.toml does not suffice."""
    tagged: str = ""
    """The type's name in EC2's tag specifications; empty if a creation sends no tag specification."""
    is_emulated: bool = False
    """True if the sandbox itself handles the calls, False if moto does."""
    unchecked: str = "nothing else"
    """The checks of AWS that the sandbox lacks, for the table in docs/sandbox.md."""


def first(items: Iterable[Any] | None) -> Any:
    """Return the first item; None if there is none."""
    return next(iter(items or ()), None)


def first_object(items: Iterable[Any] | None) -> Json:
    """Return the first object; an empty one if there is none."""
    return first(items) or {}


def items_of(api_object: Json, name: str) -> list[Any]:
    """Return the list in a member of an object; an empty one if the object has none."""
    return api_object.get(name) or []


def members(api_object: Json | None, /, **names: str) -> Json | None:
    """Return members of an API's object under other names; None if there is no object."""
    return None if api_object is None else {name: api_object.get(key) for name, key in names.items()}


def extended(api_object: Json | None, /, **more: Any) -> Json | None:
    """Return an API's object with more members; None if there is no object."""
    return None if api_object is None else {**api_object, **more}


def without_empty(value: Any) -> Any:
    """Return arguments without those that have no value; None if none has a value.

    An object whose members have no value is left out. So is an item of a list whose first member has none.
    """
    if isinstance(value, dict):
        return _without_empty_members(cast(Json, value))
    if isinstance(value, list) and value:
        return [
            without_empty(item)
            for item in cast(list[Any], value)
            if item is not None and not _lacks_first_member(item)
        ] or None
    return cast(Any, value)


def _without_empty_members(value: Json) -> Json | None:
    if not value:
        return value
    full = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in full.items() if item is not None} or None


def _lacks_first_member(item: Any) -> bool:
    if not item or not isinstance(item, dict):
        return False
    return without_empty(first(cast(Json, item).values())) is None
