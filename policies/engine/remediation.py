"""Repairs that are certain, for the enforcement level `remediate`.

They assign items in place, on the SDK's proxies: a new mapping in the old one's place would lose its secret
marks. An unknown value is a text here, and is left alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

from policies.engine.rule import Options
from policies.model.pods import PLACES


class Properties(Protocol):
    """A mapping that can be written; the SDK's proxies are no MutableMapping."""

    def __getitem__(self, key: str, /) -> Any: ...
    def __setitem__(self, key: str, value: Any, /) -> None: ...
    def __contains__(self, key: object, /) -> bool: ...
    def get(self, key: str, default: Any, /) -> Any: ...


def set_to(path: str, value: object) -> Any:
    """A repair that gives one property its value."""

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
    """The mapping below a key, made if it is not there; None when something else is."""
    if key not in props:
        props[key] = {}
    inner = props[key]
    return cast(Properties, inner) if isinstance(inner, Mapping) else None


def cloudflare_zone(kind: str, props: Properties, options: Options) -> None:
    """The oldest version a zone accepts becomes 1.2."""
    set_to("value" if kind.endswith(":ZoneSetting") else "settings.minTlsVersion", "1.2")(
        kind, props, options
    )


def cloudflare_hostname(kind: str, props: Properties, options: Options) -> None:
    """The oldest version a host accepts becomes 1.2."""
    path = {"HostnameTlsSetting": "value", "R2CustomDomain": "minTls"}.get(kind.rpartition(":")[2])
    set_to(path or "ssl.settings.minTlsVersion", "1.2")(kind, props, options)


def api_gateway(kind: str, props: Properties, options: Options) -> None:
    """The security policy of a domain becomes TLS_1_2."""
    inner = "domainNameConfiguration.securityPolicy"
    set_to(inner if "apigatewayv2" in kind else "securityPolicy", "TLS_1_2")(kind, props, options)


def tags(_kind: str, props: Properties, options: Options) -> None:
    """Missing tags get the values that the configuration gives for them."""
    given = _child(props, "tags")
    if given is not None:
        for key, value in options["values"].items():
            if key not in given:
                given[key] = value


def pull_always(kind: str, props: Properties, _options: Options) -> None:
    """Every image that is not named by digest is pulled at each start."""
    for spec in _specs(kind, props):
        for field in ("initContainers", "containers", "ephemeralContainers"):
            for container in _elements(spec, field):
                if "@sha256:" not in str(container.get("image", "")):
                    container["imagePullPolicy"] = "Always"


def no_token(kind: str, props: Properties, _options: Options) -> None:
    """No pod gets a token that it did not ask for."""
    for spec in _specs(kind, props):
        spec["automountServiceAccountToken"] = False


def _specs(kind: str, props: Properties) -> Iterator[Properties]:
    """The specs of the pods in a resource."""
    name = re.sub("(List|Patch)$", "", kind.rpartition(":")[2])
    owners = _elements(props, "items") if kind.endswith("List") else iter((props,))
    for owner in owners:
        place = [step for step in (*PLACES[name].split("."), "spec") if step]
        found: Any = owner
        for step in place:
            found = cast(Properties, found).get(step, None) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            yield cast(Properties, found)


def _elements(props: Properties, key: str) -> Iterator[Properties]:
    found = props.get(key, ())
    if isinstance(found, Sequence) and not isinstance(found, str):
        for item in cast("Sequence[Any]", found):
            if isinstance(item, Mapping):
                yield cast(Properties, item)
