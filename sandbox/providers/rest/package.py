"""A package whose previews check request bodies, too."""

import re
from collections.abc import Iterator
from dataclasses import replace

from sandbox.errors import ProviderError
from sandbox.providers.resource_types import table
from sandbox.providers.rest.altered_secrets import alter_secrets
from sandbox.providers.rest.api_table import Row, body, row
from sandbox.providers.target import Package, Resource
from sandbox.wire.values import Json, known, plain

HIDDEN = "the API would refuse these inputs, with a message that depends on a secret"


class RestPackage(Package):
    """A package that checks request bodies against the API's models before they are sent."""

    def faults(self, resource: Resource) -> Iterator[str]:
        faults = list(super().faults(resource))
        yield from faults
        if faults or resource.type not in table(self.name)["api"]:
            return
        api = row(resource.type)
        inputs = {name: value for name, value in resource.inputs.items() if name not in api.local}
        known_inputs = known(inputs)
        if known_inputs == plain(inputs) or (api.enough and known_inputs.keys() >= {*api.enough}):
            yield from _shown_faults(resource, inputs, api)


def _body_faults(api: Row, resource: Resource) -> Iterator[str]:
    from sandbox.wire.request_bodies import checks

    try:
        yield from checks.check(api.kind, body(resource))
    except ProviderError as refused:
        yield str(refused)


def _shown_faults(resource: Resource, inputs: Json, api: Row) -> Iterator[str]:
    """Yield the faults that do not concern an input with a secret, and of which no part depends on one.

    A review has invented values in place of secrets, whose form says nothing. The faults of a body that is
    one secret text do not name it, so there are none. A search for the secrets in the messages would miss a
    number that is written in another way, and find a short secret in unrelated words, so the faults of the
    same body with other secrets show which messages depend on them.
    """
    faults = _body_faults(api, resource)
    secret_names = {name for name, value in inputs.items() if plain(value) != value}
    if not secret_names:
        yield from faults
        return
    if api.json in secret_names:
        return
    secret_properties = {
        word for name in secret_names for word in (name, api.body_path(name).rpartition(".")[2]) if word
    }
    independent = {*_body_faults(api, replace(resource, inputs=alter_secrets(resource.inputs)))}
    messages = (
        fault if fault in independent else HIDDEN
        for fault in faults
        if secret_properties.isdisjoint(re.findall(r"\w+", fault))
    )
    yield from dict.fromkeys(messages)
