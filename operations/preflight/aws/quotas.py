"""Questions about service quotas, which must cover the current use and what the stack will add."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components.common.naming import Naming
from components.settings.stack import Settings
from foundation.permissions.scope import Scope
from operations.preflight import demand
from operations.preflight.answers import Answer, Question, no, yes
from operations.preflight.subject import AwsClients, Subject

GLOBAL_REGION = "us-east-1"
"""Region in which Service Quotas has the quotas of global services, such as IAM (IAM user guide, quotas)."""
STANDARD_FAMILIES = "acdhimrtz"
"""First letters of standard instances (EC2 user guide, on-demand instance quotas)."""
CLUSTER_TAGS = ("eks:eks-cluster-name", "aws:eks:cluster-name", "eks:cluster-name")
"""Tags with the cluster's name that EKS gives to instances and load balancers."""


RUNNER_QUOTAS = {
    "BUILD_GENERAL1_SMALL": ("Small", "L-9D07B6EF"),
    "BUILD_GENERAL1_MEDIUM": ("Medium", "L-2DC20C30"),
    "BUILD_GENERAL1_LARGE": ("Large", "L-4DDC4A99"),
}
"""Name and code of the quota "Concurrently running builds for Linux/<name> environment", by machine size.

AWS's default is 1 (CodeBuild user guide, Quotas for AWS CodeBuild), but new accounts may have 0. Without a
free build, a job on the runner does not start.
"""


@dataclass(frozen=True)
class Use:
    """The current use of a quota: of the whole account, and of the stack itself."""

    total: int
    own: int


@dataclass(frozen=True)
class Quota:
    """A service quota, with functions for the stack's need and the current use."""

    title: str
    service: str
    """Service code of Service Quotas."""
    code: str
    """Quota code (Service Quotas; AWS General Reference, endpoints and quotas of each service)."""
    need: Callable[[Settings, Scope], int]
    """Function that returns the amount that the stack needs at full scale."""
    use: Callable[[AwsClients, Naming, Scope], Use]
    """Function that returns the amounts that the account and the stack use now."""
    region: str = ""
    """Region of the quota; by default the stack's."""


def _has_tags(tags: Iterable[Mapping[str, str]], expected: Mapping[str, str]) -> bool:
    return expected.items() <= {tag["Key"]: tag["Value"] for tag in tags}.items()


def _own_tags(naming: Naming) -> dict[str, str]:
    tags = naming.aws()
    return {name: tags[name] for name in ("service", "env")}


def _pages(client: Any, operation: str, member: str, **arguments: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator(operation).paginate(**arguments)
    return [item for page in pages for item in page[member]]


def _addresses(aws: AwsClients, naming: Naming, _: Scope) -> Use:
    addresses: list[dict[str, Any]] = aws("ec2").describe_addresses()["Addresses"]
    own = [address for address in addresses if _has_tags(address.get("Tags", ()), _own_tags(naming))]
    return Use(len(addresses), len(own))


def _vpcs(aws: AwsClients, naming: Naming, _: Scope) -> Use:
    vpcs = _pages(aws("ec2"), "describe_vpcs", "Vpcs")
    return Use(len(vpcs), sum(_has_tags(vpc.get("Tags", ()), _own_tags(naming)) for vpc in vpcs))


def _vcpus(aws: AwsClients, naming: Naming, _: Scope) -> Use:
    """Return the vCPUs of the running and pending standard on-demand instances."""
    filters = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    instances = [
        instance
        for reservation in _pages(aws("ec2"), "describe_instances", "Reservations", Filters=filters)
        for instance in reservation["Instances"]
        if instance["InstanceType"][0] in STANDARD_FAMILIES and instance.get("InstanceLifecycle") != "spot"
    ]
    if not instances:
        return Use(0, 0)
    types = sorted({instance["InstanceType"] for instance in instances})
    sizes = {
        kind["InstanceType"]: kind["VCpuInfo"]["DefaultVCpus"]
        for start in range(0, len(types), 100)  # DescribeInstanceTypes accepts 100 types.
        for kind in aws("ec2").describe_instance_types(InstanceTypes=types[start : start + 100])[
            "InstanceTypes"
        ]
    }
    own = [instance for instance in instances if _is_of_cluster(instance.get("Tags", ()), naming)]
    return Use(
        sum(sizes[instance["InstanceType"]] for instance in instances),
        sum(sizes[instance["InstanceType"]] for instance in own),
    )


def _is_of_cluster(tags: Iterable[Mapping[str, str]], naming: Naming) -> bool:
    return any(tag["Key"] in CLUSTER_TAGS and tag["Value"] == naming.name() for tag in tags)


def _network_load_balancers(aws: AwsClients, naming: Naming, _: Scope) -> Use:
    client = aws("elbv2")
    arns = [
        balancer["LoadBalancerArn"]
        for balancer in _pages(client, "describe_load_balancers", "LoadBalancers")
        if balancer["Type"] == "network"
    ]
    own = 0
    for start in range(0, len(arns), 20):  # DescribeTags accepts 20 ARNs.
        descriptions = client.describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]
        own += sum(_is_of_cluster(description["Tags"], naming) for description in descriptions)
    return Use(len(arns), own)


def _database_list(aws: AwsClients) -> list[dict[str, Any]]:
    return _pages(aws("rds"), "describe_db_instances", "DBInstances")


def _databases(aws: AwsClients, naming: Naming, _: Scope) -> Use:
    names = [database["DBInstanceIdentifier"] for database in _database_list(aws)]
    return Use(len(names), names.count(naming.name("db")))


def _storage(aws: AwsClients, naming: Naming, _: Scope) -> Use:
    sizes = {
        database["DBInstanceIdentifier"]: database["AllocatedStorage"] for database in _database_list(aws)
    }
    return Use(sum(sizes.values()), sizes.get(naming.name("db"), 0))


def _roles(aws: AwsClients, _: Naming, scope: Scope) -> Use:
    """Return the number of roles; the stack's own are those of the foundation and service-linked roles."""
    names = [role["RoleName"] for role in _pages(aws("iam"), "list_roles", "Roles")]
    own = set(demand.service_role_names(scope)) & set(names)
    linked = [name for name in names if name in demand.LINKED_ROLE_NAMES]
    return Use(len(names), len(own) + len(linked))


def _builds(compute: str, aws: AwsClients, naming: Naming, _: Scope) -> Use:
    """Return the running builds on Linux machines of this size, among the newest 100 of the account.

    CodeBuild returns the newest builds first, and describes up to 100 at once (CodeBuild API, ListBuilds and
    BatchGetBuilds).
    """
    client = aws("codebuild")
    identifiers: list[str] = client.list_builds(sortOrder="DESCENDING")["ids"][:100]
    if not identifiers:
        return Use(0, 0)
    projects = [
        build["projectName"]
        for build in client.batch_get_builds(ids=identifiers)["builds"]
        if build["buildStatus"] == "IN_PROGRESS"
        and build["environment"]["type"] == "LINUX_CONTAINER"
        and build["environment"]["computeType"] == compute
    ]
    return Use(len(projects), projects.count(naming.name("runner")))


def _runner_quotas(settings: Settings) -> tuple[Quota, ...]:
    """Return the quota of the builds of the runner's size; nothing if the stack has no runner."""
    runner = settings.ci_runner
    if not runner.enabled:
        return ()
    size, code = RUNNER_QUOTAS[runner.compute]
    return (
        Quota(
            f"concurrent CodeBuild builds on Linux/{size}",
            "codebuild",
            code,
            lambda _settings, _scope: demand.RUNNER_BUILDS,
            functools.partial(_builds, runner.compute),
        ),
    )


QUOTAS = (
    Quota(
        "elastic IPs, for NAT gateways",
        "ec2",
        "L-0263D0A3",
        lambda settings, _: demand.elastic_ips(settings),
        _addresses,
    ),
    Quota(
        "vCPUs of running on-demand standard instances",
        "ec2",
        "L-1216C47A",
        lambda settings, _: demand.standard_vcpus(settings),
        _vcpus,
    ),
    Quota("VPCs", "vpc", "L-F678F1CE", lambda _settings, _: demand.VPCS, _vpcs),
    Quota(
        "network load balancers",
        "elasticloadbalancing",
        "L-69A177A2",
        lambda _settings, _: demand.NETWORK_LOAD_BALANCERS,
        _network_load_balancers,
    ),
    Quota("RDS instances", "rds", "L-7B6409FD", lambda _settings, _: demand.DATABASES, _databases),
    Quota(
        "storage of all RDS instances, in GB",
        "rds",
        "L-7ADDB58A",
        lambda settings, _: demand.database_storage_gib(settings),
        _storage,
    ),
    Quota(
        "IAM roles", "iam", "L-FE177D64", lambda _settings, scope: demand.roles(scope), _roles, GLOBAL_REGION
    ),
)


def questions(subject: Subject) -> list[Question]:
    """Return a question for each quota."""
    return [
        Question("AWS", "quotas", quota.title, functools.partial(ask, subject, quota))
        for quota in (*QUOTAS, *_runner_quotas(subject.settings))
    ]


def ask(subject: Subject, quota: Quota) -> Answer:
    """Check that a quota covers the account's current use and what the stack will add."""
    scope = stack_scope(subject)
    limit = _limit(subject.aws, quota)
    use = quota.use(subject.aws, subject.settings.naming, scope)
    need = quota.need(subject.settings, scope)
    more = max(0, need - use.own)
    text = f"the stack adds {more}, and {use.total} of {limit} are used ({quota.code})"
    if use.total + more <= limit:
        return yes(text)
    region = f" --region {quota.region}" if quota.region else ""
    return no(
        text,
        f"aws service-quotas request-service-quota-increase --service-code {quota.service}"
        f" --quota-code {quota.code} --desired-value {use.total + more}{region}",
    )


def stack_scope(subject: Subject) -> Scope:
    """Return the foundation's scope of the stack's environment."""
    environment = subject.settings.service.environment
    return next(scope for scope in subject.foundation.scopes if scope.naming.environment == environment)


def _limit(aws: AwsClients, quota: Quota) -> int:
    """Return the value of a quota in the account, or AWS's default.

    GetServiceQuota returns no quota that still has its default value (Service Quotas API, GetServiceQuota).
    """
    client = aws("service-quotas", quota.region)
    arguments = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        response = client.get_service_quota(**arguments)
    except client.exceptions.NoSuchResourceException:
        response = client.get_aws_default_service_quota(**arguments)
    return int(response["Quota"]["Value"])
