"""Unambiguous repairs for the enforcement level `remediate`.

The repairs change the SDK's proxies in place, because a new mapping would lose the marks of secrets. An
unknown value is a string here and stays unchanged.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

from policies.engine.rule import Options
from policies.model.kubernetes.pods import PLACES


class Properties(Protocol):
    """The methods of a writable mapping; the SDK's proxies do not implement MutableMapping."""

    def __getitem__(self, key: str, /) -> Any: ...
    def __setitem__(self, key: str, value: Any, /) -> None: ...
    def __contains__(self, key: object, /) -> bool: ...
    def get(self, key: str, default: Any, /) -> Any: ...


def set_to(path: str, value: object) -> Any:
    """Return a repair that sets one property to a value."""

    def repair(_kind: str, props: Properties, _options: Options) -> None:
        *steps, last = path.split(".")
        for step in steps:
            inner = _child(props, step)
            if inner is None:
                return
            props = inner
        props[last] = value

    return repair


def _child(props: Properties, key: str) -> Properties | None:
    """Return the mapping at a key, and create it if it is absent; None if the value is not a mapping."""
    if key not in props:
        props[key] = {}
    inner = props[key]
    return cast(Properties, inner) if isinstance(inner, Mapping) else None


def cloudflare_zone(version: str) -> Any:
    """Return a repair that sets the minimum TLS version of a zone."""

    def repair(kind: str, props: Properties, options: Options) -> None:
        path = "value" if kind.endswith(":ZoneSetting") else "settings.minTlsVersion"
        set_to(path, version)(kind, props, options)

    return repair


def cloudflare_hostname(version: str) -> Any:
    """Return a repair that sets the minimum TLS version of a host."""

    def repair(kind: str, props: Properties, options: Options) -> None:
        path = {"HostnameTlsSetting": "value", "R2CustomDomain": "minTls"}.get(kind.rpartition(":")[2])
        set_to(path or "ssl.settings.minTlsVersion", version)(kind, props, options)

    return repair


def api_gateway(kind: str, props: Properties, options: Options) -> None:
    """Set the security policy of an API Gateway domain or a REST API to TLS_1_2."""
    inner = "domainNameConfiguration.securityPolicy"
    set_to(inner if "apigatewayv2" in kind else "securityPolicy", "TLS_1_2")(kind, props, options)


def tags(_kind: str, props: Properties, options: Options) -> None:
    """Add missing tags with the values from the configuration."""
    present = _child(props, "tags")
    if present is not None:
        for key, value in options["values"].items():
            if key not in present:
                present[key] = value


def pull_always(kind: str, props: Properties, _options: Options) -> None:
    """Set imagePullPolicy to Always for images without a digest."""
    for spec in _specs(kind, props):
        for field in ("initContainers", "containers", "ephemeralContainers"):
            for container in _elements(spec, field):
                if "@sha256:" not in str(container.get("image", "")):
                    container["imagePullPolicy"] = "Always"


def no_token(kind: str, props: Properties, _options: Options) -> None:
    """Turn off the automatic mount of API tokens."""
    for spec in _specs(kind, props):
        spec["automountServiceAccountToken"] = False


def _specs(kind: str, props: Properties) -> Iterator[Properties]:
    """Yield the specs of the pods in a resource."""
    name = re.sub("(List|Patch)$", "", kind.rpartition(":")[2])
    owners = _elements(props, "items") if kind.endswith("List") else iter((props,))
    for owner in owners:
        place = [step for step in (*PLACES[name].split("."), "spec") if step]
        spec: Any = owner
        for step in place:
            spec = cast(Properties, spec).get(step, None) if isinstance(spec, Mapping) else None
        if isinstance(spec, Mapping):
            yield cast(Properties, spec)


def _elements(props: Properties, key: str) -> Iterator[Properties]:
    elements = props.get(key, ())
    if isinstance(elements, Sequence) and not isinstance(elements, str):
        for item in cast("Sequence[Any]", elements):
            if isinstance(item, Mapping):
                yield cast(Properties, item)
