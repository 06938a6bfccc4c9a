"""Rules on the settings of providers that decide where resources are created."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Verdicts, check_each, disallowed
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.kubernetes.types import NAMESPACED
from policies.model.property_values import Value
from policies.model.providers import INTERNAL, PROVIDERS

PLACED = ("aws", "cloudflare", "datadog", "kubernetes")
"""The packages whose providers lead to an account, an organization or a cluster."""

OF_THE_ENGINE = frozenset({"version", "__defaults", f"{INTERNAL}.pluginChecksums"})
"""Settings of the engine and of the providers' libraries that lead nowhere else."""

ALLOWED: dict[str, frozenset[str]] = {
    # The SDK itself sets skipCredentialsValidation and skipRegionValidation (pulumi_aws/provider.py). The
    # account's ID is requested in any case, unless skipRequestingAccountId is set as well (hashicorp/
    # aws-sdk-go-base, GetAwsAccountIDAndPartition), so a provider with allowedAccountIds fails elsewhere.
    "aws": frozenset(
        {"region", "stsRegion", "allowedAccountIds", "forbiddenAccountIds"}
        | {"defaultTags", "ignoreTags", "tagPolicyCompliance", "userAgents"}
        | {"maxRetries", "retryMode", "tokenBucketRateLimiterCapacity"}
        | {"useDualstackEndpoint", "useFipsEndpoint", "s3UsEast1RegionalEndpoint", "s3UsePathStyle"}
        | {"skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation"}
    ),
    # All objects have one provider (provider-other-account), whose kubeconfig names the cluster.
    "kubernetes": frozenset(
        {"kubeconfig", "context", "cluster", "clusterIdentifier", "namespace", "kubeClientSettings"}
        | {"enableConfigMapMutable", "enableSecretMutable", "enableServerSideApply", "enablePatchForce"}
        | {"suppressDeprecationWarnings", "suppressHelmHookWarnings"}
    ),
    # All resources of these packages have one provider (provider-other-account), whose keys name the account
    # or the organization.
    "cloudflare": frozenset({"apiToken", "baseUrl", "userAgentOperatorSuffix"}),
    "datadog": frozenset(
        {"apiKey", "appKey", "apiUrl", "defaultTags", "ignoreTagKeys", "validate"}
        | {"httpClientRetryEnabled", "httpClientRetryTimeout", "httpClientRetryMaxRetries"}
        | {"httpClientRetryBackoffBase", "httpClientRetryBackoffMultiplier", "httpClientRetryJitter"}
    ),
    "tls": frozenset(),
}
"""The settings that a provider of each package may have. A new setting is refused until it is listed here.

Any other setting can lead to another account or server, or to a file in place of the resources: credentials,
profiles, roles, configuration files, addresses, proxies and certificate authorities.
"""

DOMAINS = {
    "baseUrl": ("cloudflare.com",),
    "apiUrl": ("datadoghq.com", "datadoghq.eu", "ddog-gov.com"),
}
"""The domains of each setting with an address: Cloudflare's, and Datadog's sites
(docs.datadoghq.com/getting_started/site)."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The hosts of the sandbox's APIs."""

REGIONS = ("region", "stsRegion")
"""The settings with a region, which becomes a label of the host name of a request."""

HOST_LABEL = re.compile(r"[a-z0-9-]{1,63}")


def _is_set(value: Value) -> bool:
    """Return True unless a setting has no effect. Settings in a stack file are strings with JSON."""
    return value.get() not in (None, False, [], {}, "", "false", "[]", "{}")


def _is_elsewhere(value: Value, domains: tuple[str, ...]) -> bool:
    """Return True for an address outside of these domains."""
    if value.absent:
        return False
    try:
        host = urlsplit(value.text() or "").hostname or ""
    except ValueError:
        return True
    inside = any(host == domain or host.endswith(f".{domain}") for domain in domains)
    return not inside and host not in LOOPBACK


def _is_allowed(setting: Value, package: str) -> bool:
    """Return True if a setting, identified by its path, leaves the provider's resources where they belong."""
    name = setting.path
    if name not in ALLOWED[package] | OF_THE_ENGINE:
        return not _is_set(setting)
    if name in DOMAINS:
        return not _is_elsewhere(setting, DOMAINS[name])
    return name not in REGIONS or not _is_set(setting) or bool(HOST_LABEL.fullmatch(setting.text() or ""))


def _settings(provider: Value) -> Iterator[Value]:
    """Yield the settings in the properties of a provider, with the engine's own ones."""
    for name, value in provider.entries().items():
        yield from (value.entries().values() if name == INTERNAL else ()) or (value,)


@ACROSS_PROVIDERS.rule(
    "provider-redirected",
    types=frozenset(f"{PROVIDERS}{package}" for package in ALLOWED),
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Remove the setting. The credentials come from environment variables of the deployment.",
)
def redirected(provider: Resource, _: Options) -> Verdicts:
    """Refuse settings that may lead a provider to other accounts, servers or plugins, or to files."""
    package = provider.type.removeprefix(PROVIDERS)

    def check(setting: Value) -> Verdicts:
        if not _is_allowed(setting, package):
            yield disallowed(setting)

    yield from check_each(_settings(provider.props), check)


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
    for resource in sorted(stack.resources, key=lambda resource: resource.urn):
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
