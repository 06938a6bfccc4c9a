"""A resource in the AWS API: its reads, its changes, and the search for interrupted creations."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.providers.api_values import align, to_properties
from sandbox.providers.aws.calls.model import CREATION_TAG, Read
from sandbox.providers.aws.resource_requests import ResourceRequests
from sandbox.providers.aws.tags import FINDS, TAGS
from sandbox.providers.diff import changes
from sandbox.providers.target import LiveResource
from sandbox.wire import schema
from sandbox.wire.values import Json, plain, project


class AwsResource(ResourceRequests):
    """A resource in the AWS API, with the reads and changes that the calls for its type describe."""

    def with_id(self, aws_id: str) -> "AwsResource":
        """Return the same resource, but with an ID."""
        return AwsResource(self._clients, replace(self.resource, id=aws_id), self._account)

    def find_ids(self) -> list[str]:
        """Return the IDs of resources that an interrupted creation may have left."""
        if self._has_natural_id:
            return [self.natural_id()]
        step = self.calls.find or FINDS[self.calls.service]
        context = replace(self._context(), mark=self._creation_tag[CREATION_TAG])
        ids: list[str] = []
        for item_context, response in self._responses(step, context):
            ids += step.take(response, item_context) if response is not None else ()
        return ids

    def load(self) -> bool:
        """Read the resource; return True if it exists."""
        self._live = {}
        for number, step in enumerate(self.calls.read):
            if step.as_list:
                self._live[step.as_list] = self._read_list(step)
                continue
            response = self._send(step, self._context(), gone=True)
            part = None if response is None else step.take(response, self._context())
            if number == 0 and part is None:
                return False
            self._live |= part or {}
        return True

    def _read_list(self, step: Read) -> list[Json | None]:
        responses = self._responses(step, self._context(), gone=True)
        return [None if response is None else step.take(response, context) for context, response in responses]

    @property
    def properties(self) -> Json:
        """The properties in the responses to the last `load`, by the API's names."""
        return self._live

    def live(self) -> LiveResource:
        """Return the resource with the SDK's properties, in the order and notation of the program."""
        sdk_names = {api_name.lower(): name for name, api_name in self.calls.names.items()}
        answer = {sdk_names.get(key.lower(), key): item for key, item in self._live.items()}
        outputs = to_properties(self._resource_class, answer, {}, _find)
        properties = schema.properties(self._resource_class)
        if "tagsAll" in properties:
            outputs |= self._split_tags(outputs.get("tags", {}))
        if "region" in properties:
            outputs["region"] = self._region
        outputs = cast(Json, align(outputs, self._inputs, "", [*self.calls.unread, *self.calls.local]))
        input_names = schema.properties(schema.args_class(self.resource.type))
        inputs = {name: outputs[name] for name in outputs if name in input_names}
        return LiveResource(self.resource.id, inputs, outputs)

    @property
    def _resource_class(self) -> type[Any]:
        return schema.resource_class(self.resource.type)

    def _split_tags(self, tags: Mapping[str, str]) -> Json:
        """Return `tagsAll`, and `tags` without the provider's default tags.

        Both leave out the creation tag and the tags that AWS itself sets.
        """
        all_tags = {
            key: value for key, value in tags.items() if key != CREATION_TAG and not key.startswith("aws:")
        }
        program_tags = self._inputs.get("tags", {})
        own_tags = {
            key: value
            for key, value in all_tags.items()
            if key in program_tags or self._default_tags.get(key) != value
        }
        return {"tagsAll": all_tags, "tags": own_tags}

    def finish(self) -> LiveResource | None:
        """Make the remaining calls of a creation; return the resource, or None if it does not exist."""
        if not self.load():
            return None
        for step in self.calls.finish:
            self.run(step, gone=True)
        if self.calls.finish and not self.load():
            return None
        return self._change(self._inputs)

    def change_from(self, before: LiveResource) -> LiveResource | None:
        """Change the resource from `before` to the program's inputs; return None if it does not exist."""
        return self._change(plain(before.inputs)) if self.load() else None

    def _change(self, old: Json) -> LiveResource:
        live = self.live()
        names = schema.properties(schema.args_class(self.resource.type)).keys() - {"tags", "region"}
        removed = old.keys() & names - self._inputs.keys() - {*self.calls.local}
        differing = self._differences(live) | self._invisible_changes(live, old, names)
        if not differing and not removed:
            return live
        self._compare_items(live)
        for step in self.calls.update:
            step_differing, step_removed = differing & {*step.when}, removed & {*step.when}
            if step_differing or (step_removed and step.condition):
                self.run(step, sorted(step_differing & self._inputs.keys()))
        if "tagsAll" in differing:
            for step in self.calls.tag or TAGS[self.calls.service]:
                self.run(step)
        self.load()
        live = self.live()
        if unchanged := ", ".join(sorted(self._differences(live) - self._deferred())):
            raise ProviderError(
                f"{unchanged}: the API did not change it; {self.resource.type} needs another call in "
                "sandbox/providers/aws/calls"
            )
        return live

    def _deferred(self) -> set[str]:
        """Return the names of the inputs whose new values the API has accepted, and applies later."""
        if not self.calls.deferred:
            return set()
        waiting = {name.lower() for name in self.calls.deferred(self._live)}
        return {name for name in self._inputs if self.calls.names.get(name, name).lower() in waiting}

    def _invisible_changes(self, live: LiveResource, old: Json, names: Collection[str]) -> set[str]:
        """Return the names of changed inputs that a comparison with the live resource does not show.

        The API does not return some inputs. In others, the program no longer sets a part: the comparison
        ignores this part although the live resource still has it.
        """
        unread = {name for name in self.calls.unread if old.get(name) != self._inputs.get(name)}
        partly_removed = {
            name
            for name in old.keys() & self._inputs.keys() & set(names)
            if project(live.outputs.get(name), old[name]) == old[name] != self._inputs[name]
        }
        return unread | partly_removed

    def _differences(self, live: LiveResource) -> set[str]:
        """Return the names of the properties (inputs and `tagsAll`) in which the live resource differs."""
        wanted = {**self._inputs, **({"tagsAll": self._tags} if "tagsAll" in live.outputs else {})}
        wanted.pop("tags", None)
        actual = project(live.outputs, wanted) | {"tagsAll": live.outputs.get("tagsAll")}
        return {str(change.path[0]) for change in changes(actual, wanted) if change.path[0] in wanted}

    def _compare_items(self, live: LiveResource) -> None:
        """Record which items to add to each list and to the tags, and which to remove."""
        new: Json = {**self._inputs, "tags": list(self._tags | self._creation_tag)}
        old: Json = {**live.outputs, "tags": list(live.outputs.get("tagsAll") or {})}
        for name in [name for name, value in (old | new).items() if isinstance(value, list)]:
            new_items, old_items = cast(list[Any], new.get(name) or []), cast(list[Any], old.get(name) or [])
            self._added[name] = [item for item in new_items if item not in old_items] or None
            self._removed[name] = [item for item in old_items if item not in new_items] or None


def _find(api_object: Json, name: str) -> Any:
    """Return the value of a property; its name is case-insensitive, since AWS and the SDK differ in case."""
    return {key.lower(): item for key, item in api_object.items()}.get(name.lower())
