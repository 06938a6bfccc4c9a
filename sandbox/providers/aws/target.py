"""The AWS API as a target: the operations of the provider, with the waits of the real one."""

import functools
from collections.abc import Collection, Mapping
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.providers.aws.calls.model import without_empty
from sandbox.providers.aws.lookups import LOOKUPS
from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.aws.resource import AwsResource
from sandbox.providers.aws.waits import CREATION_WAITS, repeat_until_known, status_of
from sandbox.providers.target import LiveResource, Resource
from sandbox.providers.waits import wait
from sandbox.wire.aws_account import REGION
from sandbox.wire.aws_identity import Identity
from sandbox.wire.aws_requests import Clients, request
from sandbox.wire.clock import Clock
from sandbox.wire.durations import DURATIONS
from sandbox.wire.values import Json, plain


class AwsTarget(AwsPlan):
    """A local AWS API. Its account starts with the resources that every new account has."""

    def __init__(self, url: str, clock: Clock | None = None, identity: Identity | None = None) -> None:
        super().__init__()
        self.clients = Clients(url, identity=identity)
        self._clock = clock

    @functools.cached_property
    def account(self) -> str:
        """The account of the API's credentials."""
        identity = cast(Json, request(self.clients.get("sts", REGION), "GetCallerIdentity", {}))
        return str(identity["Account"])

    def configure(self, config: Mapping[str, Any]) -> None:
        # terraform-provider-aws reads the account before the first resource, and refuses another one with
        # this message (internal/conns/config.go: ConfigureProvider calls VerifyAccountIDAllowed).
        allowed = config.get("allowedAccountIds")
        if allowed and self.account not in allowed:
            raise ProviderError(f"AWS account ID not allowed: {self.account}")

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        aws_resource = self._aws_resource(resource)
        ids = [aws_id for aws_id in aws_resource.find_ids() if aws_id not in known]
        candidates = [aws_resource.with_id(aws_id).finish() for aws_id in ids]
        return [live for live in candidates if live]

    def create(self, resource: Resource) -> LiveResource:
        aws_resource = self._aws_resource(resource)
        step, created_id = aws_resource.calls.create, aws_resource.calls.created_id
        names = () if step.bare else sorted(resource.inputs.keys() - {*aws_resource.calls.local})
        response = repeat_until_known(self._clock, lambda: aws_resource.run(step, names))
        aws_id = str(created_id(response) if created_id else aws_resource.natural_id())
        created = aws_resource.with_id(aws_id)
        self._wait(created)
        live = repeat_until_known(self._clock, created.finish)
        if live is None:
            raise ProviderError(
                f"{aws_id} was created, but {aws_resource.calls.read[0].action} does not find it"
            )
        return live

    def _wait(self, aws_resource: AwsResource) -> None:
        """Wait on the clock, if there is one, until a new resource is ready."""
        creation_wait = CREATION_WAITS.get(aws_resource.resource.type)
        if self._clock is None or creation_wait is None:
            return

        def unready() -> str:
            return status_of(aws_resource.properties, creation_wait) if aws_resource.load() else "not found"

        duration = DURATIONS[f"{aws_resource.calls.service}:{aws_resource.calls.create.action}"]
        limit = aws_resource.resource.timeout or creation_wait.limit
        wait(self._clock, aws_resource.resource, limit, unready, aws_resource.live, duration)

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        aws_resource = self._aws_resource(resource, plain(state))
        return aws_resource.live() if aws_resource.load() else None

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        aws_resource = self._aws_resource(resource)
        live = repeat_until_known(self._clock, lambda: aws_resource.change_from(before))
        if live is None:
            raise ProviderError(f"{resource.id} does not exist any more; a refresh removes it from the state")
        return live

    def delete(self, resource: Resource) -> None:
        aws_resource = self._aws_resource(resource)
        if not aws_resource.load():
            return
        for step in aws_resource.calls.delete:
            aws_resource.run(step, gone=True)
        if aws_resource.calls.delete and not aws_resource.calls.stays and aws_resource.load():
            raise ProviderError(f"{resource.id} still exists after {aws_resource.calls.delete[-1].action}")

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        lookup = LOOKUPS.get(token.rpartition(":")[2])
        if lookup is None:
            return super().invoke(token, args, config)
        region = args.get("region") or config.get("region") or REGION
        arguments: Json = {**args, "region": region}
        client = self.clients.get(lookup.service, region)
        response = cast(
            Json, request(client, lookup.action, without_empty(lookup.arguments(arguments)) or {})
        )
        return {**arguments, "id": region, **lookup.take(response, arguments)}

    def _aws_resource(self, resource: Resource, state: Json | None = None) -> AwsResource:
        return AwsResource(self.clients, resource, self.account, state)
