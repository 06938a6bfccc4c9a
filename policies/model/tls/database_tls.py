"""Parameters and options of RDS that control TLS."""

import re

from policies.engine.rule import Finding, Resource, Unknown, Verdicts
from policies.model.checks import guarded
from policies.model.property_values import Value

INSTANCE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
OPTIONS = "aws:rds/optionGroup:OptionGroup"

Requirement = tuple[str, tuple[str, ...], bool]

_VERSION = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?")


def _requirements(family: str) -> list[Requirement]:
    """Return the parameters that control TLS: name, allowed values, and True if the default suffices.

    Sources in the AmazonRDS UserGuide: PostgreSQL.Concepts.General.SSL, mysql-ssl-connections.require-ssl,
    mariadb-ssl-connections.require-ssl, SQLServer.Ciphers, Db2.Concepts.SSL.
    """
    major, minor = _version(family)
    if family.startswith(("postgres", "aurora-postgresql")):
        return [
            ("rds.force_ssl", ("1",), major >= (17 if family.startswith("aurora") else 15)),
            ("ssl_min_protocol_version", ("TLSv1.2", "TLSv1.3"), major >= 12),
        ]
    if family.startswith(("mysql", "aurora-mysql", "mariadb")):
        forced = (major, minor) >= ((11, 8) if family.startswith("mariadb") else (9, 7))
        safe = ("TLSv1.2", "TLSv1.3", "TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2")
        return [
            ("require_secure_transport", ("1", "ON", "on"), forced and not family.startswith("aurora")),
            ("tls_version", safe, not family.startswith(("mysql5", "aurora-mysql5", "mariadb10"))),
        ]
    if family.startswith("db2"):
        return [("db2comm", ("SSL", "ssl"), False)]  # TCPIP,SSL also accepts connections without TLS
    if family.startswith("sqlserver"):
        old = [(name, ("disabled",), False) for name in ("rds.tls10", "rds.tls11")]
        return [("rds.force_ssl", ("1",), False), *old]
    return []


def _version(family: str) -> tuple[int, int]:
    match = _VERSION.search(family)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def forced_by_default(family: str) -> bool:
    """Return True if the default parameter group of a family forces TLS 1.2 or newer."""
    requirements = _requirements(family)
    return bool(requirements) and all(enough for *_, enough in requirements)


def default_family(database: Resource, name: Value) -> str | None:
    """Return the family of a database's default parameter group; None if the database uses a custom group."""
    text = name.text() or ""
    if text:
        return text.removeprefix("default.") if text.startswith("default.") else None
    version = _VERSION.match(database["engineVersion"].text() or "")
    return f"{database['engine'].text() or ''}{version[0] if version else ''}"


def database_faults(group: Resource) -> Verdicts:
    """Report parameters or options that allow connections without TLS, or with TLS below 1.2."""
    if group.type == OPTIONS:
        yield from _option_faults(group)
        return
    family = group["family"].text() or ""
    if group.type == PARAMETERS and family.startswith("aurora"):
        return  # the parameter group of the cluster controls TLS
    named = [item for item in group["parameters"].items() if item["name"].known]
    unknown_names = [item["name"] for item in group["parameters"].items() if not item["name"].known]
    for name, allowed, by_default in _requirements(family):
        values = [item["value"] for item in named if (item["name"].text() or "").lower() == name]
        for value in values:
            yield from guarded(_parameter(name, allowed, value), group.urn)
        if values:
            continue
        if unknown_names:
            yield Unknown(unknown_names[0].path, group.urn)
        elif not by_default:
            yield Finding("parameters", f"without {name}", f"add it with the value {allowed[0]}")


def _parameter(name: str, allowed: tuple[str, ...], value: Value) -> Verdicts:
    """Check one of the values of a parameter; if there are several, it is open which of them RDS uses."""
    if str(value.get()).strip() not in allowed:
        yield Finding(value.path, f"{value.shown()} for {name}", f"set it to {allowed[0]}")


def _option_faults(group: Resource) -> Verdicts:
    """Check the option SSL of Oracle, which has no parameters for TLS.

    Source: AmazonRDS UserGuide, Appendix.Oracle.Options.SSL.
    """
    if not (group["engineName"].text() or "").startswith(("oracle", "custom-oracle")):
        return
    options = [item for item in group["options"].items() if item["optionName"].text() == "SSL"]
    if not options:
        yield Finding("options", "without SSL", "add it with SQLNET.SSL_VERSION 1.2")
    for option in options:
        yield from guarded(_version_of(option["optionSettings"]), group.urn)


def _version_of(settings: Value) -> Verdicts:
    versions = [item["value"] for item in settings.items() if item["name"].text() == "SQLNET.SSL_VERSION"]
    if not versions:
        yield Finding(settings.path, "without SQLNET.SSL_VERSION", "add it with the value 1.2")
    for version in versions:
        if version.text() != "1.2":
            yield Finding(version.path, f"{version.shown()} for SQLNET.SSL_VERSION", "set it to 1.2")
