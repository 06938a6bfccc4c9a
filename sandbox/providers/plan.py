"""A target that holds no resources and makes up the answers of the real API.

It serves quick tests, reviews, and Kubernetes while no control plane is built. A package's own plan
(`AwsPlan` …) adds the answers that do not fit the tables.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from sandbox.errors import RefusedError
from sandbox.providers.resource_types import Words, digits, resource_type, table
from sandbox.providers.target import LiveResource, Resource, Target
from sandbox.wire import schema
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.values import Json, added_properties, merge, plain, unknown_leaves

EMPTY: Json = {"a boolean": False, "a whole number": 0, "a number": 0, "a list": [], "an object": {}}

TIMES = ("Date", "At", "On", "Time", "Updated")
"""The endings of properties with a time."""


def now() -> str:
    """Return the current time as APIs write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Plan(Target):
    """A target that answers from the program's inputs, the state and the tables."""

    def identify(self, words: Words, resource: Resource) -> str:
        """Return the ID of a new resource."""
        return str(words.fill(resource_type(resource.type).id))

    def computed(self, resource: Resource, before: Json) -> Json:
        """Return the outputs that the API would add to the inputs; `before` are those in the state.

        They are the outputs that the SDK declares as always set, with a value of the right type, and the ones
        of the tables. A string without a table entry keeps its value, such as a creation date.
        """
        words = self.words(resource, resource.id)
        made: Json = {}
        for name, prop in schema.properties(schema.resource_class(resource.type)).items():
            if prop.required and name not in resource.inputs:
                kept = before.get(name)
                made[name] = kept if isinstance(kept, str) else self._plausible(resource, name, prop, words)
        return merge(made, words.fill(resource_type(resource.type).outputs))

    def _plausible(self, resource: Resource, name: str, prop: schema.Property, words: Words) -> Any:
        common = table(resource.type.partition(":")[0]).get("*", {}).get("outputs", {})
        option = next(iter(schema.value_hints(prop.hint)), Any)
        if schema.is_object(option):
            inner = schema.properties(option).items()
            return {key: self._plausible(resource, key, one, words) for key, one in inner if one.required}
        if schema.noun(option) in EMPTY:
            return EMPTY[schema.noun(option)]
        return words.fill(common[name]) if name in common else now() if name.endswith(TIMES) else ""

    def words(self, resource: Resource, seed: str) -> Words:
        """Return the variables of templates."""
        given = resource.known
        region = given.get("region") or resource.config.get("region") or REGION
        module = resource.type.split(":")[1].partition("/")[0]
        last = int(digits(seed, 2), 16)
        own = {"id": resource.id, "region": region, "account": ACCOUNT, "module": module}
        own["host"] = str(given.get("url")).removeprefix("https://")
        # An address of the block that RFC 5737 sets aside for documentation.
        return Words(given | own | {"address": f"203.0.113.{last}"}, seed)

    # The target

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        name = token.rpartition(":")[2]
        answers = cast(Json, table(token.partition(":")[0]).get("invokes", {}))
        if name not in answers:
            known = ", ".join(sorted(answers)) or "none of this provider"
            raise RefusedError(f"the sandbox has no answer to the look-up {token}; it knows {known}")
        asked = str(cast(Json, args.get("filter") or args).get("name"))
        region = args.get("region") or config.get("region") or REGION
        words = Words({"region": region, "account": ACCOUNT, "name": asked}, f"look-up of {asked}")
        return {**args, **words.fill(answers[name])}

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        return []

    def create(self, resource: Resource) -> LiveResource:
        made = replace(resource, inputs=resource.known)
        made = replace(made, id=self.identify(self.words(made, digits(resource.urn, 64)), made))
        return LiveResource(made.id, resource.inputs, merge(self.computed(made, {}), resource.inputs))

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        if not state:
            raise RefusedError(f"{resource.id} cannot be looked up: TARGETS=none holds nothing")
        return LiveResource(resource.id, resource.inputs, state)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        kept = added_properties(plain(before.outputs), plain(before.inputs))
        known = replace(resource, inputs=resource.known)
        return LiveResource(resource.id, resource.inputs, merge(self.computed(known, kept), resource.inputs))

    def delete(self, resource: Resource) -> None:
        pass

    def plan(self, resource: Resource) -> Json:
        made = self.computed(Resource(resource.urn, resource.type, resource.known, resource.config), {})
        return merge(unknown_leaves(made), resource.inputs)
