"""Checks of a stack file: those of each top-level key, and those of settings that must fit together."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from math import ceil
from typing import Any, TypeAlias, get_args

from components.common.image_reference import parse_image_reference
from components.common.quantity import MIB, parse_quantity
from components.settings import capacity
from components.settings.config_commands import remove_command, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.models import api, backups, cluster, database, edge, monitoring, network, proxy
from components.settings.stack import Settings

Check: TypeAlias = Callable[[Settings], Iterator[SettingFault]]

LOCAL_NETWORKS = {
    "0.0.0.0/8": "this host",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local: instance metadata and pod identity",
    "224.0.0.0/3": "multicast and reserved",
}
"""Networks without remote services (IANA, IPv4 special-purpose addresses)."""

CHECKS_BY_NOUN: Mapping[str, Sequence[Callable[[Any], Iterator[SettingFault]]]] = {
    "network": network.CHECKS,
    "cluster": cluster.CHECKS,
    "database": database.CHECKS,
    "backups": backups.CHECKS,
    "api": api.CHECKS,
    "proxy": proxy.CHECKS,
    "edge": edge.CHECKS,
    "monitoring": monitoring.CHECKS,
}
"""Checks of a single top-level key, by its field in Settings."""


def check_settings(settings: Settings, *, partial: bool) -> Iterator[SettingFault]:
    """Yield the faults that the checks find.

    If the settings are partial, invalid values are missing from them. A check that reads a missing value ends
    with an AttributeError, which is ignored; the other checks still run.
    """
    for check in (*_noun_checks(), *CHECKS):
        try:
            yield from check(settings)
        except AttributeError:
            if not partial:
                raise


def _noun_checks() -> Iterator[Check]:
    for noun, checks in CHECKS_BY_NOUN.items():
        for check in checks:
            yield _on_field(noun, check)


def _on_field(field: str, check: Callable[[Any], Iterator[SettingFault]]) -> Check:
    """Return a check of the settings that applies another check to one of their fields."""

    def check_field(settings: Settings) -> Iterator[SettingFault]:
        yield from check(getattr(settings, field))

    return check_field


def check_region(settings: Settings) -> Iterator[SettingFault]:
    """Refuse an AWS provider region that is not pipe:service.region, from which names and ARNs are built."""
    region = settings.service.region
    if settings.aws_region != region:
        path = ("aws:region",)
        allowed = f"{region}, as in pipe:service.region"
        yield invalid_value(path, settings.aws_region, allowed, set_command(path, region))


def check_allowed_accounts(settings: Settings) -> Iterator[SettingFault]:
    """Refuse an AWS provider account that is not pipe:service.account, from which ARNs are built."""
    for index, account in enumerate(settings.aws_allowed_account_ids):
        if account != settings.service.account:
            path = ("aws:allowedAccountIds", index)
            allowed = f"{settings.service.account}, as in pipe:service.account"
            yield invalid_value(path, account, allowed, set_command(path, settings.service.account))


def check_operators(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a cluster without operators.

    The cluster does not make its creator an administrator (bootstrapClusterCreatorAdminPermissions is false).
    The deploy role has access, but only jobs on GitHub can assume it. Without operators, nobody could access
    the cluster until the pipeline works.
    """
    if not settings.cluster.operators:
        path, role = ("pipe:cluster", "operators"), settings.naming.role_arn("operators")
        allowed = (
            f"a list with foundation's role {role.rpartition('/')[2]}, and with the IAM role or user that "
            "runs the first `pulumi up`: the creator of a cluster has no access by default"
        )
        yield invalid_value(path, [], allowed, set_command((*path, 0), role))


def check_connection_account(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a GitHub connection in another AWS account, which CodeBuild could not use."""
    arn = settings.ci_runner.connection_arn
    account, expected = arn.split(":")[4], settings.service.account
    if account != expected:
        path = ("pipe:ciRunner", "connectionArn")
        allowed = f"the ARN of a connection in the account of pipe:service.account ({expected})"
        yield invalid_value(path, arn, allowed, set_command(path, arn.replace(account, expected, 1)))


def check_dump_client(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a pg_dump that is older than the server, which it could not dump (PostgreSQL, pg_dump)."""
    server = int(settings.database.engine_version)
    image = parse_image_reference(settings.backups.image)
    client = re.match(r"\d+", image.tag)
    if client and int(client[0]) < server:
        path = ("pipe:backups", "image")
        allowed = f"PostgreSQL {server} or later, as in pipe:database.engineVersion ({server})"
        fix = set_command(path, f"{image.repository}:{server}")
        yield invalid_value(path, settings.backups.image, allowed, fix)


def check_replica_region(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a copy of the backups in the stack's own region."""
    region = settings.backups.replica.region
    if region == settings.service.region:
        path = ("pipe:backups", "replica", "region")
        other = "ap-northeast-1" if region == "ap-northeast-3" else "ap-northeast-3"
        yield invalid_value(path, region, "a region other than pipe:service.region", set_command(path, other))


def check_service_network_outside_vpc(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a service network that overlaps the VPC, since a host could then have a Service's address."""
    services = IPv4Network(settings.cluster.service_cidr)
    if cluster.is_service_network(services) and services.overlaps(IPv4Network(settings.network.cidr)):
        path = ("pipe:cluster", "serviceCidr")
        allowed = f"a network outside pipe:network.cidr ({settings.network.cidr})"
        fix = set_command(path, cluster.EXAMPLE_SERVICE_CIDR)
        yield invalid_value(path, str(services), allowed, fix)


def check_egress_networks(settings: Settings) -> Iterator[SettingFault]:
    """Refuse egress destinations of the API in the stack's own networks or in local networks.

    A request that the API is tricked into sending (server-side request forgery) must not reach the instance
    metadata, the pod identity agent, the nodes, or another pod.
    """
    refused_networks = {
        settings.network.cidr: "pipe:network.cidr",
        settings.cluster.service_cidr: "pipe:cluster.serviceCidr",
        **LOCAL_NETWORKS,
    }
    # The last entry comes first, since its removal does not shift the indexes in the other faults.
    for index, cidr in reversed([*enumerate(settings.api.egress.networks)]):
        overlapped = (
            refused for refused in refused_networks if IPv4Network(cidr).overlaps(IPv4Network(refused))
        )
        if refused := next(overlapped, None):
            path = ("pipe:api", "egress", "networks", index)
            allowed = f"a network that does not overlap {refused} ({refused_networks[refused]})"
            yield invalid_value(path, cidr, allowed, remove_command(path))


def check_pod_addresses(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a pod quota above the number of addresses in the private subnets."""
    addresses = network.free_addresses(settings.network)
    if settings.namespace.quota_pods > addresses:
        path = ("pipe:namespace", "quotaPods")
        allowed = f"at most {addresses}, the number of free addresses in pipe:network.subnets.private"
        yield invalid_value(path, settings.namespace.quota_pods, allowed, set_command(path, addresses))


def check_pod_quota(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a pod quota below the number of pods and data jobs at maximum scale during a rollout."""
    needed = capacity.pods(settings)
    if settings.namespace.quota_pods < needed:
        path = ("pipe:namespace", "quotaPods")
        allowed = _at_least(str(needed))
        yield invalid_value(path, settings.namespace.quota_pods, allowed, set_command(path, needed))


def check_cpu_quota(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a CPU quota below the sum of the pods' CPU limits at maximum scale during a rollout."""
    needed = capacity.cpu_limits(settings)
    if parse_quantity(settings.namespace.quota_cpu) < needed:
        path, least = ("pipe:namespace", "quotaCpu"), str(ceil(needed))
        allowed = _at_least(f'"{least}"')
        yield invalid_value(path, settings.namespace.quota_cpu, allowed, set_command(path, least))


def check_memory_quota(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a memory quota below the sum of the pods' memory limits at maximum scale during a rollout."""
    needed = capacity.memory_limits(settings)
    if parse_quantity(settings.namespace.quota_memory) < needed:
        path, least = ("pipe:namespace", "quotaMemory"), f"{ceil(needed / MIB)}Mi"
        allowed = _at_least(least)
        yield invalid_value(path, settings.namespace.quota_memory, allowed, set_command(path, least))


def check_node_limits(settings: Settings) -> Iterator[SettingFault]:
    """Refuse limits of the node pool below the namespace's quota, whose pods would then stay pending."""
    nodes, namespace = settings.cluster.nodes, settings.namespace
    for key, limit, quota in (
        ("cpu", nodes.cpu_limit, namespace.quota_cpu),
        ("memory", nodes.memory_limit, namespace.quota_memory),
    ):
        if parse_quantity(limit) < parse_quantity(quota):
            path = ("pipe:cluster", "nodes", f"{key}Limit")
            allowed = f"at least pipe:namespace.quota{key.capitalize()} ({quota})"
            yield invalid_value(path, limit, allowed, set_command(path, quota))


def check_origin_certificate(settings: Settings) -> Iterator[SettingFault]:
    """Refuse an origin certificate so short-lived that its monitor would warn on the first day."""
    warning, days = (
        settings.monitoring.thresholds.origin_certificate_days.warning,
        settings.edge.certificate_days,
    )
    if warning >= days:
        path = ("pipe:edge", "certificateDays")
        allowed = f"above pipe:monitoring.thresholds.originCertificateDays.warning ({warning:g})"
        validities: tuple[int, ...] = get_args(edge.CertificateDays)
        longer = next((validity for validity in validities if validity > warning), validities[-1])
        yield invalid_value(path, days, allowed, set_command(path, longer))


def check_datadog_site(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a Datadog provider whose API is not that of pipe:monitoring.site."""
    path, expected = ("datadog:apiUrl",), f"https://api.{settings.monitoring.site}/"
    if settings.datadog_api_url != expected:
        allowed = f"{expected}, as in pipe:monitoring.site"
        yield invalid_value(path, settings.datadog_api_url, allowed, set_command(path, expected))


def check_notify_handles(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a paging handle in pipe:monitoring.notify, whose handles also receive warnings."""
    quiet = f"@slack-pipe-{settings.service.environment}"
    for index, handle in enumerate(settings.monitoring.notify):
        if monitoring.PAGER.match(handle):
            path = ("pipe:monitoring", "notify", index)
            allowed = f"a handle that does not page people, such as {quiet}; warnings are sent to it, too"
            yield invalid_value(path, handle, allowed, set_command(path, quiet))


def check_connection_threshold(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a critical connection threshold that the database's own limit makes unreachable."""
    critical = settings.monitoring.thresholds.database_connections.critical
    most = settings.database.max_connections
    if critical >= most:
        path = ("pipe:monitoring", "thresholds", "databaseConnections", "critical")
        allowed = f"below pipe:database.maxConnections ({most})"
        yield invalid_value(path, critical, allowed, set_command(path, most * 9 // 10))


def check_storage_threshold(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a free-storage warning that an empty database would already trigger."""
    warning = settings.monitoring.thresholds.database_free_storage_gib.warning
    size = settings.database.storage_gib
    if warning >= size:
        path = ("pipe:monitoring", "thresholds", "databaseFreeStorageGib", "warning")
        allowed = f"below pipe:database.storageGib ({size})"
        yield invalid_value(path, warning, allowed, set_command(path, size // 5))


def _at_least(amount: str) -> str:
    return (
        f"at least {amount}, enough for a rollout of pipe:api and pipe:proxy at replicas.max "
        f"and for {capacity.DATA_JOBS} data jobs"
    )


CHECKS: tuple[Check, ...] = (
    check_region,
    check_allowed_accounts,
    check_operators,
    check_connection_account,
    check_dump_client,
    check_replica_region,
    check_service_network_outside_vpc,
    check_egress_networks,
    check_pod_addresses,
    check_pod_quota,
    check_cpu_quota,
    check_memory_quota,
    check_node_limits,
    check_origin_certificate,
    check_datadog_site,
    check_notify_handles,
    check_connection_threshold,
    check_storage_threshold,
)
"""Checks of settings that must fit together."""
