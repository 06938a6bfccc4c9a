"""A target that stores no resources and simulates the responses of the real API.

It is used for quick tests, for reviews, and for Kubernetes if no control plane is built. A package's own
subclass, such as `AwsPlan`, adds the responses that the tables cannot express.
"""

import functools
import json
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.providers.invented_lists import ITEMS, item_paths
from sandbox.providers.resource_types import TemplateVariables, digits, is_described, resource_type, table
from sandbox.providers.target import LiveResource, Resource, Target
from sandbox.providers.versions import changed_versions, member_at
from sandbox.wire import schema
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.sentinels import INVENTED, INVENTED_NUMBERS, SIGNATURE
from sandbox.wire.values import (
    UNKNOWN,
    Json,
    added_properties,
    known,
    map_pairs,
    merge,
    plain,
    unknown_leaves,
)

EMPTY: Json = {"a boolean": False, "a whole number": 0, "a number": 0, "a list": [], "an object": {}}
"""The simulated value for each type, by the noun for the type."""

TIMES = ("Date", "At", "On", "Time", "Updated")
"""Endings of property names; a property with such an ending is a time."""

SET_TIMES = re.compile(r"\w*[cC]reat\w*|(?:last)?(?:[mM]odified|[uU]pdated?)\w*")
"""Pattern of the names of times that each object has. Others may be empty, such as that of a backup."""

PUBLIC, PRIVATE = IPv4Address("240.0.0.0"), IPv4Address("172.16.0.0")
"""The first address of the block that RFC 1112 reserves, so that nobody has an address of it, and that of a
private block (RFC 1918), with 28 and 20 bits.
"""

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""The earliest time that a review invents."""


def now() -> str:
    """Return the current time in the format of APIs."""
    return show_time(datetime.now(UTC))


def show_time(time: datetime) -> str:
    """Return a time in the format of APIs."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Plan(Target):
    """A target that derives its responses from the program's inputs, the state and the tables.

    With `recognizable`, an output that no table describes gets a value that a review recognizes, instead of
    an empty one, which a program could write as well. A list has several different items, as on an account.
    A boolean is unknown, and so is a map, whose keys the program may know, and what an API may add.

    Every value that an account would choose depends on the `salt`. Nobody who does not know it can choose a
    name that gives a resource the value of another one, or write such a value into a program.
    """

    _recognizable = False
    _salt = ""

    def __init__(self, *, recognizable: bool = False, salt: str = "") -> None:
        self._recognizable = recognizable
        self._salt = salt

    def identify(self, variables: TemplateVariables, resource: Resource) -> str:
        """Return the ID of a new resource.

        In a review, the ID of a type that no table describes is recognizable, as its other outputs: it may be
        a name that the program chooses.
        """
        if self._recognizable and not is_described(resource.type):
            return self._invented_text(("id",), resource.seed or resource.urn)
        return str(variables.fill(resource_type(resource.type).id))

    def computed(self, resource: Resource, before: Json) -> Json:
        """Return the outputs that the API would add to the inputs; `before` has the outputs in the state.

        These are the outputs that the SDK declares as always set, with a value of the right type, and the
        outputs in the tables. A string that is in no table, such as a creation date, keeps its old value, and
        so does what a review recognizes: a renamed resource has the outputs of its former name. A review also
        needs a value for what the API would add to an object that the program declares in part. An output
        that may be missing is unknown there, since its input may have a default (pulumi-terraform-bridge,
        pkg/tfbridge/schema.go: applyDefaults).
        """
        variables = self.variables(resource, resource.seed or self.place(resource))
        outputs: Json = {}
        for name, prop in schema.properties(schema.resource_class(resource.type)).items():
            old = before.get(name)
            if name in resource.inputs:
                value = self._missing((name,), prop.hint, resource.inputs[name], variables, resource)
            elif not prop.required:
                value = UNKNOWN if self._recognizable else None
            else:
                value = (
                    old if isinstance(old, str) else self._plausible((name,), prop.hint, variables, resource)
                )
            if value is not None:
                outputs[name] = _keep_old(value, old) if self._recognizable else value
        return merge(outputs, variables.fill(resource_type(resource.type).outputs))

    def _plausible(
        self,
        path: tuple[str, ...],
        hint: Any,
        variables: TemplateVariables,
        resource: Resource,
        outer: tuple[Any, ...] = (),
    ) -> Any:
        """Return a value of the right type for the output at a path.

        An object has its required members. In a review, it has all members: the SDK declares those of outputs
        as optional, whether or not the API sets them. A map and an object in an object of its class are
        unknown. `outer` are the classes of the outer objects.
        """
        option = next(iter(schema.value_hints(hint)), Any)
        noun, inner = schema.noun(option), typing.get_args(option)
        if schema.is_object(option):
            if option in outer:
                return UNKNOWN
            return {
                key: self._plausible((*path, key), member.hint, variables, resource, (*outer, option))
                for key, member in schema.properties(option).items()
                if member.required or self._recognizable
            }
        if self._recognizable and noun == "a list" and inner:
            places = item_paths(path, schema.resource_class(resource.type))
            return [self._plausible(place, inner[0], variables, resource, outer) for place in places]
        if noun in EMPTY:
            if not self._recognizable:
                return EMPTY[noun]
            # A program that asks an invented map for a key would get nothing, whichever key this is.
            return UNKNOWN if noun == "an object" else self._invent(noun, path, resource.urn)
        common = table(resource.type.partition(":")[0]).get("*", {}).get("outputs", {})
        # In a review, an object in a resource must not have the ARN of the resource.
        if path[-1] in common and (len(path) == 1 or not self._recognizable):
            return variables.fill(common[path[-1]])
        if path[-1].endswith(TIMES) and (not self._recognizable or SET_TIMES.fullmatch(path[-1])):
            return self.time(variables, "_".join(path))
        return self._invented_text(path, resource.seed or resource.urn) if self._recognizable else ""

    def _missing(
        self, path: tuple[str, ...], hint: Any, value: Any, variables: TemplateVariables, resource: Resource
    ) -> Any:
        """Return what an API may add to the objects in an input; None if it adds nothing.

        Without a review, it adds nothing. It chooses texts and numbers, such as the ID of a volume. Whether
        it adds a boolean, an object or a map, and which, is unknown.
        """
        option = next(iter(schema.value_hints(hint)), Any)
        inner = typing.get_args(option)
        if not self._recognizable:
            return None
        if isinstance(value, list) and inner and schema.is_object(_innermost(inner[0])):
            items = enumerate(cast(list[Any], value))
            added = [self._missing((*path, str(n)), inner[0], item, variables, resource) for n, item in items]
            return None if None in added else added
        if not isinstance(value, dict) or not schema.is_object(option):
            return None
        declared, members = cast(Json, value), schema.properties(option).items()
        values = {
            key: self._missing((*path, key), member.hint, declared[key], variables, resource)
            if key in declared
            else UNKNOWN
            if schema.is_object(_innermost(member.hint))
            else self._plausible((*path, key), member.hint, variables, resource)
            for key, member in members
        }
        return {key: item for key, item in values.items() if item is not None}

    def variables(self, resource: Resource, seed: str) -> TemplateVariables:
        """Return the variables for templates: the inputs, and facts about the resource."""
        inputs = known(self.stored(resource))
        facts = {
            "id": resource.id,
            "region": inputs.get("region") or resource.config.get("region") or REGION,
            "account": self.account_of(resource.config),
            "module": resource.type.split(":")[1].partition("/")[0],
            "path": inputs.get("path") or "/",  # the default path of roles and policies in IAM
            "host": str(inputs.get("url")).removeprefix("https://"),
            "publicAddress": str(PUBLIC + int(digits(self._salt + seed, 7), 16)),
            "privateAddress": str(PRIVATE + int(digits(self._salt + seed, 5), 16)),
        }
        defaults = {
            name: value
            for name, value in resource_type(resource.type).outputs.items()
            if isinstance(value, int)
        }

        def invent(name: str) -> str:
            return self._invented_text(("default", name), seed) if self._recognizable else ""

        return TemplateVariables({**defaults, **inputs, **facts}, self._salt + seed, invent)

    def stored(self, resource: Resource) -> Json:
        """Return the inputs in the form in which the API returns them."""
        return resource.inputs

    def choose_names(self, resource: Resource, before: Json, seed: str) -> Json:
        """Return the names that the API chooses for a resource, at the paths of the inputs that it lacks.

        `before` has the outputs in the state. A name stays the same.
        """
        return {}

    def account_of(self, config: Mapping[str, Any]) -> str:
        """Return the AWS account to which the settings of a provider lead."""
        return ACCOUNT

    def caller(self, config: Mapping[str, Any]) -> Json:
        """Return variables for look-ups about the user to whom the settings of a provider lead."""
        return {}

    def time(self, variables: TemplateVariables, name: str) -> str:
        """Return the current time for an output, as the API would; with a salt, an invented time."""
        seconds = int(variables[f"hex7_{name}"], 16) // 2  # at most until April 2024
        return show_time(EARLIEST + timedelta(seconds=seconds)) if self._salt else now()

    def place(self, resource: Resource) -> str:
        """Return a text that is different for resources with equal IDs, which may be names."""
        region = resource.known.get("region") or resource.config.get("region") or REGION
        return f"{resource.id} {resource.type} {region} {self.account_of(resource.config)}"

    def _invent(self, noun: str, path: Sequence[str], urn: str) -> Any:
        """Return a value in place of an empty one that a review recognizes; unknown for a boolean."""
        text = self._invented_text(path, urn)
        number = INVENTED_NUMBERS[int(digits(self._salt + text, 16), 16) % len(INVENTED_NUMBERS)]
        return {
            "a boolean": UNKNOWN,
            "a whole number": number,
            "a number": number,
            "a list": [self._invented_text((*path, str(index)), urn) for index in range(ITEMS)],
            "an object": {text: text},
        }[noun]

    def _invented_text(self, path: Sequence[str], urn: str) -> str:
        """Return the text for an output that no table describes.

        It differs for each output of each resource, so a report shows if two of them change places. It has
        nothing of the stack's name, by which the changes of several stacks would differ.
        """
        place = digits(f"{self._salt}{urn.split('::', 2)[-1]} {'.'.join(path)}", 16)
        name = next((part for part in reversed(path) if not part.isdecimal()), "")
        return f"{INVENTED}-{place}-{name}"

    def hide_unpredictable(self, resource: Resource, outputs: Json) -> Json:
        """Return the outputs in a state, but with unknown values for what a preview does not know."""
        if not self._recognizable:
            return outputs
        return cast(Json, _hide_unknown(outputs, self.computed(replace(resource, inputs=resource.known), {})))

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        look_up = token.rpartition(":")[2]
        answers = cast(Json, table(token.partition(":")[0]).get("invokes", {}))
        if look_up not in answers:
            names = ", ".join(sorted(answers)) or "no look-up of this provider"
            raise ProviderError(f"the sandbox cannot answer the look-up {token}; it answers {names}")
        searched = cast(Json, args.get("filter") or args)
        region = args.get("region") or config.get("region") or REGION
        values = {"region": region, "account": self.account_of(config), **self.caller(config)}
        seed = f"{self._salt}look-up in {values['account']} of {json.dumps(searched, sort_keys=True)}"
        variables = TemplateVariables(values, seed)
        for key in ("name", "name_second", "name_third"):  # The name that is searched, or several.
            # A name with an operator, such as `contains:app`, is none, and names of zones are in lower case.
            name = str(searched.get("name") or "").lower()
            variables[key] = name if name and ":" not in name else variables[f"hex16_{key}"]
        answer = {**variables.fill(answers[look_up]), **args}
        return merge(self._invent_answer(token, f"{token} in {region} {seed}"), answer)

    def _invent_answer(self, token: str, seed: str) -> Json:
        """Return a recognizable value for each member of a look-up's answer that is no argument.

        A text stands for a boolean, since no boolean is recognizable and the SDK turns an unknown value of an
        answer into None (pulumi/runtime/rpc.py: deserialize_property). Outside of a review, the answer is
        empty.
        """
        if not self._recognizable:
            return {}
        cls = schema.answer_class(token)
        return {
            name: self._invent_value((name,), member.hint, cls, seed)
            for name, member in schema.properties(cls).items()
            if member.required
        }

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        return []

    def create(self, resource: Resource) -> LiveResource:
        seed = digits(resource.seed or resource.urn, 64)
        names = self.choose_names(resource, {}, seed)
        named = replace(resource, inputs=merge(names, resource.known))
        created = replace(named, id=self.identify(self.variables(named, seed), named))
        outputs = merge(self.computed(created, {}), names)
        return LiveResource(created.id, resource.inputs, merge(outputs, self.stored(resource)))

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        if not state:
            raise ProviderError(f"{resource.id} cannot be looked up: with TARGETS=none, no resource exists")
        outputs = merge(self.invent_all(resource), state) if self._recognizable else state
        return LiveResource(resource.id, resource.inputs, outputs)

    def invent_all(self, resource: Resource) -> Json:
        """Return a recognizable value for each property of a resource that the program only reads.

        The program names some of its properties, and an account has the others. A text stands for a boolean:
        no boolean is recognizable, and the engine refuses an unknown value (pulumi/pulumi,
        sdk/go/common/resource/plugin/provider_plugin.go: Read). A type without a class in the SDK has no
        known properties.
        """
        seed = f"{resource.urn} {resource.id}"
        try:
            cls = schema.resource_class(resource.type)
        except schema.UnknownTypeError:
            return {}
        properties = schema.properties(cls).items()
        return {name: self._invent_value((name,), prop.hint, cls, seed) for name, prop in properties}

    def _invent_value(
        self, path: tuple[str, ...], hint: Any, cls: type[Any], seed: str, outer: tuple[Any, ...] = ()
    ) -> Any:
        """Return a recognizable value of the right type, or a text for a boolean; an object has all members.

        An object in an object of its class is a map. `outer` are the classes of the outer objects, and `cls`
        that of the whole.
        """
        option = next(iter(schema.value_hints(hint)), Any)
        noun, inner = schema.noun(option), typing.get_args(option)
        if schema.is_object(option) and option not in outer:
            members = schema.properties(option).items()
            inside = (*outer, option)
            return {
                key: self._invent_value((*path, key), item.hint, cls, seed, inside) for key, item in members
            }
        if noun == "a list" and inner:
            places = item_paths(path, cls)
            return [self._invent_value(place, inner[0], cls, seed, outer) for place in places]
        is_text = noun == "a boolean" or noun not in EMPTY
        return self._invented_text(path, seed) if is_text else self._invent(noun, path, seed)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        old = added_properties(plain(before.outputs), plain(before.inputs))
        names = self.choose_names(resource, plain(before.outputs), self.place(resource))
        named = replace(resource, inputs=merge(names, resource.known))
        outputs = merge(self.computed(named, old), names)
        outputs = merge(outputs, self._new_versions(named, before))
        return LiveResource(resource.id, resource.inputs, merge(outputs, self.stored(resource)))

    def _new_versions(self, resource: Resource, before: LiveResource) -> Json:
        """Return the outputs that an update changes, so that a review shows what depends on them.

        A number counts the versions. Any other value is another invented one, of the same form.
        """
        paths = changed_versions(resource.type, before.inputs, resource.inputs) if self._recognizable else ()
        if not paths:
            return {}
        # As the other invented values, these have nothing of the stack's name.
        seed = f"urn:pulumi:stack::project::{resource.urn.split('::', 2)[-1]} {self.place(resource)} updated"
        values, old_values = self.computed(replace(resource, seed=seed), {}), plain(before.outputs)
        versions: Json = {}
        for names in (path.split(".") for path in paths):
            value, old = member_at(values, names), member_at(old_values, names)
            if isinstance(old, int | float) and not isinstance(old, bool):
                value = old + 1
            if value is not None:
                versions = merge(
                    versions, functools.reduce(lambda inner, name: {name: inner}, names[::-1], value)
                )
        return versions

    def delete(self, resource: Resource) -> None:
        pass

    def plan(self, resource: Resource) -> Json:
        declared = Resource(resource.urn, resource.type, resource.known, resource.config)
        return merge(unknown_leaves(self.computed(declared, {})), resource.inputs)


def _hide_unknown(value: Any, computed: Any) -> Any:
    """Return a value of a state with the unknown values of the computed one.

    In a state, such a value is a boolean, an empty map, or missing.
    """
    if computed is UNKNOWN and (value is None or isinstance(value, bool) or value == {}):
        return UNKNOWN.value
    if isinstance(value, dict) and isinstance(computed, dict) and SIGNATURE not in value:
        unknown = {key: None for key, item in cast(Json, computed).items() if item is UNKNOWN}
        value = unknown | cast(Json, value)
    return map_pairs(cast(Any, value), computed, _hide_unknown)


def _keep_old(value: Any, old: Any) -> Any:
    """Return a computed value with the texts and the invented numbers of the old value."""
    if isinstance(old, float | int):
        # A range compares a float with each of its numbers, which would take days here.
        return old if isinstance(old, int) and old in INVENTED_NUMBERS else value
    if isinstance(value, str):
        return old if isinstance(old, str) else value
    return map_pairs(value, old, _keep_old)


def _innermost(hint: Any) -> Any:
    """Return the hint for the items of a list, also of a list of lists; for another value, its own."""
    option = next(iter(schema.value_hints(hint)), Any)
    inner = typing.get_args(option)
    return _innermost(inner[0]) if schema.noun(option) == "a list" and inner else option
