"""TLS 1.2 and newer on every hop of a request across providers, from the visitor to the database."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Unknown,
    Verdicts,
    expected,
)
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.checks import guarded
from policies.model.cloudflare.zones import RECORDS, DeclaredSettings, Zones
from policies.model.property_values import Value
from policies.model.references import referents
from policies.model.tls.database_tls import (
    CLUSTER,
    CLUSTER_PARAMETERS,
    INSTANCE,
    OPTIONS,
    PARAMETERS,
    database_faults,
    default_family,
    forced_by_default,
)

_PARAMETERS = {
    INSTANCE: ("parameterGroupName", PARAMETERS),
    CLUSTER: ("dbClusterParameterGroupName", CLUSTER_PARAMETERS),
}
"""By database type, the property that names the parameter group, and the type of the group."""


@ACROSS_PROVIDERS.stack_rule(
    "tls-hop-database",
    about=_PARAMETERS,
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings", "FSBP RDS.38"),
    remediation=(
        "Let the database use a parameter group of this stack that forces TLS 1.2; for Oracle, an option "
        "group with SSL."
    ),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
)
def database_hop(stack: Stack, _: Options) -> Verdicts:
    """Require every database to use a parameter or option group that forces TLS 1.2 or newer."""
    groups = stack.of((PARAMETERS, CLUSTER_PARAMETERS, OPTIONS))
    for database in stack.of(_PARAMETERS):
        yield from guarded(_database(database, groups), database.urn)


def _database(database: Resource, groups: list[Resource]) -> Verdicts:
    name, kind = _PARAMETERS[database.type]
    engine = database["engine"]
    oracle = engine.known and (engine.text() or "").startswith(("oracle", "custom-oracle"))
    if oracle:
        name, kind = "optionGroupName", OPTIONS
    value = database[name]
    named = referents(database, value, [group for group in groups if group.type == kind], "name", "id")
    for group in named:
        yield from guarded(_forced(database, value, group), group.urn)
    if named:
        return
    family = default_family(database, value)
    if family is None:
        yield Unknown(value.path, database.urn)  # a group of another stack
    elif oracle or not forced_by_default(family):
        offered = "an option group of this stack with SSL" if oracle else ""
        yield database.attach(expected(value, offered or "a parameter group of this stack that forces TLS"))


def _forced(database: Resource, value: Value, group: Resource) -> Verdicts:
    verdicts = list(database_faults(group))
    for fault in verdicts:
        if isinstance(fault, Finding):
            yield Finding(
                value.path, f"a group with a fault ({fault})", "correct the group", urn=database.urn
            )
            return
    yield from verdicts


@ACROSS_PROVIDERS.stack_rule(
    "tls-hop-edge",
    about=RECORDS,
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings",),
    remediation=(
        "Declare the zone's min_tls_version and ssl in the stack that owns it, and proxy every origin."
    ),
    options={
        "owner": Option(
            default=True, schema={"type": "boolean", "description": "True if this stack owns its zone."}
        )
    },
)
def edge_hop(stack: Stack, options: Options) -> Verdicts:
    """Require TLS 1.2 or newer from the visitor to Cloudflare, and from Cloudflare to the load balancer."""
    if not options["owner"]:
        return
    zones = Zones(stack)
    declared = DeclaredSettings(stack, zones)
    checked_zones: set[str | None] = set()
    # Records that are certainly proxied come first, because one of them suffices for a zone.
    for record in sorted(stack.of(RECORDS), key=lambda record: not record["proxied"].known):
        zone, proxied = zones.of(record), record["proxied"]
        if zone in checked_zones or (proxied.known and not proxied.flag()):
            continue
        checked_zones.add(zone)
        if zone is None and declared:
            yield Unknown("zoneId", record.urn)
            continue
        for name, wanted in (("min_tls_version", "'1.2'"), ("ssl", "'strict'")):
            remedy = f"declare a cloudflare.ZoneSetting {name} with the value {wanted}"
            finding = Finding(f"zone setting {name}", "not set by this stack", remedy, urn=record.urn)
            for verdict in declared.missing(zone, name, finding):
                yield verdict if proxied.known else Unknown(proxied.path, record.urn)
