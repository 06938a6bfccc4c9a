"""The ARNs on which IAM decides a request, from the table resources.toml."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, cast

from sandbox.clouds.aws.authorization.actions import prefix_of
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.wire.values import Json

PLACEHOLDER = re.compile(r"\{(?:(?P<resolver>\w+):)?(?P<path>[\w.]+)(?P<optional>\?)?\}")

WITHOUT_REGION = ("budgets", "ce", "iam")
"""Services whose ARNs have no region (Service Authorization Reference, resource types)."""

EC2_TYPES = {
    "acl": "network-acl",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "vpce": "vpc-endpoint",
}
"""The resource types of EC2's IDs by prefix, if the two differ."""


def _read_table() -> Mapping[str, tuple[str, ...]]:
    content: Any = tomllib.loads(Path(__file__).with_name("resources.toml").read_text())
    table: dict[str, tuple[str, ...]] = {}
    for service, rows in cast(dict[str, dict[str, list[str]]], content).items():
        for template, operations in rows.items():
            for operation in operations:
                name = f"{service}:{operation}"
                table[name] = (*table.get(name, ()), template)
    return table


TEMPLATES = _read_table()
"""The templates of the ARNs by operation, such as `eks:CreateAddon`."""


def values_at(params: Json, path: str) -> list[str]:
    """Return the values at a path of a request's parameters, such as `Delete.Objects.Key`.

    The path leads into each object of a list. The result is empty if the request lacks the parameter.
    """
    values: list[Any] = [params]
    for name in path.split("."):
        members = (cast(Json, value).get(name) for value in values if isinstance(value, dict))
        values = [
            item
            for value in members
            for item in (cast("list[Any]", value) if isinstance(value, list) else [value])
        ]
    return [str(value) for value in values if value is not None]


def resources_of(request: AwsRequest) -> list[str]:
    """Return the ARNs on which a request is decided; `*` for an operation on no particular resource.

    Raise KeyError for an operation that TEMPLATES lacks.
    """
    templates = TEMPLATES[f"{request.service}:{request.action}"]
    return list(dict.fromkeys(arn for template in templates for arn in fill(request, template)))


def fill(request: AwsRequest, template: str) -> Iterator[str]:
    """Yield the ARNs of a template, whose form resources.toml explains.

    Lists in the request give an ARN for each combination of their items. A parameter with an ARN, which many
    operations accept in place of a name, is the whole ARN.
    """
    if template == "*":
        yield template
        return
    form = arn_start(request) + PLACEHOLDER.sub("{}", template)
    options = [_texts(request, placeholder) for placeholder in PLACEHOLDER.finditer(template)]
    for texts in product(*options):
        yield next((text for text in texts if text.startswith("arn:")), form.format(*texts))


def _texts(request: AwsRequest, placeholder: re.Match[str]) -> list[str]:
    """Return the texts that replace a placeholder."""
    values = values_at(request.params, placeholder["path"])
    if not values:
        return [] if placeholder["optional"] else ["*"]
    resolver = placeholder["resolver"]
    return [RESOLVERS[resolver](request, value) for value in values] if resolver else values


def arn_start(request: AwsRequest) -> str:
    """Return the part that the ARNs of the request's service in the account and region have in common."""
    service = prefix_of(request.service)
    if service == "s3":
        return "arn:aws:s3:::"
    region = "" if service in WITHOUT_REGION else request.region
    return f"arn:aws:{service}:{region}:{request.account}:"


def key_path(request: AwsRequest, key: str) -> str:
    """Return `key/ID` for the ID, ARN or alias of a KMS key, and `key/*` if the key does not exist.

    The result is an ARN for a key of another region.
    """
    if key.startswith("arn:") and ":key/" in key:
        return key
    described = request.look_if_there("DescribeKey", "kms", KeyId=key)
    return f"key/{described['KeyMetadata']['KeyId']}" if described else "key/*"


def _role_path(request: AwsRequest, name: str) -> str:
    """Return the path and name of a role; its name if the role does not exist."""
    role = request.look_if_there("GetRole", "iam", RoleName=name)
    return str(role["Role"]["Arn"]).partition(":role/")[2] if role else name


def _principal_path(request: AwsRequest, arn: str) -> str:
    """Return the type, account and name of a principal, as ARNs of EKS access entries have them."""
    account, _, entity = arn.removeprefix("arn:aws:iam::").partition(":")
    kind, _, name = entity.partition("/")
    return f"{kind}/{account}/{name.rpartition('/')[2]}"


def _ec2_path(request: AwsRequest, resource_id: str) -> str:
    """Return the type and ID of an EC2 resource, such as `subnet/subnet-0a1b`."""
    prefix = resource_id.rpartition("-")[0]
    return f"{EC2_TYPES.get(prefix, prefix)}/{resource_id}"


RESOLVERS: Mapping[str, Callable[[AwsRequest, str], str]] = {
    "ec2": _ec2_path,
    "host": lambda _request, url: url.removeprefix("https://"),
    "key": key_path,
    "principal": _principal_path,
    "role": _role_path,
}
"""The functions that convert a parameter to a part of an ARN, by their names in the table."""
