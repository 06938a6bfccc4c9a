"""All that the targets tell of what they hold, place by place: where each secret is, and is not."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.clouds.kubernetes.api import Api
from sandbox.clouds.process import Targets
from tests.support.sandbox.inventory import REGIONS, call, client, kinds, zone
from tests.support.stacks import forms

TOLD = {"ec2": ("DescribeTags", "DescribeVpcEndpoints", "DescribeFlowLogs", "DescribeSecurityGroupRules")}
"""Of a service with hundreds of lists, those of what the program makes."""

SERVICES = ("ec2", "rds", "eks", "s3", "kms", "logs", "codebuild", "ecr", "secretsmanager", "ssm")

READING = ("Describe", "Get", "List", "BatchGet")

BUCKET = (
    "GetBucketEncryption",
    "GetBucketLifecycleConfiguration",
    "GetBucketLogging",
    "GetBucketPolicy",
    "GetBucketReplication",
    "GetBucketTagging",
)
"""What a bucket tells."""

DATADOG = {
    "v1/monitor": "",
    "v1/dashboard": "dashboards",
    "v1/slo": "data",
    "v1/synthetics/tests": "tests",
    "v2/integration/aws/accounts": "data",
}
"""Its lists, and under which key of the answer each is."""


def find_places(texts: Iterable[str], found: Targets) -> dict[str, set[str]]:
    """Where each text is, as it is or in base64."""
    told = [(place, json.dumps(content, default=str)) for place, content in _everything(found)]
    return {
        text: {place for place, content in told if any(form in content for form in forms(text))}
        for text in texts
    }


def _everything(found: Targets) -> Iterator[tuple[str, Any]]:
    assert found.kubeconfig
    api = Api(found.kubeconfig)
    for kind, path in kinds(api).items():
        for one in api.items(path):
            decoded = (
                [base64.b64decode(text).decode() for text in one.get("data", {}).values()]
                if kind == "Secret"
                else []
            )
            yield f"{kind} {one['metadata']['name']}", [one, decoded]
    for region in REGIONS:
        for service in SERVICES:
            yield from _of_service(client(found, service, region), TOLD.get(service))
        kms, logs = client(found, "kms", region), client(found, "logs", region)
        for ident in (one["KeyId"] for one in kms.list_keys()["Keys"]):
            yield "kms DescribeKey", kms.describe_key(KeyId=ident)
            yield "kms GetKeyPolicy", kms.get_key_policy(KeyId=ident, PolicyName="default")
            yield "kms ListResourceTags", kms.list_resource_tags(KeyId=ident)
        for group in logs.describe_log_groups()["logGroups"]:
            yield "logs ListTagsForResource", logs.list_tags_for_resource(resourceArn=group["logGroupArn"])
    s3 = client(found, "s3")
    for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
        for part in BUCKET:
            try:
                yield f"s3 {part}", getattr(s3, xform_name(part))(Bucket=bucket)
            except ClientError:
                continue  # the bucket has none
    own = client(found, "iam").get_account_authorization_details(Filter=["Role", "LocalManagedPolicy"])
    yield "iam GetAccountAuthorizationDetails", own
    eks, codebuild = client(found, "eks"), client(found, "codebuild")
    for name in eks.list_clusters()["clusters"]:
        yield "eks DescribeCluster", eks.describe_cluster(name=name)
        for addon in eks.list_addons(clusterName=name)["addons"]:
            yield "eks DescribeAddon", eks.describe_addon(clusterName=name, addonName=addon)
    yield (
        "codebuild BatchGetProjects",
        codebuild.batch_get_projects(names=codebuild.list_projects()["projects"]),
    )
    for kind in ("dns_records", "rulesets"):
        for one in call(f"{zone(found)}/{kind}?per_page=1000")["result"]:
            yield f"Cloudflare {kind} {one['name']}", one
    for path, key in DATADOG.items():
        listed = call(f"{found.datadog}/api/{path}")
        for one in listed[key] if key else listed:
            yield f"Datadog {path} {one.get('name', one.get('title', ''))}", one


def _of_service(asked: Any, told: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
    """What a service answers to whoever names nothing."""
    model = asked.meta.service_model
    for name in told or model.operation_names:
        needed = model.operation_model(name).input_shape
        if name.startswith(READING) and not (needed and needed.required_members):
            try:
                yield f"{model.service_name} {name}", getattr(asked, xform_name(name))()
            except ClientError:
                continue  # the target has no such operation
