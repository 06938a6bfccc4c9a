"""Requests to AWS, which are converted and checked with the service model and sent as the provider does."""

import functools
import re
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, cast

import botocore.session
import regex
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from sandbox.errors import ProviderError
from sandbox.wire.aws_identity import Identity
from sandbox.wire.values import Json

ATTEMPTS = 25
"""The number of attempts to send a request, which is the AWS provider's default."""

SECRETS: ContextVar[frozenset[str]] = ContextVar("SECRETS", default=frozenset())
"""The secrets of the current resource, which no message may show."""

LONGEST_SHOWN = 120
"""The length of the longest value that a message shows.

A longer value is left out and not cut, since a client masks a secret only if the message has all of it.
"""

TAG_MEMBERS = ({"key", "value"}, {"tagkey", "tagvalue"})
"""The member names of a structure for a tag, in lower case."""


def find_member(shape: StructureShape, name: str) -> str | None:
    """Return the member with a name, in any case, because the SDK and the services differ in case."""
    return next((candidate for candidate in shape.members if candidate.lower() == name.lower()), None)


def to_shape(shape: Shape, value: Any) -> Any:
    """Convert a value of the SDK to the form of a shape.

    The SDK represents some structures as lists of one item, and tags as maps.
    """
    if isinstance(shape, StructureShape):
        if isinstance(value, list) and value:
            value = cast(list[Any], value)[0]
        return _to_structure(shape, cast(Json, value))
    if isinstance(shape, ListShape):
        return [to_shape(shape.member, item) for item in _to_items(shape.member, value)]
    if isinstance(shape, MapShape):
        return {key: to_shape(shape.value, item) for key, item in cast(Json, value).items()}
    if shape.type_name == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _to_structure(shape: StructureShape, value: Json) -> Json:
    structure: Json = {}
    for key, item in value.items():
        if item is None:  # The member has no value.
            continue
        if (name := find_member(shape, key)) is None:
            allowed = ", ".join(shape.members)
            raise ProviderError(f"{key} is not a member of {shape.name}; allowed: {allowed}")
        structure[name] = to_shape(shape.members[name], item)
    return structure


def _to_items(inner: Shape, value: Any) -> list[Any]:
    members = sorted(inner.members) if isinstance(inner, StructureShape) else []
    if isinstance(value, dict) and {name.lower() for name in members} in TAG_MEMBERS:
        # In alphabetical order, the key's member comes before the value's member.
        return [dict(zip(members, pair, strict=True)) for pair in cast(Json, value).items()]
    if not isinstance(value, list):
        return [value]
    items = cast(list[Any], value)
    if members:
        # The strings are the keys of tags to remove.
        return [{members[0]: item} if isinstance(item, str) else item for item in items]
    return items


def faults(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield the faults of a parameter that the service would refuse by its model, each with its path.

    The faults concern allowed values, patterns, lengths, ranges and sizes. botocore itself checks presence
    and types. A fault does not show a long value or a value of a sensitive shape.
    """
    if isinstance(shape, StructureShape):
        for name, item in cast(Mapping[str, Any], value).items():
            if name in shape.members:
                yield from faults(shape.members[name], item, f"{path}.{name}".removeprefix("."))
        return
    if fault := _fault(shape, value):
        shown = "a secret" if shape.metadata.get("sensitive") else f'"{value}"'
        yield f"{path}: {shown if len(shown) <= LONGEST_SHOWN else 'a long value'}; {fault}"
    if isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from faults(shape.member, item, f"{path}[{index}]")
    if isinstance(shape, MapShape):
        for key, item in cast(Mapping[str, Any], value).items():
            yield from faults(shape.key, key, f'{path}["{key}"]')
            yield from faults(shape.value, item, f'{path}["{key}"]')


def _fault(shape: Shape, value: Any) -> str:
    """Return the fault of a value, apart from its items and members; empty if it is valid."""
    limits = cast(Mapping[str, Any], shape.metadata)
    if fault := _size_fault(limits, value):
        return fault
    if not isinstance(value, str):
        return ""
    if limits.get("enum") and value not in limits["enum"]:
        return f"allowed: {', '.join(limits['enum'])}"
    pattern = compile_pattern(limits["pattern"]) if limits.get("pattern") else None
    if pattern is not None and not pattern.fullmatch(value):
        return f"it must match {limits['pattern']}"
    return ""


def _size_fault(limits: Mapping[str, Any], value: Any) -> str:
    has_length = isinstance(value, str | list | dict)
    size = len(cast(Any, value)) if has_length else value
    if not isinstance(size, int | float) or isinstance(value, bool):
        return ""
    low, high = limits.get("min"), limits.get("max")
    if (low is None or size >= low) and (high is None or size <= high):
        return ""
    bounds = f"at least {low}" if high is None else f"{low or 0} to {high}"
    if not has_length:
        return f"{bounds} is allowed"
    unit = "characters" if isinstance(value, str) else "items"
    return f"{bounds} {unit} are allowed, not {size}"


@functools.cache
def compile_pattern(pattern: str) -> Any:
    """Return a compiled pattern of a service model; None if Python does not support its Java syntax."""
    try:
        return regex.compile(pattern, regex.DOTALL)
    except regex.error:
        return None


def operation(client: Any, name: str) -> OperationModel:
    """Return the model of a client's operation by its API name, such as CreateVpc."""
    return client.meta.service_model.operation_model(name)


def send(client: Any, name: str, arguments: Json) -> Json:
    """Convert, check and send a request; return the response.

    Raise ProviderError if the request is invalid or gets no response, and botocore's ClientError if the
    service refuses the request.
    """
    shape = operation(client, name).input_shape
    parameters: Json = to_shape(shape, arguments) if shape else {}
    methods = {api_name: method for method, api_name in client.meta.method_to_api_mapping.items()}
    try:
        return getattr(client, methods[name])(**parameters)
    except BotoCoreError as error:
        raise ProviderError(f"{name}: {error}") from error


def request(client: Any, name: str, arguments: Json, gone: re.Pattern[str] | None = None) -> Json | None:
    """Send a request and return the response; None if the error code matches `gone`.

    For any other error, raise ProviderError with AWS's message, without secrets.
    """
    try:
        return send(client, name, arguments)
    except ClientError as error:
        details = cast(Json, error.response)["Error"]
        if gone and gone.search(details["Code"]):
            return None
        message = f"{error.operation_name}: {details['Code']}: {details.get('Message', '')}"
        for secret in SECRETS.get():
            message = message.replace(secret, "[secret]")
        raise ProviderError(message) from error


class Clients:
    """The clients of botocore by service and region. Without a URL, they use botocore's default endpoints.

    They sign requests with the current credentials of `identity`, by default the administrator's.
    """

    def __init__(self, url: str | None, attempts: int = ATTEMPTS, identity: Identity | None = None) -> None:
        # Ignore the user's files, profile and endpoints, which could refer to another account or to none.
        no_files = {"profile": (None, None, None, None), "config_file": (None, None, "/dev/null", None)}
        self.session = botocore.session.Session(session_vars=no_files)
        retries: Any = {"mode": "standard", "total_max_attempts": attempts}
        style: Any = {"addressing_style": "path"}
        config = Config(
            retries=retries,
            connect_timeout=5,
            read_timeout=60,
            proxies={},
            s3=style,
            ignore_configured_endpoint_urls=True,  # pyright: ignore[reportCallIssue]  # The stubs lack it.
        )
        self._identity = identity or Identity()
        create: Any = self.session.create_client
        self._create = functools.cache(functools.partial(create, endpoint_url=url))
        # S3 Control puts the account before the host name, which only a proxy resolves for a local address.
        proxied = Config(proxies={"http": url}) if url else Config()
        self._configs = {"s3control": config.merge(proxied)}
        self._config = config
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> Any:
        """Return the client for a service in a region."""
        keys = {
            "aws_access_key_id": self._identity.access_key,
            "aws_secret_access_key": self._identity.secret_key,
            "aws_session_token": self._identity.token,
        }
        with self._lock:
            return self._create(service, region, config=self._configs.get(service, self._config), **keys)
