"""The regions of AWS, with their descriptions and endpoints, for the look-up `aws.get_region`."""

import functools
import json
from collections.abc import Mapping
from importlib import resources

from sandbox.errors import ProviderError
from sandbox.wire.values import Json

PARTITIONS = "data/partitions.json"
"""The file of botocore with the regions. It has the texts of the provider (hashicorp/aws-sdk-go-base,
endpoints/endpoints_gen.go, which is generated from the same file of AWS's SDKs).
"""


@functools.cache
def _regions() -> Mapping[str, tuple[str, str]]:
    """Return the description and the EC2 endpoint of each region."""
    partitions = json.loads(resources.files("botocore").joinpath(PARTITIONS).read_text())["partitions"]
    return {
        name: (region["description"], f"ec2.{name}.{partition['outputs']['dnsSuffix']}")
        for partition in partitions
        for name, region in partition["regions"].items()
        if not name.endswith("-global")  # no region, but the signing name of services without one
    }


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
