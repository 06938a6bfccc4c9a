"""A target with a JSON API."""

import contextlib
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote

import urllib3

from sandbox.errors import ProviderError
from sandbox.providers.api_values import to_sdk
from sandbox.providers.resource_types import resource_type
from sandbox.providers.rest.api_table import Row, api_value, body, row
from sandbox.providers.target import LiveResource, Resource, Target
from sandbox.wire import schema
from sandbox.wire.values import Json, map_items, merge

RETRY = urllib3.Retry(
    total=8,
    backoff_factor=0.5,
    backoff_max=4,
    allowed_methods=None,
    raise_on_status=False,
    status_forcelist=(429, 500, 502, 503, 504),
)
"""The retries for every verb, as in the providers' own clients. The waits add up to about 20 seconds."""

WAITS = (0, 1, 2, 4, 4, 4, 4, 4)
"""Seconds between the attempts to create a resource, as with RETRY."""

RETRY_CREATION = RETRY.new(read=False, status_forcelist=(429, 503))
"""The retries for a creation. They happen only after failures in which nothing can have been created."""

UNCONFIRMED = (500, 502, 504)
"""Status codes of requests that the API may nevertheless have carried out."""


class UnconfirmedError(ProviderError):
    """An error of a request that may have been carried out: it got no response or a server error."""


class RestTarget(Target):
    """A JSON API as the target for the resources of one package."""

    computed: Sequence[str] = ()
    """Members that the API adds to a JSON document."""
    wrapped = ""
    """The member of a response that contains the object or list; empty if the response itself is that."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._http = urllib3.PoolManager(maxsize=8, retries=RETRY, headers=headers, timeout=60)

    def call(self, verb: str, path: str, content: Any = None, retries: urllib3.Retry = RETRY) -> Any:
        """Send a request and return the response; None if it is empty or the object does not exist.

        Raise UnconfirmedError if the request may have been carried out, and ProviderError for other errors.
        """
        try:
            response = self._http.request(verb, self._url + path, json=content, retries=retries)
        except urllib3.exceptions.HTTPError as error:
            message = f"no response after {RETRY.total} retries ({type(error).__name__})"
            raise UnconfirmedError(f"{verb} {path}: {message}") from error
        answer = json.loads(response.data) if response.data else None
        if response.status < 400:
            return answer
        if response.status == 404 and verb != "POST":
            return None
        errors = cast("list[Any]", answer["errors"] if answer else [response.reason])
        faults = [
            error if isinstance(error, str) else f"{error['code']}: {error['message']}" for error in errors
        ]
        error_class = UnconfirmedError if response.status in UNCONFIRMED else ProviderError
        raise error_class(f"{verb} {path}: {response.status}: {'; '.join(faults)}")

    def result(self, answer: Any) -> Json:
        """Return the object in a response."""
        content: Any = answer.get(self.wrapped, answer)
        return cast(Json, content[0] if isinstance(content, list) else content)

    def listed(self, resource: Resource) -> list[Json]:
        """Return the objects in the API that may be the resource."""
        return self.many(self._fill(row(resource.type).list, resource) or self._path(resource))

    def many(self, path: str) -> list[Json]:
        """Return the objects in a list; empty if the list does not exist."""
        answer: Any = self.call("GET", path) or []
        if isinstance(answer, list):
            return cast("list[Json]", answer)
        members = (answer.get(self.wrapped), *answer.values())
        return next(cast("list[Json]", member) for member in members if isinstance(member, list))

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        ids = [api_id for api_id in self._candidate_ids(resource) if api_id not in known]
        candidates = [self.read(replace(resource, id=api_id), {}) for api_id in ids]
        return [live for live in candidates if live]

    def create(self, resource: Resource) -> LiveResource:
        """Create the resource.

        After a lost response, look for the resource before a retry, which could create a second one.
        """
        path = self._path(resource)
        if row(resource.type).single:
            return self._live(resource, self._send("PATCH", path, resource))
        before = self._candidate_ids(resource)
        for seconds in WAITS:
            with contextlib.suppress(UnconfirmedError):
                return self._live(resource, self._send("POST", path, resource, RETRY_CREATION))
            created = [api_id for api_id in self._candidate_ids(resource) if api_id not in before]
            if created and (live := self.read(replace(resource, id=created[0]), {})):
                return live
            time.sleep(seconds)
        return self._live(resource, self._send("POST", path, resource, RETRY_CREATION))

    def _candidate_ids(self, resource: Resource) -> list[str]:
        """Return the IDs of objects that may be this resource; empty if a retry cannot create a duplicate."""
        api = row(resource.type)
        if api.ident:
            ids = [candidate[api.key] for candidate in self.listed(resource)]
            return [str(api_id) for api_id in ids if api_id == resource.known[api.ident]]
        if not api.match:
            return []
        content = body(resource)
        attributes = api.attributes(content["data"] if api.wrap else content)
        wanted = {key: value for key, value in attributes.items() if key in api.match}
        return [
            str(candidate[api.key])
            for candidate in self.listed(resource)
            if wanted.items() <= api.attributes(candidate).items()
        ]

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        answer = self.call("GET", self._object_path(resource))
        if answer is None:
            return None
        api, result = row(resource.type), self.result(answer)
        live = self._live(resource, result)
        inputs = self._properties(schema.args_class(resource.type), api, result, resource.known)
        return replace(live, inputs=inputs, outputs=live.outputs | inputs)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        verb, path = row(resource.type).update, self._object_path(resource)
        return self._live(resource, self._send(verb, path, resource, update=True))

    def delete(self, resource: Resource) -> None:
        if verb := row(resource.type).delete:
            query = "?force=true" if resource.known.get("forceDelete") else ""
            self.call(verb, self._object_path(resource) + query)

    def _send(
        self,
        verb: str,
        path: str,
        resource: Resource,
        retries: urllib3.Retry = RETRY,
        *,
        update: bool = False,
    ) -> Json:
        answer = self.call(verb, path, body(resource, update=update), retries)
        if answer is None:
            raise ProviderError(f"{resource.id} does not exist any more; a refresh removes it from the state")
        return self.result(answer)

    def _live(self, resource: Resource, result: Json) -> LiveResource:
        api, inputs = row(resource.type), resource.known
        outputs = self._properties(schema.resource_class(resource.type), api, result, inputs)
        live_id = resource_type(resource.type).id.format_map(inputs) if api.single else str(result[api.key])
        return LiveResource(live_id, resource.inputs, merge(outputs, resource.inputs))

    def _properties(self, cls: type[Any], api: Row, result: Json, inputs: Json) -> Json:
        """Return a resource's inputs or outputs, converted from a response."""
        properties: Json = {}
        for name, prop in schema.properties(cls).items():
            if name in api.local:
                properties[name] = inputs.get(name)
            else:
                value = api_value(api, result, name)
                properties[name] = to_sdk(value, prop.hint, inputs.get(name), api.find)
        if api.json:
            properties[api.json] = self._document(result, inputs.get(api.json))
        return {name: value for name, value in properties.items() if value is not None}

    def _document(self, result: Json, program_text: str | None) -> str:
        """Return an object as a JSON string; return the program's string if only computed members differ."""
        document = self._without_computed(result)
        if program_text and self._without_computed(json.loads(program_text)) == document:
            return program_text
        return json.dumps(document)

    def _without_computed(self, value: Any) -> Any:
        """Return a document without empty members and without the members that the API adds."""
        if isinstance(value, dict):
            value = {
                key: item
                for key, item in cast(Json, value).items()
                if key not in self.computed and item not in (None, [], False)
            }
        return map_items(value, self._without_computed)

    def _path(self, resource: Resource) -> str:
        return self._fill(row(resource.type).path, resource)

    def _object_path(self, resource: Resource) -> str:
        path = self._path(resource)
        return path if row(resource.type).single else f"{path}/{resource.id}"

    def _fill(self, template: str, resource: Resource) -> str:
        return template.format_map({key: quote(str(value), safe="") for key, value in resource.known.items()})
