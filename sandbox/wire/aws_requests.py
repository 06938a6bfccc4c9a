"""Requests to AWS: shaped and checked by their service model, and sent as the provider sends them."""

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

from sandbox.errors import RefusedError
from sandbox.wire.values import Json

ATTEMPTS = 25
"""The AWS provider's default."""

BARE: ContextVar[frozenset[str]] = ContextVar("BARE", default=frozenset())
"""The secrets of the current resource, which no message shows."""

TAG_MEMBERS = ({"key", "value"}, {"tagkey", "tagvalue"})
"""The members of a structure for a tag, in lower case."""


def member(shape: StructureShape, name: str) -> str | None:
    """Return the member of that name, ignoring case: services and the SDK differ in it."""
    return next((one for one in shape.members if one.lower() == name.lower()), None)


def shaped(shape: Shape, value: Any) -> Any:
    """Convert a value of the SDK to a shape; also lists of one item and maps of tags."""
    if isinstance(shape, StructureShape):
        given = cast(Json, value[0] if isinstance(value, list) and value else value)
        made: Json = {}
        for name, item in given.items():
            if item is None:  # a multi-select hash has a key for what has no value
                continue
            if (known := member(shape, name)) is None:
                raise RefusedError(
                    f"{name} is no member of {shape.name}; allowed: {', '.join(shape.members)}"
                )
            made[known] = shaped(shape.members[known], item)
        return made
    if isinstance(shape, ListShape):
        return [shaped(shape.member, item) for item in _items(shape.member, value)]
    if isinstance(shape, MapShape):
        return {key: shaped(shape.value, item) for key, item in cast(Json, value).items()}
    if shape.type_name == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _items(inner: Shape, value: Any) -> list[Any]:
    members = sorted(inner.members) if isinstance(inner, StructureShape) else []
    if isinstance(value, dict) and {name.lower() for name in members} in TAG_MEMBERS:
        # The key's name comes before the value's.
        return [dict(zip(members, pair, strict=True)) for pair in cast(Json, value).items()]
    if members and isinstance(value, list):
        items = cast(list[Any], value)  # keys of tags that go
        return [{members[0]: item} if isinstance(item, str) else item for item in items]
    return cast(list[Any], value) if isinstance(value, list) else [value]


def faults(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield what a service refuses by its model: values, patterns, lengths, ranges, sizes; with their paths.

    botocore itself checks presence and types. A long value, or one of a sensitive shape, is not shown.
    """
    if isinstance(shape, StructureShape):
        for name, item in cast(Mapping[str, Any], value).items():
            if name in shape.members:
                yield from faults(shape.members[name], item, f"{path}.{name}".removeprefix("."))
        return
    if fault := _fault(shape, value):
        shown = "a secret" if shape.metadata.get("sensitive") else f'"{value}"'
        shown = shown if len(shown) <= 120 else "a long value"  # a client knows a secret only as a whole
        yield f"{path}: {shown}; {fault}"
    if isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from faults(shape.member, item, f"{path}[{index}]")
    if isinstance(shape, MapShape):
        for key, item in cast(Mapping[str, Any], value).items():
            yield from faults(shape.key, key, f'{path}["{key}"]')
            yield from faults(shape.value, item, f'{path}["{key}"]')


def _fault(shape: Shape, value: Any) -> str:
    known = cast(Mapping[str, Any], shape.metadata)
    low, high = known.get("min"), known.get("max")
    sized = isinstance(value, str | list | dict)
    size = len(cast(Any, value)) if sized else value
    if isinstance(size, int | float) and not isinstance(value, bool):
        unit = "items" if isinstance(value, list | dict) else "characters" if sized else ""
        if (low is not None and size < low) or (high is not None and size > high):
            bounds = f"at least {low}" if high is None else f"{low or 0} to {high}"
            return f"{bounds} {unit} are allowed, these are {size}" if sized else f"{bounds} is allowed"
    if isinstance(value, str) and known.get("enum") and value not in known["enum"]:
        return f"allowed: {', '.join(known['enum'])}"
    pattern = compiled(known["pattern"]) if isinstance(value, str) and known.get("pattern") else None
    if pattern is not None and not pattern.fullmatch(value):
        return f"it has to match {known['pattern']}"
    return ""


@functools.cache
def compiled(pattern: str) -> Any:
    """Return a compiled pattern of a service model; None if only Java understands it."""
    try:
        return regex.compile(pattern, regex.DOTALL)
    except regex.error:
        return None


def operation(client: Any, name: str) -> OperationModel:
    """Return an operation of a client by its API name, such as CreateVpc."""
    return client.meta.service_model.operation_model(name)


def send(client: Any, name: str, sent: Json) -> Json:
    """Shape, check and send a request; return its answer."""
    shape = operation(client, name).input_shape
    params: Json = shaped(shape, sent) if shape else {}
    call = getattr(client, {value: key for key, value in client.meta.method_to_api_mapping.items()}[name])
    try:
        return call(**params)
    except BotoCoreError as error:  # a wrong request, or no answer; what is refused is another exception
        raise RefusedError(f"{name}: {error}") from error


def told(client: Any, name: str, sent: Json, gone: re.Pattern[str] | None = None) -> Json | None:
    """Send a request and return its answer; None if the error code matches `gone`.

    Raise RefusedError with AWS's message, without secrets, for any other error.
    """
    try:
        return send(client, name, sent)
    except ClientError as error:
        found = cast(Json, error.response)["Error"]
        if gone and gone.search(found["Code"]):
            return None
        said = f"{error.operation_name}: {found['Code']}: {found.get('Message', '')}"
        for secret in BARE.get():
            said = said.replace(secret, "[secret]")
        raise RefusedError(said) from error


class Clients:
    """Clients by service and region. Without a URL, they have the endpoints that botocore knows."""

    def __init__(self, url: str | None, attempts: int = ATTEMPTS) -> None:
        # Neither files nor a profile of the user's: they could name another account, or none.
        alone = {"profile": (None, None, None, None), "config_file": (None, None, "/dev/null", None)}
        self.session = botocore.session.Session(session_vars=alone)
        retries: Any = {"mode": "standard", "total_max_attempts": attempts}
        style: Any = {"addressing_style": "path"}
        config = Config(retries=retries, connect_timeout=5, read_timeout=60, proxies={}, s3=style)
        keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
        create: Any = self.session.create_client
        self._make = functools.cache(functools.partial(create, endpoint_url=url, config=config, **keys))
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> Any:
        with self._lock:
            return self._make(service, region)
