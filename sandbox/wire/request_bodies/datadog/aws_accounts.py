"""Checks of AWS accounts (docs.datadoghq.com/api/latest/aws-integration).

The required parts and the exclusions are from terraform-provider-datadog,
datadog/fwprovider/resource_datadog_integration_aws_account.go.
"""

from collections.abc import Iterator

from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

PARTS = ("aws_regions", "logs_config", "metrics_config", "resources_config", "traces_config")

EXCLUSIONS = (
    ("aws_regions", "include_all", "include_only"),
    ("metrics_config.namespace_filters", "exclude_only", "include_only"),
    ("traces_config.xray_services", "include_all", "include_only"),
)
"""The path of an object, and the two of its members that exclude each other."""


def faults(body: Json) -> Iterator[str]:
    """Yield the faults of an AWS account."""
    account = Part(body)["data.attributes"]
    if account["aws_partition"]:  # A manual change may send only a part of the account.
        yield from account.needs(*PARTS)
    yield from account["aws_account_id"].matches(r"^\d{12}$")
    yield from account["auth_config.access_key_id"].matches("^AKIA[A-Z0-9]{12,124}$")
    yield from account["auth_config.secret_access_key"].matches(r"^\S+$")
    yield from account["logs_config"].needs("lambda_forwarder")
    yield from account["metrics_config"].needs("namespace_filters")
    yield from account["traces_config"].needs("xray_services")
    for path, first, second in EXCLUSIONS:
        part = account[path]
        is_both = part.members.keys() >= {first, second}
        yield from part.fault_if(is_both, f"{first} and {second} exclude each other")
