"""The regions of AWS, with their descriptions and endpoints, for the look-up `aws.get_region`."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.wire.values import Json, map_items

PARTITIONS = "data/partitions.json"
"""The file of botocore with the regions. It has the texts of the provider (hashicorp/aws-sdk-go-base,
endpoints/endpoints_gen.go, which is generated from the same file of AWS's SDKs).
"""

STANDARD = ("aws", "amazonaws.com")
"""The name and the DNS suffix of the partition of which the tables speak."""


@functools.cache
def _partitions() -> Sequence[Json]:
    file = resources.files("botocore").joinpath(PARTITIONS)
    return cast("list[Json]", json.loads(file.read_text())["partitions"])


@functools.cache
def _regions() -> Mapping[str, tuple[str, str]]:
    """Return the description and the EC2 endpoint of each region."""
    return {
        name: (region["description"], f"ec2.{name}.{partition['outputs']['dnsSuffix']}")
        for partition in _partitions()
        for name, region in partition["regions"].items()
        if not name.endswith("-global")  # no region, but the signing name of services without one
    }


@functools.cache
def partition_of(region: str) -> tuple[str, str]:
    """Return the name and the DNS suffix of a region's partition; the standard one for an unknown region."""
    partitions = (item for item in _partitions() if re.fullmatch(item["regionRegex"], region))
    partition = next(partitions, None)
    return (partition["id"], partition["outputs"]["dnsSuffix"]) if partition else STANDARD


def in_partition(value: Any, region: str) -> Any:
    """Return a value of the tables with the ARNs and host names of a region's partition."""
    name, suffix = partition_of(region)
    if (name, suffix) == STANDARD:
        return value
    if isinstance(value, str):
        arn = re.sub(r"^arn:aws:", f"arn:{name}:", value)
        return re.sub(r"\.amazonaws\.com\b(?!\.cn)", f".{suffix}", arn)
    return map_items(value, lambda item: in_partition(item, region))


def answer(args: Json, default: str) -> Json:
    """Return the answer of `get_region`; raise ProviderError if the provider finds no region or several.

    The provider looks for the region with the endpoint and the one with the name; without both, it takes its
    own. `id` has no effect (terraform-provider-aws, internal/service/meta/region_data_source.go). A region
    that botocore does not know has no description here, and a review invents one.
    """
    name, endpoint = args.get("region") or args.get("name"), args.get("endpoint")
    if args.get("region") and args.get("name"):
        raise ProviderError("getRegion: name conflicts with region")
    names = [region for region, facts in _regions().items() if facts[1] == endpoint]
    if endpoint and not names:
        raise ProviderError(f"getRegion: no region has the endpoint {endpoint}")
    if names and name not in (None, names[0]):
        raise ProviderError(f"getRegion: the endpoint {endpoint} is not that of the region {name}")
    region = names[0] if names else name or default
    facts = _regions().get(region)
    members = {"id": region, "name": region, "region": region}
    if facts is None:
        return members | {"endpoint": f"ec2.{region}.amazonaws.com"}
    return members | {"description": facts[0], "endpoint": facts[1]}
