"""Lists of the resources that the targets' APIs return, and of those in the engine's state."""

import functools
import json
import urllib.request
import zlib
from collections.abc import Callable
from typing import Any, cast

import boto3
import jmespath

from sandbox.clouds import process
from sandbox.providers.aws.calls.model import CREATION_TAG
from sandbox.wire.kubernetes_api import Api
from sandbox.wire.targets import Targets
from sandbox.workspace import stacks, state
from tests.support.stacks import Stack

ResourceIds = set[tuple[str, str]]
"""Pairs of a type name (without package and module) and an ID."""

REGIONS = ("ap-northeast-1", "ap-northeast-3")

EVENT_REGIONS = (REGIONS[0], "us-east-1")
"""Regions with rules of EventBridge: the accounts' own, and that of STS's global endpoint."""

ZONE = "pipe.dev"

CLUSTER_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
"""Namespaces that every cluster has."""

UNLISTED_TYPES = {
    "AccountPasswordPolicy",
    "AccountPublicAccessBlock",
    "BucketLifecycleConfiguration",
    "BucketLogging",
    "BucketObjectLockConfiguration",
    "BucketOwnershipControls",
    "BucketPolicy",
    "BucketPublicAccessBlock",
    "BucketReplicationConfig",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "DefaultSecurityGroup",
    "DetectorFeature",
    "EncryptionByDefault",
    "LifecyclePolicy",
    "ReplicationConfiguration",
    "RepositoryPolicy",
    "VaultLockConfiguration",
    "VaultPolicy",
    "ZoneSetting",
}
"""Types that are a part of another object or of the account, so that no list has them, and none is left over
or duplicated.
"""

PREFIXES_WITHOUT_TARGET = ("pulumi:", "tls:", "kubernetes:helm.sh/")
"""Prefixes of types that do not exist in any target. Helm releases are only planned."""


def targets(stack: Stack) -> Targets:
    """Return the running targets of a stack."""
    running = process.find_running(stack.sandbox)
    assert running is not None
    return running


@functools.cache
def client(targets: Targets, service: str, region: str = REGIONS[0]) -> Any:
    """Return a boto3 client for the AWS API."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return cast(Any, boto3).client(service, endpoint_url=targets.aws, region_name=region, **keys)


def call(url: str, method: str = "GET", body: Any = None) -> Any:
    """Send a request to the Cloudflare or Datadog API and return the response."""
    headers = {"Authorization": "Bearer test", "DD-API-KEY": "test", "DD-APPLICATION-KEY": "test"}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data, headers, method=method)
    return json.loads(urllib.request.urlopen(request, timeout=30).read() or b"null")


def zone_url(targets: Targets) -> str:
    """Return the URL of the zone in the Cloudflare API."""
    zones = f"{targets.cloudflare}/client/v4/zones"
    return f"{zones}/{call(f'{zones}?name={ZONE}')['result'][0]['id']}"


def in_targets(targets: Targets) -> ResourceIds:
    """Return the resources in the targets, except those that every account or cluster has."""
    resources = _in_aws(targets) | _in_datadog(targets) | _in_cloudflare(targets)
    return resources | (_in_cluster(Api(targets.kubeconfig)) if targets.kubeconfig else set())


def snapshot_keys(targets: Targets) -> ResourceIds:
    """Return the keys of final database snapshots, which remain after a destroy, as in AWS."""
    snapshots = client(targets, "rds").describe_db_snapshots()["DBSnapshots"]
    last = [snapshot for snapshot in snapshots if "-final-" in snapshot["DBSnapshotIdentifier"]]
    return {("Key", snapshot["KmsKeyId"].rpartition("/")[2]) for snapshot in last}


def _list(
    targets: Targets, service: str, action: str, path: str, region: str = REGIONS[0], **arguments: Any
) -> list[Any]:
    """Return the values that a JMESPath expression selects in all pages of an AWS response."""
    api = client(targets, service, region)
    if api.can_paginate(action):
        return [item for item in api.get_paginator(action).paginate(**arguments).search(path) if item]
    return jmespath.search(path, getattr(api, action)(**arguments)) or []


def _in_aws(targets: Targets) -> ResourceIds:
    list_all = functools.partial(_list, targets)
    vpcs = list_all("ec2", "describe_vpcs", "Vpcs[?!IsDefault].VpcId")
    in_vpcs: dict[str, Any] = {"Filters": [{"Name": "vpc-id", "Values": vpcs or ["vpc-none"]}]}
    resources: ResourceIds = {("Vpc", ident) for ident in vpcs}
    resources |= _in_network(list_all, in_vpcs)
    resources |= _in_iam(list_all)
    resources |= _in_eks(list_all)
    for region in REGIONS:
        resources |= _in_kms(list_all, region)
        repositories = list_all("ecr", "describe_repositories", "repositories[].repositoryName", region)
        resources |= {("Repository", name) for name in repositories}
    resources |= _in_backup(list_all)
    for region in EVENT_REGIONS:
        resources |= _in_events(list_all, region)
    resources |= _in_budgets(list_all)
    for name in list_all("codebuild", "list_projects", "projects[]"):
        [project] = list_all("codebuild", "batch_get_projects", "projects", names=[name])
        resources.add(("Project", project["arn"]))
        if project.get("webhook"):
            resources.add(("Webhook", name))
    for kind, (service, action, path) in VPC_LIST_CALLS.items():
        resources |= {(kind, ident) for ident in list_all(service, action, path, **in_vpcs)}
    for kind, (service, action, path, arguments) in LIST_CALLS.items():
        resources |= {(kind, ident) for ident in list_all(service, action, path, **arguments)}
    return resources


def _in_network(list_all: Callable[..., list[Any]], in_vpcs: dict[str, Any]) -> ResourceIds:
    groups_path = "[?GroupName!='default' && !starts_with(GroupName, 'eks-cluster-sg')]"
    groups = list_all("ec2", "describe_security_groups", f"SecurityGroups{groups_path}.GroupId", **in_vpcs)
    resources: ResourceIds = {("SecurityGroup", ident) for ident in groups}
    for rule in list_all("ec2", "describe_security_group_rules", "SecurityGroupRules[]"):
        if any(tag["Key"] == CREATION_TAG for tag in rule.get("Tags", ())):
            direction = "Egress" if rule["IsEgress"] else "Ingress"
            resources.add((f"SecurityGroup{direction}Rule", rule["SecurityGroupRuleId"]))
    tables_path = "RouteTables[?!(Associations[?Main])]"
    for table in list_all("ec2", "describe_route_tables", tables_path, **in_vpcs):
        resources.add(("RouteTable", table["RouteTableId"]))
        for association in table["Associations"]:
            resources.add(("RouteTableAssociation", association["RouteTableAssociationId"]))
        for route in table["Routes"]:
            destination = route.get("DestinationCidrBlock")
            if route["Origin"] == "CreateRoute" and destination:
                checksum = zlib.crc32(destination.encode())
                resources.add(("Route", f"r-{table['RouteTableId']}{checksum}"))
    return resources


def _in_kms(list_all: Callable[..., list[Any]], region: str) -> ResourceIds:
    resources: ResourceIds = set()
    for ident in list_all("kms", "list_keys", "Keys[].KeyId", region):
        [key] = list_all("kms", "describe_key", "[KeyMetadata]", region, KeyId=ident)
        if key["KeyState"] == "Enabled" and key["KeyManager"] == "CUSTOMER":
            resources.add(("Key", ident))
    aliases_path = "Aliases[?TargetKeyId && !starts_with(AliasName, 'alias/aws/')].AliasName"
    return resources | {("Alias", name) for name in list_all("kms", "list_aliases", aliases_path, region)}


def _in_backup(list_all: Callable[..., list[Any]]) -> ResourceIds:
    resources: ResourceIds = set()
    for plan in list_all("backup", "list_backup_plans", "BackupPlansList[].BackupPlanId"):
        resources.add(("Plan", plan))
        path = "BackupSelectionsList[].SelectionId"
        selections = list_all("backup", "list_backup_selections", path, BackupPlanId=plan)
        resources |= {("Selection", ident) for ident in selections}
    return resources


def _in_events(list_all: Callable[..., list[Any]], region: str) -> ResourceIds:
    resources: ResourceIds = set()
    for rule in list_all("events", "list_rules", "Rules[].Name", region):
        rule_targets = list_all("events", "list_targets_by_rule", "Targets[].Id", region, Rule=rule)
        resources |= {("EventRule", rule)} | {("EventTarget", f"{rule}-{ident}") for ident in rule_targets}
    return resources


def _in_budgets(list_all: Callable[..., list[Any]]) -> ResourceIds:
    [account] = list_all("sts", "get_caller_identity", "[Account]")
    names = list_all("budgets", "describe_budgets", "Budgets[].BudgetName", AccountId=account)
    return {("Budget", f"{account}:{name}") for name in names}


def _in_iam(list_all: Callable[..., list[Any]]) -> ResourceIds:
    resources: ResourceIds = set()
    for role in list_all("iam", "list_roles", "Roles[].RoleName"):
        inline = list_all("iam", "list_role_policies", "PolicyNames[]", RoleName=role)
        attached = list_all(
            "iam", "list_attached_role_policies", "AttachedPolicies[].PolicyArn", RoleName=role
        )
        resources.add(("Role", role))
        resources |= {("RolePolicy", f"{role}:{name}") for name in inline}
        resources |= {("RolePolicyAttachment", f"{role}/{arn}") for arn in attached}
    return resources


def _in_eks(list_all: Callable[..., list[Any]]) -> ResourceIds:
    resources: ResourceIds = set()
    for name in list_all("eks", "list_clusters", "clusters[]"):
        cluster = {"clusterName": name}
        resources.add(("Cluster", name))
        addons = list_all("eks", "list_addons", "addons[]", **cluster)
        resources |= {("Addon", f"{name}:{addon}") for addon in addons}
        associations = list_all(
            "eks", "list_pod_identity_associations", "associations[].associationId", **cluster
        )
        resources |= {("PodIdentityAssociation", ident) for ident in associations}
        for principal in list_all("eks", "list_access_entries", "accessEntries[]", **cluster):
            resources.add(("AccessEntry", f"{name}:{principal}"))
            policies = list_all(
                "eks",
                "list_associated_access_policies",
                "associatedAccessPolicies[].policyArn",
                **cluster,
                principalArn=principal,
            )
            resources |= {("AccessPolicyAssociation", f"{name}#{principal}#{arn}") for arn in policies}
    return resources


VPC_LIST_CALLS = {
    "Subnet": ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    "NatGateway": ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
}
"""The call that lists each of these types in the stacks' VPCs: service, action and path of the IDs."""

LIST_CALLS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "InternetGateway": ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId", {}),
    "Eip": ("ec2", "describe_addresses", "Addresses[].AllocationId", {}),
    "FlowLog": ("ec2", "describe_flow_logs", "FlowLogs[].FlowLogId", {}),
    "VpcEndpoint": ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId", {}),
    "Bucket": ("s3", "list_buckets", "Buckets[].Name", {}),
    "Policy": ("iam", "list_policies", "Policies[].Arn", {"Scope": "Local"}),
    "OpenIdConnectProvider": ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn", {}),
    "LogGroup": ("logs", "describe_log_groups", "logGroups[].logGroupName", {}),
    "Instance": ("rds", "describe_db_instances", "DBInstances[].DbiResourceId", {}),
    "SubnetGroup": ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName", {}),
    "ParameterGroup": (
        "rds",
        "describe_db_parameter_groups",
        "DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')].DBParameterGroupName",
        {},
    ),
    "Vault": ("backup", "list_backup_vaults", "BackupVaultList[].BackupVaultName", {}),
    "Analyzer": ("accessanalyzer", "list_analyzers", "analyzers[].name", {}),
    "AnomalyMonitor": ("ce", "get_anomaly_monitors", "AnomalyMonitors[].MonitorArn", {}),
    "AnomalySubscription": (
        "ce",
        "get_anomaly_subscriptions",
        "AnomalySubscriptions[].SubscriptionArn",
        {},
    ),
    "Detector": ("guardduty", "list_detectors", "DetectorIds[]", {}),
    "Topic": ("sns", "list_topics", "Topics[].TopicArn", {}),
    "TopicSubscription": ("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn", {}),
    "Trail": ("cloudtrail", "list_trails", "Trails[].TrailARN", {}),
}
"""The call that lists each of these types: service, action, path of the IDs, and arguments."""


def _in_cloudflare(targets: Targets) -> ResourceIds:
    if not call(f"{targets.cloudflare}/client/v4/zones")["result"]:
        return set()  # No stack file of the project names a zone.
    zone = zone_url(targets)
    zone_id = zone.rpartition("/")[2]
    records = call(f"{zone}/dns_records?per_page=1000")["result"]
    resources: ResourceIds = {("DnsRecord", record["id"]) for record in records}
    rulesets = call(f"{zone}/rulesets?per_page=1000")["result"]
    resources |= {("Ruleset", ruleset["id"]) for ruleset in rulesets}
    certificates_url = f"{targets.cloudflare}/client/v4/certificates?per_page=1000&zone_id={zone_id}"
    certificates = call(certificates_url)["result"]
    resources |= {("OriginCaCertificate", certificate["id"]) for certificate in certificates}
    if call(f"{zone}/dnssec")["result"]["status"] != "disabled":
        resources.add(("ZoneDnssec", zone_id))
    return resources


def _in_datadog(targets: Targets) -> ResourceIds:
    lists = {
        "DashboardJson": call(f"{targets.datadog}/api/v1/dashboard")["dashboards"],
        "ServiceLevelObjective": call(f"{targets.datadog}/api/v1/slo")["data"],
        "IntegrationAccount": call(f"{targets.datadog}/api/v2/integration/aws/accounts")["data"],
        "LogsMetric": call(f"{targets.datadog}/api/v2/logs/config/metrics")["data"],
    }
    resources: ResourceIds = {(kind, item["id"]) for kind, items in lists.items() for item in items}
    # The API creates a monitor for each synthetic test; such a monitor is not a separate resource.
    for monitor in call(f"{targets.datadog}/api/v1/monitor?page_size=1000"):
        if monitor["type"] != "synthetics alert":
            resources.add(("Monitor", str(monitor["id"])))
    tests = call(f"{targets.datadog}/api/v1/synthetics/tests")["tests"]
    return resources | {("SyntheticsTest", test["public_id"]) for test in tests}


def _in_cluster(api: Api) -> ResourceIds:
    """Return the objects of every kind that a provider has applied.

    A namespace without other fields has no manager. Therefore, the result has every namespace that a new
    cluster does not have.
    """
    resources: ResourceIds = set()
    for kind, path in list_paths(api).items():
        for item in api.items(path):
            meta = item["metadata"]
            managers = [entry["manager"] for entry in meta.get("managedFields", ())]
            is_applied = any(manager.startswith("pulumi-") for manager in managers)
            if is_applied or (kind == "Namespace" and meta["name"] not in CLUSTER_NAMESPACES):
                resources.add((kind, "/".join(filter(None, (meta.get("namespace"), meta["name"])))))
    return resources


@functools.cache
def list_paths(api: Api) -> dict[str, str]:
    """Return the path of the list for each kind of object on the server."""
    groups = api.call("GET", "/apis")["groups"]
    bases = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    return {
        resource["kind"]: f"{base}/{resource['name']}"
        for base in bases
        for resource in api.call("GET", base)["resources"]
        if "list" in resource["verbs"] and "/" not in resource["name"]
    }


def in_state(stack: Stack) -> ResourceIds:
    """Return the resources of a sandbox that exist in a target: those in the states of all of its stacks."""
    return {pair for shared in stacks.stacks_in(stack.located) for pair in _in_state(shared)}


def in_own_state(stack: Stack) -> ResourceIds:
    """Return the resources in a stack's own state that exist in a target."""
    return _in_state(stack.located)


def _in_state(stack: stacks.Stack) -> ResourceIds:
    """Return the resources in one state; fail if two of a region have the same type and ID."""
    resources: list[tuple[str, str, str]] = []
    for resource in state.read(stack, "resources"):
        kind = resource["type"].rpartition(":")[2]
        has_target = resource.get("custom") and not resource["type"].startswith(PREFIXES_WITHOUT_TARGET)
        if has_target and kind not in UNLISTED_TYPES:
            resources.append((kind, resource["id"], resource["outputs"].get("region", "")))
    assert len(resources) == len(set(resources)), resources
    return {(kind, ident) for kind, ident, _ in resources}
