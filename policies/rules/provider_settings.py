"""Rules on the settings of providers that decide where resources are created."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Verdicts, check_each, disallowed
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.kubernetes.types import NAMESPACED
from policies.model.property_values import Value

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The hosts of the sandbox's APIs."""

PLACED = ("aws", "cloudflare", "datadog", "kubernetes")
"""The packages whose providers lead to an account, an organization or a cluster."""

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


@ACROSS_PROVIDERS.stack_rule(
    "provider-other-account",
    about=NAMESPACED,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Give the resources one provider, or AWS providers with the same allowedAccountIds.",
)
def other_account(stack: Stack, _: Options) -> Verdicts:
    """Require all resources of a package to be in one account or cluster, since other rules do not see it."""
    first: dict[str, Resource] = {}
    for resource in stack.resources:
        package = resource.type.partition(":")[0]
        if package not in PLACED or resource.component:
            continue
        other = first.setdefault(package, resource)
        if _place(resource) != _place(other):
            remedy = f"use the account or cluster of {other.name}"
            yield Finding("provider", repr(resource.provider.rpartition("::")[2]), remedy, urn=resource.urn)


def _place(resource: Resource) -> Any:
    """Return what decides where a resource is created.

    An AWS provider fails in any account other than the allowed ones, with "AWS account ID not allowed"
    (registry.terraform.io/providers/hashicorp/aws, allowed_account_ids; hashicorp/terraform#8731).
    """
    if resource.type.startswith("aws:"):
        return resource.settings["allowedAccountIds"].json().plain()
    return resource.provider
