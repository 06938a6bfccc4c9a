"""The instance classes, certificate authorities and versions of RDS (RDS API)."""

import re
from datetime import UTC, datetime

from sandbox.clouds.aws.databases import POSTGRES_MINOR
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import emulates
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

CLASSES = re.compile(r"db\.(t4g\.(micro|small|medium|large|x?large|2xlarge)|[mr][67]g\.(\d*x)?large)")
"""The instance classes that RDS offers for PostgreSQL (RDS user guide, supported DB engines)."""

CAPABILITIES = (
    "MultiAZCapable",
    "SupportsStorageEncryption",
    "SupportsStorageAutoscaling",
    "SupportsEnhancedMonitoring",
    "SupportsPerformanceInsights",
)
"""Capabilities of these instance classes in RDS's response."""

AUTHORITIES = {"rds-ca-rsa2048-g1": 2061, "rds-ca-rsa4096-g1": 2121, "rds-ca-ecc384-g1": 2121}
"""The year in which each certificate authority expires (RDS user guide, certificate authorities)."""


@emulates("rds:DescribeOrderableDBInstanceOptions")
def describe_offers(request: AwsRequest) -> Json:
    """Return RDS's offer of an instance class with gp3 storage, if it offers the class and the version."""
    version, instance_class = (request.params.get(name) for name in ("EngineVersion", "DBInstanceClass"))
    zones = backend("ec2", request.region).describe_availability_zones()
    offer: Json = {
        "Engine": "postgres",
        "EngineVersion": version,
        "DBInstanceClass": instance_class,
        "StorageType": "gp3",
        "AvailabilityZones": [{"Name": zone.name} for zone in zones],
        "MinStorageSize": 20,
        "MaxStorageSize": 65536,
        "Vpc": True,
        **dict.fromkeys(CAPABILITIES, True),
    }
    is_offered = version in POSTGRES_MINOR.values() and CLASSES.fullmatch(instance_class or "")
    return {"OrderableDBInstanceOptions": [offer] if is_offered else []}


@emulates("rds:DescribeCertificates")
def describe_authorities(request: AwsRequest) -> Json:
    """Return the certificate authorities; refuse the name of an unknown one."""
    name = request.params.get("CertificateIdentifier", "")
    authorities = [
        {
            "CertificateIdentifier": identifier,
            "CertificateType": "CA",
            "ValidFrom": datetime(2021, 5, 25, tzinfo=UTC),
            "ValidTill": datetime(year, 5, 25, tzinfo=UTC),
        }
        for identifier, year in AUTHORITIES.items()
        if name in ("", identifier)
    ]
    if not authorities:
        raise ErrorResponse(404, f"CA certificate {name} is not found.", "CertificateNotFound")
    return {"Certificates": authorities}


@emulates("rds:DescribeDBEngineVersions")
def describe_versions(request: AwsRequest) -> Json:
    """Return the requested versions of PostgreSQL, or all, each with the later major versions as targets."""
    params = request.params
    requested = params.get("EngineVersion", "")
    versions = [
        {
            "Engine": "postgres",
            "EngineVersion": minor,
            "MajorEngineVersion": major,
            "DBParameterGroupFamily": f"postgres{major}",
            "Status": "available",
            "ValidUpgradeTarget": [
                {"Engine": "postgres", "EngineVersion": later, "IsMajorVersionUpgrade": True}
                for later_major, later in POSTGRES_MINOR.items()
                if int(later_major) > int(major)
            ],
        }
        for major, minor in POSTGRES_MINOR.items()
        if requested in ("", major, minor)
        and params.get("DBParameterGroupFamily", f"postgres{major}") == f"postgres{major}"
    ]
    return {"DBEngineVersions": versions}
