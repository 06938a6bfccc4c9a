"""TLS 1.2 and newer to databases: the parameters that force it."""

import re
from collections.abc import Iterator

from pulumi_policy import Severity

from policies.rule import (
    Finding,
    Options,
    Resource,
    Verdicts,
)
from policies.rules.tls import TLS

# AmazonRDS UserGuide: PostgreSQL.Concepts.General.SSL, MySQL.Concepts.SSLSupport, SQLServer.Ciphers.
Wanted = tuple[str, tuple[str, ...], bool]


def _database_parameters(family: str) -> list[Wanted]:
    """Name, allowed values, and whether its default is enough, of each parameter that decides about TLS."""
    engine, _, rest = (
        family.partition("postgresql") if "postgresql" in family else family.partition("postgres")
    )
    if rest or family.startswith(("postgres", "aurora-postgresql")):
        major = int(match[0]) if (match := re.match(r"\d+", rest)) else 0
        return [
            ("rds.force_ssl", ("1",), major >= (17 if engine else 15)),
            ("ssl_min_protocol_version", ("TLSv1.2", "TLSv1.3"), major >= 12),
        ]
    if family.startswith(("mysql", "aurora-mysql", "mariadb")):
        safe = ("TLSv1.2", "TLSv1.3", "TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2")
        return [
            ("require_secure_transport", ("1", "ON", "on"), family == "mysql8.4"),
            ("tls_version", safe, not family.startswith(("mysql5", "aurora-mysql5", "mariadb10"))),
        ]
    if family.startswith("sqlserver"):
        old = [(name, ("disabled",), False) for name in ("rds.tls10", "rds.tls11")]
        return [("rds.force_ssl", ("1",), False), *old]
    return []


def database_faults(group: Resource) -> Iterator[Finding]:
    """What lets a connection without TLS 1.2 into a database with these parameters."""
    given = {item["name"].text() or "": item["value"] for item in group["parameters"].items()}
    for name, allowed, by_default in _database_parameters(group["family"].text() or ""):
        if name in given:
            value = given[name]
            if str(value.get()).strip() not in allowed:
                yield Finding(value.path, f"{value.shown()} for {name}", f"set it to {allowed[0]}")
        elif not by_default:
            yield Finding("parameters", f"without {name}", f"add it with the value {allowed[0]}")


@TLS.rule(
    "tls-database-parameter-old-version",
    types=("aws:rds/parameterGroup:ParameterGroup", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
    severity=Severity.HIGH,
    controls=("CKV2_AWS_69", "FSBP RDS.38"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
    remediation="Set rds.force_ssl to 1 and ssl_min_protocol_version to TLSv1.2 (PostgreSQL).",
)
def database_parameters(resource: Resource, _: Options) -> Verdicts:
    """A database parameter group forces TLS, of version 1.2 or newer."""
    yield from database_faults(resource)
