"""A search for strings, such as secrets, in everything that the targets return."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.wire.kubernetes_api import Api
from sandbox.wire.targets import Targets
from tests.support.sandbox.inventory import REGIONS, call, client, list_paths, zone_url
from tests.support.stacks import forms

OPERATIONS = {
    "ec2": ("DescribeTags", "DescribeVpcEndpoints", "DescribeFlowLogs", "DescribeSecurityGroupRules")
}
"""For a service with hundreds of lists, the operations that are called: those for the program's types."""

SERVICES = ("ec2", "rds", "eks", "s3", "kms", "logs", "codebuild", "ecr", "secretsmanager", "ssm")

READING = ("Describe", "Get", "List", "BatchGet")
"""Prefixes in the names of read-only operations."""

BUCKET_OPERATIONS = (
    "GetBucketEncryption",
    "GetBucketLifecycleConfiguration",
    "GetBucketLogging",
    "GetBucketPolicy",
    "GetBucketReplication",
    "GetBucketTagging",
)

DATADOG_LISTS = {
    "v1/monitor": "",
    "v1/dashboard": "dashboards",
    "v1/slo": "data",
    "v1/synthetics/tests": "tests",
    "v2/integration/aws/accounts": "data",
}
"""The paths of lists in Datadog's API, and the key of the list in each response."""


def find_places(texts: Iterable[str], targets: Targets) -> dict[str, set[str]]:
    """Return the places in the targets that contain each string, as plain text or in base64."""
    contents = [(place, json.dumps(content, default=str)) for place, content in _contents(targets)]
    return {
        text: {place for place, content in contents if any(form in content for form in forms(text))}
        for text in texts
    }


def _contents(targets: Targets) -> Iterator[tuple[str, Any]]:
    """Yield everything that the targets return, each part with the name of its place."""
    yield from _in_cluster(targets)
    for region in REGIONS:
        for service in SERVICES:
            yield from _in_service(client(targets, service, region), OPERATIONS.get(service))
        yield from _in_kms_and_logs(targets, region)
    yield from _in_buckets(targets)
    filters = ["Role", "LocalManagedPolicy"]
    details = client(targets, "iam").get_account_authorization_details(Filter=filters)
    yield "iam GetAccountAuthorizationDetails", details
    yield from _in_emulated_services(targets)
    for kind in ("dns_records", "rulesets"):
        for item in call(f"{zone_url(targets)}/{kind}?per_page=1000")["result"]:
            yield f"Cloudflare {kind} {item['name']}", item
    for path, key in DATADOG_LISTS.items():
        response = call(f"{targets.datadog}/api/{path}")
        for item in response[key] if key else response:
            yield f"Datadog {path} {item.get('name', item.get('title', ''))}", item


def _in_cluster(targets: Targets) -> Iterator[tuple[str, Any]]:
    assert targets.kubeconfig
    api = Api(targets.kubeconfig)
    for kind, path in list_paths(api).items():
        for item in api.items(path):
            secrets = item.get("data", {}).values() if kind == "Secret" else ()
            decoded = [base64.b64decode(text).decode() for text in secrets]
            yield f"{kind} {item['metadata']['name']}", [item, decoded]


def _in_service(api: Any, operations: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
    """Yield the responses of a service's read-only operations that require no parameters."""
    model = api.meta.service_model
    for name in operations or model.operation_names:
        shape = model.operation_model(name).input_shape
        if name.startswith(READING) and not (shape and shape.required_members):
            try:
                yield f"{model.service_name} {name}", getattr(api, xform_name(name))()
            except ClientError:
                continue  # The target does not have the operation.


def _in_kms_and_logs(targets: Targets, region: str) -> Iterator[tuple[str, Any]]:
    kms, logs = client(targets, "kms", region), client(targets, "logs", region)
    for key in kms.list_keys()["Keys"]:
        ident = key["KeyId"]
        yield "kms DescribeKey", kms.describe_key(KeyId=ident)
        yield "kms GetKeyPolicy", kms.get_key_policy(KeyId=ident, PolicyName="default")
        yield "kms ListResourceTags", kms.list_resource_tags(KeyId=ident)
    for group in logs.describe_log_groups()["logGroups"]:
        yield "logs ListTagsForResource", logs.list_tags_for_resource(resourceArn=group["logGroupArn"])


def _in_buckets(targets: Targets) -> Iterator[tuple[str, Any]]:
    s3 = client(targets, "s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for operation in BUCKET_OPERATIONS:
            try:
                yield f"s3 {operation}", getattr(s3, xform_name(operation))(Bucket=bucket["Name"])
            except ClientError:
                continue  # The bucket lacks this part of its configuration.


def _in_emulated_services(targets: Targets) -> Iterator[tuple[str, Any]]:
    eks, codebuild = client(targets, "eks"), client(targets, "codebuild")
    for name in eks.list_clusters()["clusters"]:
        yield "eks DescribeCluster", eks.describe_cluster(name=name)
        for addon in eks.list_addons(clusterName=name)["addons"]:
            yield "eks DescribeAddon", eks.describe_addon(clusterName=name, addonName=addon)
    projects = codebuild.list_projects()["projects"]
    yield "codebuild BatchGetProjects", codebuild.batch_get_projects(names=projects)
