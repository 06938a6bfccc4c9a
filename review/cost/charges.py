"""Charges: quantities of things with a price that a resource causes each month."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from review.cost import nodes
from review.cost.price_table import TABLE, PriceTable
from review.cost.usage import Usage
from review.plain_data import is_list, value_at
from review.stacks.resources import Resource

REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
SUBNET = "aws:ec2/subnet:Subnet"


@dataclass(frozen=True)
class Charge:
    """A quantity of a thing with a price, in the price's unit; for an hourly price, the number of things.

    `assumes` contains the fields of Usage from which the quantity follows. `detail` explains the quantity.
    """

    part: str
    price: str
    quantity: float = 1.0
    assumes: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Context:
    """Facts about a whole stack, and the region of the resource that is being priced."""

    resources: tuple[Resource, ...]
    usage: Usage
    region: str
    table: PriceTable = TABLE

    def count(self, resource_type: str) -> int:
        """Return the number of resources of a type in the stack."""
        return sum(resource.type == resource_type for resource in self.resources)

    @cached_property
    def nodes(self) -> nodes.Nodes | None:
        """Nodes for the pods of the stack; None without a node pool, or without a price."""
        return nodes.plan(self.resources, self.usage.scaling, self.table, self.region)

    @property
    def load_balancer_zones(self) -> int:
        """Number of subnets in which a load balancer that faces the internet gets an address."""
        return sum(
            resource.type == SUBNET and "kubernetes.io/role/elb" in (resource.values.get("tags") or {})
            for resource in self.resources
        )

    def is_copy(self, bucket: str) -> bool:
        """Return True if another bucket is copied to a bucket as infrequently accessed objects."""
        return any(
            value_at(rule, "destination.bucket") == f"arn:aws:s3:::{bucket}"
            and value_at(rule, "destination.storageClass") == "STANDARD_IA"
            for resource in self.resources
            if resource.type == REPLICATION
            for rule in _rules(resource)
        )

    def is_first_of_type(self, resource: Resource) -> bool:
        """Return True for the only resource of a type in the stack, or for the first of several by URN."""
        return resource.urn == min(other.urn for other in self.resources if other.type == resource.type)

    def is_first(self, resource: Resource, path: str) -> bool:
        """Return True for the first resource, by name, of those with the same type and value at a path."""
        value = value_at(resource.values, path)
        alike = (other for other in self.resources if other.type == resource.type)
        return resource.name == min(other.name for other in alike if value_at(other.values, path) == value)


def _rules(resource: Resource) -> Iterable[object]:
    rules = resource.values.get("rules")
    return rules if is_list(rules) else ()
