"""A package whose previews check request bodies, too."""

from collections.abc import Iterator

from sandbox.errors import ProviderError
from sandbox.providers.resource_types import table
from sandbox.providers.rest.api_table import body, row
from sandbox.providers.target import Package, Resource
from sandbox.wire.values import plain


class RestPackage(Package):
    """A package that checks request bodies against the API's models before they are sent."""

    def faults(self, resource: Resource) -> Iterator[str]:
        faults = list(super().faults(resource))
        yield from faults
        if faults or resource.type not in table(self.name)["api"]:
            return
        inputs, known = resource.inputs, resource.known
        if plain(inputs) != inputs:  # The messages of the models would show secrets.
            return
        api = row(resource.type)
        if known == inputs or (api.enough and known.keys() >= {*api.enough}):
            from sandbox.wire.request_bodies import checks

            try:
                yield from checks.check(api.kind, body(resource))
            except ProviderError as refused:
                yield str(refused)
