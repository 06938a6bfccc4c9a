"""Comparison of the estimates with bills that are added up by hand, and coverage of all resource types."""

from collections.abc import Mapping
from functools import cache

from review.cost import estimate, price_table, usage
from review.cost.estimate import CHARGES, Line
from tests.support.rows import each_row
from tools.iam.recording import Program, record_programs

HOURS = 730

BILLS: Mapping[str, Mapping[str, float]] = {
    "dev": {
        "db.t4g.small, 20 GB of gp3": HOURS * 0.05 + 20 * 0.138,
        "master password": 0.40,
        "control plane": HOURS * 0.10,
        "three c6i.large for pods in three zones, Auto Mode, 80 GB each": 3
        * (HOURS * (0.107 + 0.01284) + 80 * 0.096),
        "one c6g.large for add-ons, Auto Mode, 80 GB": HOURS * (0.0856 + 0.01027) + 80 * 0.096,
        "a NAT gateway with 30 GB and its address": HOURS * (0.062 + 0.005) + 30 * 0.062,
        "load balancer with a unit and three addresses": HOURS * (0.0243 + 0.006 + 3 * 0.005),
        "endpoint in a zone": HOURS * 0.014,
        "five keys": 5.0,
        "10.7 GB of logs, 3 GB of flow logs": 10.7 * 0.76 + 3 * 0.38,
        "300 minutes of builds": 300 * 0.005,
        "four hosts, three with traces": 4 * 15 + 3 * 31,
        "5 GB of logs, 5 million kept": 5 * 0.10 + 5 * 1.70,
        "tests every 5 minutes and every hour": (8760 + 730) / 10_000 * 5,
    },
    "stg": {
        "db.t4g.large, 50 GB of gp3": HOURS * 0.202 + 50 * 0.138,
        "master password": 0.40,
        "control plane": HOURS * 0.10,
        "three c6i.large for pods in three zones, Auto Mode, 80 GB each": 3
        * (HOURS * (0.107 + 0.01284) + 80 * 0.096),
        "one c6g.large for add-ons, Auto Mode, 80 GB": HOURS * (0.0856 + 0.01027) + 80 * 0.096,
        "a NAT gateway with 30 GB and its address": HOURS * (0.062 + 0.005) + 30 * 0.062,
        "load balancer with a unit and three addresses": HOURS * (0.0243 + 0.006 + 3 * 0.005),
        "endpoint in a zone": HOURS * 0.014,
        "five keys": 5.0,
        "10.7 GB of logs, 3 GB of flow logs": 10.7 * 0.76 + 3 * 0.38,
        "300 minutes of builds": 300 * 0.005,
        "four hosts, three with traces": 4 * 15 + 3 * 31,
        "5 GB of logs, 5 million kept": 5 * 0.10 + 5 * 1.70,
        "tests every 5 minutes and every hour": (8760 + 730) / 10_000 * 5,
    },
    "prod": {
        "db.r7g.large in two zones, 100 GB of gp3 in both": 2 * (HOURS * 0.287 + 100 * 0.138),
        "50 GB of backups beyond the free 100 GB": 50 * 0.095,
        "master password": 0.40,
        "control plane": HOURS * 0.10,
        "three c6i.large for pods in three zones, Auto Mode, 80 GB each": 3
        * (HOURS * (0.107 + 0.01284) + 80 * 0.096),
        "one c6g.large for add-ons, Auto Mode, 80 GB": HOURS * (0.0856 + 0.01027) + 80 * 0.096,
        "three NAT gateways with 100 GB and their addresses": 3 * HOURS * (0.062 + 0.005) + 100 * 0.062,
        "load balancer with two units and three addresses": HOURS * (0.0243 + 2 * 0.006 + 3 * 0.005),
        "endpoint in three zones": 3 * HOURS * 0.014,
        "six keys": 6.0,
        "23.2 GB of logs, 15 GB of flow logs": 23.2 * 0.76 + 15 * 0.38,
        "storage of logs, 90 GB of flow logs": 23 * 0.15 * 12 * 0.033 + 90 * 0.025,
        "100 GB to the internet, 100 GB between zones": 100 * 0.114 + 2 * 100 * 0.01,
        "15 GB to Osaka": 15 * 0.09,
        "300 minutes of builds": 300 * 0.01,
        "four hosts, three with traces": 4 * 15 + 3 * 31,
        "30 GB of logs, 30 million kept": 30 * 0.10 + 30 * 1.70,
        "tests every minute and every hour": (43_800 + 730) / 10_000 * 5,
        "Cloudflare Pro": 25.0,
    },
    "foundation/dev": {
        "six keys": 6.0,
        "a million events, 5 GB of flow and DNS logs": 4.72 + 5 * 1.18,
        "5 million audit events, half a million of S3": 5 * 2.48 + 0.5 * 1.04,
        "8 vCPUs of nodes, 2 of the database": 8 * 2.0 + 2 * 1.33,
    },
    "foundation/stg": {
        "seven keys": 7.0,
        "a million events, 5 GB of flow and DNS logs": 4.72 + 5 * 1.18,
        "5 million audit events, half a million of S3": 5 * 2.48 + 0.5 * 1.04,
        "8 vCPUs of nodes, 2 of the database": 8 * 2.0 + 2 * 1.33,
        "20 GB of snapshots": 20 * 0.095,
    },
    "foundation/prod": {
        "seven keys": 7.0,
        "a million events, 20 GB of flow and DNS logs": 4.72 + 20 * 1.18,
        "10 million audit events, half a million of S3": 10 * 2.48 + 0.5 * 1.04,
        "8 vCPUs of nodes, 2 of the database": 8 * 2.0 + 2 * 1.33,
        "60 GB of snapshots": 60 * 0.095,
    },
    "foundation/shared": {
        "ten keys": 10.0,
        "a million events, half a million of S3": 4.72 + 0.5 * 1.04,
        "5 GB of images, 5 GB of copies by each of three": 5 * 0.10 + 3 * 5 * 0.09,
        "two vaults with 40 GB of snapshots": 2 * 40 * 0.095,
    },
}
"""Parts of each stack's bill at the use that usage.yaml states, without the state of the programs."""

MISSING: Mapping[str, tuple[str, float]] = {
    # AWS Backup for S3 costs 0.05 USD a GB in us-east-1, and 0.06 in the most expensive region of 2025.
    "backups of buckets in vaults": ("vault_bucket_gb", 0.06),
    # Images cost 0.10 USD a GB in all regions of which a price is known.
    "images in registries": ("image_gb", 0.10),
}
"""Quantity and upper limit of the price of the parts that the table has no price for."""


def name_of(program: Program) -> str:
    """Return the stack's name in the review."""
    return f"foundation/{program.stack}" if program.is_foundation else program.stack


@cache
def programs() -> dict[str, Program]:
    """Evaluate the programs once, and return them by the stack's name."""
    return {name_of(program): program for program in record_programs()}


def lines_of(stack: str) -> list[Line]:
    """Return the estimate of a stack."""
    resources = [
        estimate.resource_of(resource.type, resource.name, resource.region, resource.inputs)
        for resource in programs()[stack].resources
    ]
    return estimate.estimate(resources, usage.usage_of(stack))


@each_row("stack", BILLS)
def test_the_estimate_covers_the_bill(stack: str) -> None:
    lines = lines_of(stack)
    missing = [MISSING[line.part] for line in lines if line.month is None]
    limits = sum(usage.usage_of(stack).of(quantity) * limit for quantity, limit in missing)
    bill = sum(BILLS[stack].values()) + limits
    assert 0.95 * bill <= estimate.total(lines) <= 1.05 * bill


def test_every_resource_type_is_priced_or_free() -> None:
    types = {resource.type for program in programs().values() for resource in program.resources}
    unpriced = {name for name in types if name not in CHARGES and not price_table.TABLE.is_free(name)}
    assert unpriced == set()
    assert {name for name in CHARGES if price_table.TABLE.is_free(name)} == set()


def test_only_parts_that_no_public_source_prices_are_unknown() -> None:
    parts = {line.part for stack in programs() for line in lines_of(stack) if line.month is None}
    assert parts == {*MISSING}


def test_every_name_of_an_assumption_is_a_declared_resource() -> None:
    types = {"log_gb": "aws:cloudwatch/logGroup:LogGroup", "bucket_gb": "aws:s3/bucket:Bucket"}
    for field, resource_type in types.items():
        declared = {item.name for program in programs().values() for item in program.of_type(resource_type)}
        named = {name for use in usage.usages().values() for name in getattr(use, field)}
        assert named - declared == {usage.OTHERS}
    assert usage.usages().keys() - programs().keys() == {""}
