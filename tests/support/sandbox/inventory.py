"""What the targets hold, asked from their APIs, and what the engine's state says of the same types."""

import functools
import json
import urllib.request
import zlib
from typing import Any, cast

import boto3
import jmespath

from sandbox import workspace
from sandbox.clouds import process
from sandbox.clouds.kubernetes.api import Api
from sandbox.clouds.process import Targets
from sandbox.providers.aws.target import CREATION_TAG
from tests.support.stacks import Stack

Held = set[tuple[str, str]]
"""Types without their module, and ids."""

REGIONS = ("ap-northeast-1", "ap-northeast-3")

ZONE = "pipe.dev"

CLUSTER_OWN = ("kube-system", "kube-public", "kube-node-lease", "default")

PARTS = {
    "BucketLifecycleConfiguration", "BucketLogging", "BucketObjectLockConfiguration",
    "BucketOwnershipControls", "BucketPolicy", "BucketPublicAccessBlock", "BucketReplicationConfig",
    "BucketServerSideEncryptionConfiguration", "BucketVersioning", "DefaultSecurityGroup", "LifecyclePolicy",
    "ZoneSetting",
}  # fmt: skip
"""Types of what another object has exactly one of: none can be left over or be there twice."""

ELSEWHERE = ("pulumi:", "tls:", "kubernetes:helm.sh/")
"""What no target holds; a Helm release is only planned."""


def targets(stack: Stack) -> Targets:
    """The targets, which run."""
    found = process.find_running(stack.folder)
    assert found is not None
    return found


@functools.cache
def client(found: Targets, service: str, region: str = REGIONS[0]) -> Any:
    """A client of the AWS target."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return cast(Any, boto3).client(service, endpoint_url=found.aws, region_name=region, **keys)


def call(url: str, method: str = "GET", body: Any = None) -> Any:
    """An answer of the Cloudflare or Datadog API."""
    headers = {"Authorization": "Bearer test", "DD-API-KEY": "test", "DD-APPLICATION-KEY": "test"}
    data = None if body is None else json.dumps(body).encode()
    headers |= {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    return json.loads(urllib.request.urlopen(request, timeout=30).read() or b"null")


def zone(found: Targets) -> str:
    """The URL of the zone."""
    zones = f"{found.cloudflare}/client/v4/zones"
    return f"{zones}/{call(f'{zones}?name={ZONE}')['result'][0]['id']}"


def in_targets(found: Targets) -> Held:
    """All that is there, but for what an account or a cluster has by itself."""
    held = _in_aws(found) | _in_datadog(found) | _in_cloudflare(found)
    return held | (_in_cluster(Api(found.kubeconfig)) if found.kubeconfig else set())


def kept(found: Targets) -> Held:
    """The keys of databases' last snapshots, which stay of a stack that is destroyed, as in the cloud."""
    snapshots = client(found, "rds").describe_db_snapshots()["DBSnapshots"]
    last = [each for each in snapshots if "-final-" in each["DBSnapshotIdentifier"]]
    return {("Key", each["KmsKeyId"].rpartition("/")[2]) for each in last}


def _in_aws(found: Targets) -> Held:
    def ask(service: str, call: str, path: str, region: str = REGIONS[0], **given: Any) -> list[Any]:
        """What is at a path of an answer, of all its pages."""
        asked = client(found, service, region)
        if asked.can_paginate(call):
            return [one for one in asked.get_paginator(call).paginate(**given).search(path) if one]
        return jmespath.search(path, getattr(asked, call)(**given)) or []

    vpcs = ask("ec2", "describe_vpcs", "Vpcs[?!IsDefault].VpcId")
    mine: dict[str, Any] = {"Filters": [{"Name": "vpc-id", "Values": vpcs or ["vpc-none"]}]}
    named = "[?GroupName!='default' && !starts_with(GroupName, 'eks-cluster-sg')]"
    groups = ask("ec2", "describe_security_groups", f"SecurityGroups{named}.GroupId", **mine)
    held: Held = {("Vpc", ident) for ident in vpcs} | {("SecurityGroup", ident) for ident in groups}
    for rule in ask("ec2", "describe_security_group_rules", "SecurityGroupRules[]"):
        if any(tag["Key"] == CREATION_TAG for tag in rule.get("Tags", ())):
            way = "Egress" if rule["IsEgress"] else "Ingress"
            held.add((f"SecurityGroup{way}Rule", rule["SecurityGroupRuleId"]))
    tables = "RouteTables[?!(Associations[?Main])]"
    for table in ask("ec2", "describe_route_tables", tables, **mine):
        held.add(("RouteTable", table["RouteTableId"]))
        held |= {("RouteTableAssociation", one["RouteTableAssociationId"]) for one in table["Associations"]}
        for route in table["Routes"]:
            if route["Origin"] == "CreateRoute" and (to := route.get("DestinationCidrBlock")):
                held.add(("Route", f"r-{table['RouteTableId']}{zlib.crc32(to.encode())}"))
    for region in REGIONS:
        for ident in ask("kms", "list_keys", "Keys[].KeyId", region):
            about = ask("kms", "describe_key", "[KeyMetadata]", region, KeyId=ident)[0]
            if about["KeyState"] == "Enabled" and about["KeyManager"] == "CUSTOMER":
                held.add(("Key", ident))
        alias = "Aliases[?TargetKeyId && !starts_with(AliasName, 'alias/aws/')].AliasName"
        held |= {("Alias", name) for name in ask("kms", "list_aliases", alias, region)}
    for role in ask("iam", "list_roles", "Roles[].RoleName"):
        own = ask("iam", "list_role_policies", "PolicyNames[]", RoleName=role)
        used = ask("iam", "list_attached_role_policies", "AttachedPolicies[].PolicyArn", RoleName=role)
        held |= {("Role", role)} | {("RolePolicy", f"{role}:{name}") for name in own}
        held |= {("RolePolicyAttachment", f"{role}/{arn}") for arn in used}
    for name in ask("eks", "list_clusters", "clusters[]"):
        of = {"clusterName": name}
        held.add(("Cluster", name))
        held |= {("Addon", f"{name}:{one}") for one in ask("eks", "list_addons", "addons[]", **of)}
        pods = ask("eks", "list_pod_identity_associations", "associations[].associationId", **of)
        held |= {("PodIdentityAssociation", ident) for ident in pods}
        for who in ask("eks", "list_access_entries", "accessEntries[]", **of):
            held.add(("AccessEntry", f"{name}:{who}"))
            policies = "associatedAccessPolicies[].policyArn"
            may = ask("eks", "list_associated_access_policies", policies, **of, principalArn=who)
            held |= {("AccessPolicyAssociation", f"{name}#{who}#{arn}") for arn in may}
    for name in ask("codebuild", "list_projects", "projects[]"):
        [project] = ask("codebuild", "batch_get_projects", "projects", names=[name])
        held |= {("Project", project["arn"])} | ({("Webhook", name)} if project.get("webhook") else set())
    for kind, (service, call, path, given) in ALONE.items():
        held |= {(kind, ident) for ident in ask(service, call, path, **(mine if given == "mine" else given))}
    return held


ALONE: dict[str, tuple[str, str, str, Any]] = {
    "Subnet": ("ec2", "describe_subnets", "Subnets[].SubnetId", "mine"),
    "NatGateway": ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId", "mine"),
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
    "ParameterGroup": ("rds", "describe_db_parameter_groups",
        "DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')].DBParameterGroupName", {}),
    "Repository": ("ecr", "describe_repositories", "repositories[].repositoryName", {}),
}  # fmt: skip
"""How each type that is listed by one call is asked for: service, call, where the ids are, arguments."""


def _in_cloudflare(found: Targets) -> Held:
    if not call(f"{found.cloudflare}/client/v4/zones")["result"]:
        return set()  # no stack of the project names one
    here = zone(found)
    ident = here.rpartition("/")[2]
    records = call(f"{here}/dns_records?per_page=1000")["result"]
    held: Held = {("DnsRecord", one["id"]) for one in records}
    held |= {("Ruleset", one["id"]) for one in call(f"{here}/rulesets?per_page=1000")["result"]}
    signed = call(f"{found.cloudflare}/client/v4/certificates?per_page=1000&zone_id={ident}")["result"]
    held |= {("OriginCaCertificate", one["id"]) for one in signed}
    unsigned = call(f"{here}/dnssec")["result"]["status"] == "disabled"
    return held if unsigned else held | {("ZoneDnssec", ident)}


def _in_datadog(found: Targets) -> Held:
    api = f"{found.datadog}/api/v1"
    monitors = call(f"{api}/monitor?page_size=1000")
    held: Held = {("Monitor", str(each["id"])) for each in monitors if each["type"] != "synthetics alert"}
    held |= {("DashboardJson", each["id"]) for each in call(f"{api}/dashboard")["dashboards"]}
    held |= {("ServiceLevelObjective", each["id"]) for each in call(f"{api}/slo")["data"]}
    accounts = call(f"{found.datadog}/api/v2/integration/aws/accounts")["data"]
    held |= {("IntegrationAccount", each["id"]) for each in accounts}
    metrics = call(f"{found.datadog}/api/v2/logs/config/metrics")["data"]
    held |= {("LogsMetric", each["id"]) for each in metrics}
    return held | {("SyntheticsTest", each["public_id"]) for each in call(f"{api}/synthetics/tests")["tests"]}


def _in_cluster(api: Api) -> Held:
    """Each object, of whatever kind, that the provider has applied; a bare namespace does not say who."""
    held: Held = set()
    for kind, path in kinds(api).items():
        for meta in (one["metadata"] for one in api.items(path)):
            applied = any(one["manager"].startswith("pulumi-") for one in meta.get("managedFields", ()))
            if applied or (kind == "Namespace" and meta["name"] not in CLUSTER_OWN):
                held.add((kind, "/".join(filter(None, (meta.get("namespace"), meta["name"])))))
    return held


@functools.cache
def kinds(api: Api) -> dict[str, str]:
    """The kinds of objects that the server has, and where they are listed."""
    groups = [one["preferredVersion"]["groupVersion"] for one in api.call("GET", "/apis")["groups"]]
    bases = ["/api/v1", *(f"/apis/{version}" for version in groups)]
    return {
        one["kind"]: f"{base}/{one['name']}"
        for base in bases
        for one in api.call("GET", base)["resources"]
        if "list" in one["verbs"] and "/" not in one["name"]
    }


def in_state(stack: Stack) -> Held:
    """What the state says that a target holds; two of one id are a fault."""
    resources = workspace.state(workspace.find_stack(stack.root, stack.name), "resources")
    found = [each for each in resources if each.get("custom") and not each["type"].startswith(ELSEWHERE)]
    held = [(kind, each["id"]) for each in found if (kind := each["type"].rpartition(":")[2]) not in PARTS]
    assert len(held) == len(set(held)), held
    return set(held)
