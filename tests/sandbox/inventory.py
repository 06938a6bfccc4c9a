"""What the targets hold, asked from their APIs, and what the engine's state says of the same types."""

import json
import urllib.request
from typing import Any, cast

import boto3

from sandbox import workspace
from sandbox.targets import process
from sandbox.targets.kubernetes_api import Api
from sandbox.targets.process import Targets
from tests.stacks import Stack

Held = set[tuple[str, str]]
"""Types without their module, and ids."""

REGIONS = ("ap-northeast-1", "ap-northeast-3")

ZONE = "pipe.dev"

CLUSTER_OWN = ("kube-system", "kube-public", "kube-node-lease", "default")

OBJECTS = {
    "ConfigMap": "/api/v1/configmaps",
    "Secret": "/api/v1/secrets",
    "Service": "/api/v1/services",
    "ServiceAccount": "/api/v1/serviceaccounts",
    "ResourceQuota": "/api/v1/resourcequotas",
    "LimitRange": "/api/v1/limitranges",
    "Deployment": "/apis/apps/v1/deployments",
    "CronJob": "/apis/batch/v1/cronjobs",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/poddisruptionbudgets",
}
MADE_BY_CONTROLLERS = ("kube-root-ca.crt", "default")

TYPES = {
    "Vpc", "Subnet", "SecurityGroup", "NatGateway", "InternetGateway", "Eip", "RouteTable", "Key", "Bucket",
    "Role", "LogGroup", "Instance", "Cluster", "DnsRecord", "Monitor", "DashboardJson",
    "ServiceLevelObjective", "SyntheticsTest", "Namespace", *OBJECTS,
}  # fmt: skip


def targets(stack: Stack) -> Targets:
    """The targets, which run."""
    found = process.running(stack.folder)
    assert found is not None
    return found


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
    held = _in_aws(found) | _in_datadog(found)
    records = call(f"{zone(found)}/dns_records?per_page=1000")["result"]
    held |= {("DnsRecord", each["id"]) for each in records}
    return held | (_in_cluster(Api(found.kubeconfig)) if found.kubeconfig else set())


def _in_aws(found: Targets) -> Held:
    ec2 = client(found, "ec2")
    vpcs = [each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]]
    mine = [{"Name": "vpc-id", "Values": vpcs or ["vpc-none"]}]
    held: Held = {("Vpc", ident) for ident in vpcs}
    held |= {("Subnet", each["SubnetId"]) for each in ec2.describe_subnets(Filters=mine)["Subnets"]}
    for group in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]:
        if group["GroupName"] != "default" and not group["GroupName"].startswith("eks-cluster-sg"):
            held.add(("SecurityGroup", group["GroupId"]))
    for gateway in ec2.describe_nat_gateways(Filters=mine)["NatGateways"]:
        if gateway["State"] != "deleted":
            held.add(("NatGateway", gateway["NatGatewayId"]))
    gateways = ec2.describe_internet_gateways()["InternetGateways"]
    held |= {
        ("InternetGateway", each["InternetGatewayId"])
        for each in gateways
        if {attached["VpcId"] for attached in each["Attachments"]} & set(vpcs) or not each["Attachments"]
    }
    held |= {("Eip", each["AllocationId"]) for each in ec2.describe_addresses()["Addresses"]}
    for table in ec2.describe_route_tables(Filters=mine)["RouteTables"]:
        if not any(each["Main"] for each in table["Associations"]):
            held.add(("RouteTable", table["RouteTableId"]))
    for region in REGIONS:
        keys = client(found, "kms", region)
        for ident in [each["KeyId"] for each in keys.list_keys()["Keys"]]:
            about = keys.describe_key(KeyId=ident)["KeyMetadata"]
            if about["KeyState"] == "Enabled" and about["KeyManager"] == "CUSTOMER":
                held.add(("Key", ident))
    held |= {("Bucket", each["Name"]) for each in client(found, "s3").list_buckets()["Buckets"]}
    held |= {("Role", each["RoleName"]) for each in client(found, "iam").list_roles()["Roles"]}
    logs = client(found, "logs").describe_log_groups()["logGroups"]
    held |= {("LogGroup", each["logGroupName"]) for each in logs}
    databases = client(found, "rds").describe_db_instances()["DBInstances"]
    held |= {("Instance", each["DbiResourceId"]) for each in databases}
    return held | {("Cluster", name) for name in client(found, "eks").list_clusters()["clusters"]}


def _in_datadog(found: Targets) -> Held:
    api = f"{found.datadog}/api/v1"
    monitors = call(f"{api}/monitor?page_size=1000")
    held: Held = {("Monitor", str(each["id"])) for each in monitors if each["type"] != "synthetics alert"}
    held |= {("DashboardJson", each["id"]) for each in call(f"{api}/dashboard")["dashboards"]}
    held |= {("ServiceLevelObjective", each["id"]) for each in call(f"{api}/slo")["data"]}
    return held | {("SyntheticsTest", each["public_id"]) for each in call(f"{api}/synthetics/tests")["tests"]}


def _in_cluster(api: Api) -> Held:
    names = [each["metadata"]["name"] for each in api.items("/api/v1/namespaces")]
    held: Held = {("Namespace", name) for name in names if name not in CLUSTER_OWN}
    for kind, path in OBJECTS.items():
        for each in api.items(path):
            name, namespace = each["metadata"]["name"], each["metadata"]["namespace"]
            of_helm = each["metadata"].get("labels", {}).get("owner") == "helm"
            if namespace not in CLUSTER_OWN and name not in MADE_BY_CONTROLLERS and not of_helm:
                held.add((kind, f"{namespace}/{name}"))
    return held


def in_state(stack: Stack) -> Held:
    """What the state says of these types; two of one id are a fault."""
    resources = workspace.state(workspace.find_stack(stack.root, stack.name), "resources")
    found = [(each["type"].rpartition(":")[2], each["id"]) for each in resources if each.get("custom")]
    kept = [each for each in found if each[0] in TYPES and not each[1].startswith("kube-system/")]
    assert len(kept) == len(set(kept)), kept
    return set(kept)
