"""A rule on the settings of providers that decide where resources are created."""

from collections.abc import Callable
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.property_values import Value

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The hosts of the sandbox's APIs."""

CLOUDFLARE = ("cloudflare.com",)

DATADOG = ("datadoghq.com", "datadoghq.eu", "ddog-gov.com")
"""The domains of Datadog's sites (docs.datadoghq.com/getting_started/site)."""


def _is_set(value: Value) -> bool:
    """Return True unless a setting has no effect. Settings in a stack file are strings with JSON."""
    return value.get() not in (None, False, [], "", "false", "[]")


def _is_elsewhere(*domains: str) -> Callable[[Value], bool]:
    """Return a check for addresses outside of these domains."""

    def check(value: Value) -> bool:
        if value.absent:
            return False
        try:
            host = urlsplit(value.text() or "").hostname or ""
        except ValueError:
            return True
        inside = any(host == domain or host.endswith(f".{domain}") for domain in domains)
        return not inside and host not in LOOPBACK

    return check


REDIRECTIONS: dict[str, dict[str, Callable[[Value], bool]]] = {
    "pulumi:providers:aws": {"endpoints": _is_set, "insecure": _is_set},
    "pulumi:providers:kubernetes": {"renderYamlToDirectory": _is_set},
    "pulumi:providers:cloudflare": {"baseUrl": _is_elsewhere(*CLOUDFLARE)},
    "pulumi:providers:datadog": {"apiUrl": _is_elsewhere(*DATADOG)},
}
"""By type of provider, the settings that redirect requests, with a check of each."""


@ACROSS_PROVIDERS.rule(
    "provider-redirected",
    types=REDIRECTIONS,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Use the provider's own API, so that the account has the resources that the policies judge.",
)
def redirected(provider: Resource, _: Options) -> Verdicts:
    """Refuse settings with which a provider creates resources on other servers, or only writes files."""

    def check(name: str) -> Verdicts:
        if REDIRECTIONS[provider.type][name](provider[name]):
            yield disallowed(provider[name])

    yield from check_each(REDIRECTIONS[provider.type], check)
