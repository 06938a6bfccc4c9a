"""A package whose previews check request bodies, too."""

import re
from collections.abc import Iterator

from sandbox.errors import ProviderError
from sandbox.providers.resource_types import table
from sandbox.providers.rest.api_table import Row, body, row
from sandbox.providers.target import Package, Resource
from sandbox.wire.values import Json, known, plain, secret_texts

HIDDEN = "the API would refuse these inputs, with a message that has the text of a secret"


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
            yield from _without_secrets(_body_faults(api, resource), inputs, api)


def _body_faults(api: Row, resource: Resource) -> Iterator[str]:
    from sandbox.wire.request_bodies import checks

    try:
        yield from checks.check(api.kind, body(resource))
    except ProviderError as refused:
        yield str(refused)


def _without_secrets(faults: Iterator[str], inputs: Json, api: Row) -> Iterator[str]:
    """Yield the faults that do not concern an input with a secret, none with the text of a secret.

    A review has invented values in place of secrets, whose form says nothing. The faults of a body that is
    one secret text do not name it, so there are none.
    """
    secret_names = {name for name, value in inputs.items() if plain(value) != value}
    if api.json in secret_names:
        return
    secret_properties = {
        word for name in secret_names for word in (name, api.body_path(name).rpartition(".")[2]) if word
    }
    texts = {*secret_texts(inputs)}
    for fault in faults:
        if secret_properties.isdisjoint(re.findall(r"\w+", fault)):
            yield HIDDEN if any(text in fault for text in texts) else fault
