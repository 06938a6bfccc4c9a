"""Number of each limited AWS resource that a stack has at full scale, and names that it takes.

All values follow from the settings.
"""

from math import ceil

from components.common.quantity import parse_quantity
from components.settings.stack import Settings
from foundation.permissions.roles import SERVICES_WITH_LINKED_ROLES
from foundation.permissions.scope import Scope
from foundation.service_roles.environment import environment_roles

PEOPLE_AND_JOBS = ("preview", "deploy", "operators")
"""Roles of an environment that people and GitHub's jobs assume.

foundation/operators.py and github_access.py declare them.
"""
VPCS = 1
"""Number of VPCs of a stack (components/aws/network.py)."""
NETWORK_LOAD_BALANCERS = 1
"""Number of network load balancers of a stack: the proxy's (components/kubernetes/tls_proxy.py)."""
RUNNER_BUILDS = 1
"""Number of jobs that run on a stack's runner at once.

Jobs of a stack wait for each other (.github/workflows, concurrency group stack-<stack>).
"""
DATABASES = 1
"""Number of RDS instances of a stack (components/aws/database.py)."""
LINKED_ROLE_NAMES = (
    "AWSServiceRoleForAmazonEKS",
    "AWSServiceRoleForElasticLoadBalancing",
    "AWSServiceRoleForRDS",
)
"""Roles that the stack's services create in an account on first use (IAM user guide, services that work with
IAM), one for each of SERVICES_WITH_LINKED_ROLES."""


def elastic_ips(settings: Settings) -> int:
    """Return the number of elastic IPs: one for each NAT gateway (components/aws/network.py)."""
    return settings.network.nat_zones


def standard_vcpus(settings: Settings) -> int:
    """Return the vCPUs of the nodes if the pods use the namespace's whole CPU quota.

    The system's pods need some more. The general-purpose pool of EKS Auto Mode has on-demand instances of the
    categories c, m and r (EKS user guide, built-in node pools), which all count as standard instances.
    """
    return ceil(parse_quantity(settings.namespace.quota_cpu))


def database_storage_gib(settings: Settings) -> int:
    """Return the storage to which the database may grow, in GiB."""
    return settings.database.max_storage_gib


def service_role_names(scope: Scope) -> list[str]:
    """Return the names of the environment's roles that services, pods, people and jobs assume."""
    names = [role.name for role in environment_roles(scope)]
    return [*names, *(scope.naming.name(role) for role in PEOPLE_AND_JOBS)]


def roles(scope: Scope) -> int:
    """Return the number of IAM roles: those of the foundation, and service-linked roles."""
    return len(service_role_names(scope)) + len(SERVICES_WITH_LINKED_ROLES)


def buckets(settings: Settings) -> dict[str, str]:
    """Return the region of each bucket that the stack creates, by the bucket's name.

    components/aws/bucket.py and network.py declare the buckets.
    """
    backups = settings.backups
    regions = {backups.bucket: settings.service.region}
    if backups.replica.enabled:
        regions[backups.replica.bucket] = backups.replica.region
    copies = {f"{name}{logs}": region for name, region in regions.items() for logs in ("", "-logs")}
    return {**copies, settings.naming.flow_log_bucket: settings.service.region}
