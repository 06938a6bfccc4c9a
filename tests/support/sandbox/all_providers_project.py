"""A small project with resources of every provider.

The resources cover every way in which a stand-in creates, awaits and finds a resource.
"""

import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.support.stacks import ROOT, Stack

PROGRAM = """\
import json
import lazy_sdk
import pulumi
import pulumi_aws as aws
import pulumi_cloudflare as cloudflare
import pulumi_datadog as datadog
import pulumi_kubernetes as kubernetes
import pulumi_tls as tls

config = pulumi.Config("pipe")
def trust(service):
    may = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"]}
    who = {"Principal": {"Service": f"{service}.amazonaws.com"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [may | who]})

TAGS = {"Name": "small"}
RIGHTS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::pipe-small"}]}

network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags={"Name": "small"})
subnets = [aws.ec2.Subnet(f"subnet-{number}", vpc_id=network.id, cidr_block=f"10.0.{number}.0/24",
    availability_zone=f"ap-northeast-1{zone}").id for number, zone in enumerate("ac")]
group = aws.ec2.SecurityGroup("group", name="small", description="For tests", vpc_id=network.id)
aws.vpc.SecurityGroupIngressRule("rule", security_group_id=group.id, ip_protocol="tcp", from_port=443,
    to_port=443, cidr_ipv4="10.0.0.0/16", description="TLS")
aws.kms.Key("key", description="For tests", deletion_window_in_days=7)
bucket = aws.s3.Bucket("bucket", bucket="pipe-small")
aws.s3.BucketVersioning("versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
role = aws.iam.Role("role", name="small", assume_role_policy=trust("eks"))
aws.iam.RolePolicy("rights", role=role.name, name="list", policy=json.dumps(RIGHTS))
permits = aws.iam.RolePolicyAttachment("permits", role=role.name,
    policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
eks = aws.eks.Cluster("eks", name="small", version="1.34", role_arn=role.arn,
    tags=TAGS, vpc_config={"subnet_ids": subnets}, access_config={"authentication_mode": "API"},
    opts=pulumi.ResourceOptions(depends_on=permits))
pods = aws.iam.Role("pods", name="small-pods", assume_role_policy=trust("pods.eks"))
aws.eks.PodIdentityAssociation("identity", cluster_name=eks.name, namespace="small", service_account="it",
    role_arn=pods.arn, tags=TAGS)
aws.eks.Addon("metrics", cluster_name=eks.name, addon_name="metrics-server", tags=TAGS,
    resolve_conflicts_on_create="OVERWRITE")
aws.eks.AccessEntry("access", cluster_name=eks.name, principal_arn=pods.arn, type="STANDARD",
    tags=TAGS)
within = aws.rds.SubnetGroup("within", name="small", subnet_ids=subnets)
aws.rds.Instance("database", identifier="small", engine="postgres", engine_version="17.7", username="it",
    password=config.require_secret("password"), instance_class="db.t4g.medium", storage_type="gp3",
    allocated_storage=20, db_subnet_group_name=within.name, skip_final_snapshot=True)
aws.cloudwatch.LogGroup("log", name="/pipe/small", retention_in_days=14, tags={"Name": "small"})

KUBECONFIG = {"apiVersion": "v1", "kind": "Config", "current-context": "it",
    "clusters": [{"name": "it", "cluster": {"server": "https://example.com"}}],
    "users": [{"name": "it", "user": {"token": "it"}}],
    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}
provider = kubernetes.Provider("cluster", kubeconfig=json.dumps(KUBECONFIG))
cluster = pulumi.ResourceOptions(provider=provider)
namespace = kubernetes.core.v1.Namespace("namespace", metadata={"name": "small"}, opts=cluster)
meta = {"namespace": namespace.metadata.name, "name": "it"}
labels = {"app": "it"}
kubernetes.core.v1.ConfigMap("settings", metadata=meta, data={"LEVEL": config.require("level")},
    opts=cluster)
kubernetes.core.v1.Secret("secret", metadata=meta,
    string_data={"password": config.require_secret("password")}, opts=cluster)
kubernetes.core.v1.Service("service", metadata=meta, spec={"selector": labels, "ports": [{"port": 80}]},
    opts=cluster)
kubernetes.apps.v1.Deployment("deployment", metadata=meta, spec={"replicas": 2,
    "selector": {"match_labels": labels}, "template": {"metadata": {"labels": labels},
    "spec": {"containers": [{"name": "it", "image": "it:1"}]}}}, opts=cluster)
kubernetes.batch.v1.Job("job", metadata=meta, spec={"template": {"spec": {"restartPolicy": "Never",
    "containers": [{"name": "it", "image": "it:1"}]}}}, opts=cluster)

zone = cloudflare.get_zone_output(filter={"name": "pipe.dev"})
cloudflare.DnsRecord("record", zone_id=zone.id, name="small.pipe.dev", type="A", content="203.0.113.1",
    ttl=300)
cloudflare.Ruleset("rules", zone_id=zone.id, kind="zone", name="small", phase="http_request_firewall_custom",
    rules=[{"ref": "block", "action": "block", "expression": 'http.host eq "small.pipe.dev"'}])
pair = tls.PrivateKey("pair", algorithm="ECDSA", ecdsa_curve="P256")
request = tls.CertRequest("request", private_key_pem=pair.private_key_pem, dns_names=["small.pipe.dev"],
    subject={"common_name": "small.pipe.dev"})
cloudflare.OriginCaCertificate("certificate", csr=request.cert_request_pem, hostnames=["small.pipe.dev"],
    request_type="origin-ecc")
datadog.ServiceLevelObjective("objective", name="small", type="metric",
    thresholds=[{"timeframe": "30d", "target": 99.5}],
    query={"numerator": "sum:good{*}.as_count()", "denominator": "sum:all{*}.as_count()"})
datadog.SyntheticsTest("test", name="small", type="api", subtype="http", status="live", message="For tests",
    locations=["aws:ap-northeast-1"], request_definition={"method": "GET", "url": "https://small.pipe.dev"},
    assertions=[{"type": "statusCode", "operator": "is", "target": "200"}], options_list={"tick_every": 300})
datadog.Monitor("monitor", name="small", type="query alert", message="For tests",
    query="avg(last_5m):avg:system.load.1{env:dev} > 4", monitor_thresholds={"critical": "4"})
"""


def create_project(root: Path, level: str = "info") -> Stack:
    """Write the project with a stack `dev` to an empty folder; return the stack.

    With the lazy SDKs, its program takes one second of processor time instead of fourteen.
    """
    shutil.copy(ROOT / "lazy_sdk.py", root)
    (root / "Pulumi.yaml").write_text("name: pipe\nruntime: python\n")
    (root / "__main__.py").write_text(PROGRAM)
    stack = Stack(root, "dev", "all")
    write_stack_file(stack, level)
    return stack


def write_stack_file(stack: Stack, level: str) -> None:
    """Write the stack file with the given value for the setting `level`."""
    config: dict[str, Any] = {"aws:region": "ap-northeast-1", "pipe:level": level}
    config |= {"pipe:password": {"secure": "v1:else:s"}, "pipe:edge": {"zoneName": "pipe.dev"}}
    (stack.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
