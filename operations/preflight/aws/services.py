"""Questions about AWS services: RDS's offers, EKS versions, the API's image, the connection to GitHub."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from components.common.image_reference import parse_ecr_registry, parse_image_reference
from components.settings.models.database import CA_IDENTIFIER
from operations.lib.services.image import SCANNED, SCANNING, SEVERE
from operations.preflight.answers import Answer, Question, no, skipped, unknown, yes
from operations.preflight.aws.account import chosen_zones
from operations.preflight.subject import Subject

ENGINE = "postgres"
CAPABILITIES = {
    "SupportsStorageEncryption": "encrypted storage",
    "SupportsStorageAutoscaling": "storage autoscaling",
    "SupportsEnhancedMonitoring": "enhanced monitoring",
    "SupportsPerformanceInsights": "performance insights",
}
"""Capabilities that the database uses (components/aws/database.py), by their name in RDS's API."""


def questions(subject: Subject) -> list[Question]:
    """Return the questions about services."""
    return [
        Question("AWS", "database", "RDS instance", lambda: ask_database(subject)),
        Question("AWS", "database", "RDS certificate authority", lambda: ask_authority(subject)),
        Question("AWS", "cluster", "EKS version", lambda: ask_cluster_version(subject)),
        Question("AWS", "images", "image of the API", lambda: ask_image(subject)),
        Question("AWS", "runner", "connection to GitHub", lambda: ask_connection(subject)),
    ]


def ask_database(subject: Subject) -> Answer:
    """Check that RDS offers the instance class with the engine version in each of the stack's zones.

    The offer must also include the standby, the storage and the capabilities that the database uses.
    """
    settings, rds = subject.settings.database, subject.aws("rds")
    versions = _engine_versions(rds, settings.engine_version)
    if not versions:
        return no(
            f"RDS does not offer PostgreSQL {settings.engine_version}",
            "choose another pipe:database.engineVersion",
        )
    version = versions[-1]
    instance = f"{settings.instance_class} with PostgreSQL {version}"
    options = _options(rds, version, settings.instance_class)
    if not options:
        return no(f"RDS does not offer {instance}", "choose another pipe:database.instanceClass")
    zones = {zone["Name"] for option in options for zone in option["AvailabilityZones"]}
    if lacking := [z["ZoneName"] for z in chosen_zones(subject) if z["ZoneName"] not in zones]:
        return no(
            f"RDS does not offer {instance} in {', '.join(lacking)}",
            "choose another pipe:database.instanceClass",
        )
    if settings.multi_az and not any(option["MultiAZCapable"] for option in options):
        return no(f"RDS offers {instance} without a standby", "choose another pipe:database.instanceClass")
    lacking = [text for name, text in CAPABILITIES.items() if not any(option[name] for option in options)]
    if lacking:
        return no(
            f"RDS offers {instance} without {', '.join(lacking)}",
            "choose another pipe:database.instanceClass",
        )
    largest = max(option.get("MaxStorageSize", 0) for option in options)
    if largest < settings.max_storage_gib:
        return no(
            f"{instance} has at most {largest} GiB, and the stack file allows {settings.max_storage_gib}",
            f"pulumi config set --path pipe:database.maxStorageGib {largest} --stack {subject.name}",
        )
    return yes(f"RDS offers {instance} in all zones of the stack")


def _engine_versions(rds: Any, major: str) -> list[str]:
    """Return the minor versions of a major version that can be created, oldest first."""
    pages = rds.get_paginator("describe_db_engine_versions").paginate(
        Engine=ENGINE, DBParameterGroupFamily=f"{ENGINE}{major}"
    )
    versions = [entry["EngineVersion"] for page in pages for entry in page["DBEngineVersions"]]
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


def _options(rds: Any, version: str, instance_class: str) -> list[dict[str, Any]]:
    """Return RDS's offers for a version and a class with the storage type gp3."""
    pages = rds.get_paginator("describe_orderable_db_instance_options").paginate(
        Engine=ENGINE, EngineVersion=version, DBInstanceClass=instance_class, Vpc=True
    )
    options = [option for page in pages for option in page["OrderableDBInstanceOptions"]]
    return [option for option in options if option["StorageType"] == "gp3"]


def ask_authority(subject: Subject) -> Answer:
    """Check that RDS still has the database's certificate authority, and that it is valid for a year."""
    rds = subject.aws("rds")
    place = "components/settings/models/database.py"
    fix = f"choose another CA_IDENTIFIER in {place} (aws rds describe-certificates)"
    try:
        [certificate] = rds.describe_certificates(CertificateIdentifier=CA_IDENTIFIER)["Certificates"]
    except rds.exceptions.CertificateNotFoundFault:
        return no(f"RDS does not have {CA_IDENTIFIER} in this region", fix)
    days = (certificate["ValidTill"] - datetime.now(UTC)).days
    if days < 365:
        end = f"expires in {days} days" if days >= 0 else f"expired {-days} days ago"
        return no(f"{CA_IDENTIFIER} {end}; at least 365 days are required", fix)
    return yes(f"{CA_IDENTIFIER} is valid until {certificate['ValidTill']:%Y-%m-%d}")


def ask_cluster_version(subject: Subject) -> Answer:
    """Check that EKS has standard support for the cluster's version; report the end of the support."""
    version = subject.settings.cluster.version
    response = subject.aws("eks").describe_cluster_versions(clusterVersions=[version])
    fix = "choose another pipe:cluster.version (docs/upgrades.md)"
    if not response["clusterVersions"]:
        return no(f"EKS does not offer {version}", fix)
    [offer] = response["clusterVersions"]
    if offer["versionStatus"] != "STANDARD_SUPPORT":
        return no(f"{version} is in {offer['versionStatus'].lower().replace('_', ' ')}", fix)
    end: datetime = offer["endOfStandardSupportDate"]
    days = (end - datetime.now(UTC)).days
    return yes(f"{version} has standard support until {end:%Y-%m-%d} ({days} days)")


def ask_image(subject: Subject) -> Iterator[Answer]:
    """Check that the registry has the API's image by its digest, and that its scan has no severe findings."""
    image = subject.settings.api.image
    reference, registry = parse_image_reference(image), parse_ecr_registry(image)
    if subject.is_sandbox:
        yield skipped("a sandbox's nodes pull no images")
        return
    if registry is None or not reference.digest:
        yield no(
            f"{image} is not an image of ECR with a digest",
            "push an image (scripts/build.sh), and write it with its digest into pipe:api.image",
        )
        return
    ecr = subject.aws("ecr", registry.region)
    arguments: dict[str, Any] = {
        "registryId": registry.account,
        "repositoryName": reference.repository.partition("/")[2],
    }
    image_id = {"imageDigest": f"sha256:{reference.digest}"}
    missing = (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException)
    try:
        ecr.describe_images(**arguments, imageIds=[image_id])
    except missing:
        yield no(f"the registry does not have {image}", "push it (scripts/build.sh), or choose another one")
        return
    yield yes(f"the registry has {reference.short_digest}")
    try:
        scan = ecr.describe_image_scan_findings(**arguments, imageId=image_id)
    except ecr.exceptions.ScanNotFoundException:
        yield no("it was never scanned", "aws ecr start-image-scan", part="scan")
        return
    yield scan_answer(scan)


def scan_answer(scan: dict[str, Any]) -> Answer:
    """Return the answer about severe findings in a response of DescribeImageScanFindings."""
    status = scan["imageScanStatus"]["status"]
    if status in SCANNING:
        return unknown("the scan is running", "ask again in a minute", part="scan")
    if status not in SCANNED:
        return no(f"the scan failed: {status}", "aws ecr start-image-scan", part="scan")
    counts: dict[str, int] = scan["imageScanFindings"].get("findingSeverityCounts", {})
    severe = [f"{counts[name]} {name.lower()}" for name in SEVERE if counts.get(name)]
    if severe:
        text = f"{' and '.join(severe)} findings"
        return no(text, "build the image with fixed packages (scripts/build.sh)", part="scan")
    return yes("no severe findings", part="scan")


def ask_connection(subject: Subject) -> Answer:
    """Check that a person has approved the runner's connection to GitHub."""
    runner = subject.settings.ci_runner
    if not runner.enabled:
        return skipped("the stack has no runner")
    client = subject.aws("codeconnections")
    try:
        connection = client.get_connection(ConnectionArn=runner.connection_arn)["Connection"]
    except client.exceptions.ResourceNotFoundException:
        text = f"there is no connection {runner.connection_arn}"
        return no(text, "create it in the console, and set pipe:ciRunner.connectionArn")
    status = connection["ConnectionStatus"]
    if status != "AVAILABLE":
        return no(f"it is {status}", "approve it in the console (Developer Tools, Settings, Connections)")
    return yes(f"{connection['ConnectionName']} is available")
