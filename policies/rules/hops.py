"""Every hop of a request, over several providers: TLS 1.2 and newer from the visitor to the database."""

from pulumi_policy import Severity

from policies.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Topic,
    Verdicts,
    wrong,
)
from policies.rules.checks import guarded
from policies.rules.cloudflare import OVERRIDE, SETTING
from policies.rules.cloudflare_records import RECORDS
from policies.rules.rds import CLUSTER, INSTANCE
from policies.rules.tls_databases import database_faults
from policies.unknowns import Value

ACROSS = Topic(
    framework="Deployment guide: the service as a whole",
    tags=("across-providers",),
    url="https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/",
)


_PARAMETERS = {
    INSTANCE: ("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
    CLUSTER: ("dbClusterParameterGroupName", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
}
"""By type of database: where it names its parameters, and their type."""


@ACROSS.stack_rule(
    "tls-hop-database",
    about=_PARAMETERS,
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings", "FSBP RDS.38"),
    remediation="Let the database use a parameter group of this stack in which TLS 1.2 is forced.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
)
def database_hop(stack: Stack, _: Options) -> Verdicts:
    """Every database of a stack uses a parameter group that forces TLS 1.2 or newer."""
    for kind, (name, group_kind) in _PARAMETERS.items():
        databases = stack.of((kind,))
        groups = {group.urn: group for group in stack.of((group_kind,))} if databases else {}
        names = {
            text: group
            for group in groups.values()
            for key in ("name", "id")
            if group[key].known and (text := group[key].text())
        }
        for database in databases:
            yield from guarded(_database(database, name, groups, names), database.urn)


def _database(
    database: Resource, name: str, groups: dict[str, Resource], names: dict[str, Resource]
) -> Verdicts:
    value = database[name]
    reached = [groups[urn] for urn in database.property_dependencies.get(name, ()) if urn in groups]
    group = reached[0] if reached else names.get(value.text() or "")
    if group is None:
        yield database.blame(wrong(value, "a parameter group of this stack that forces TLS"))
    else:
        yield from guarded(_group(database, value, group), group.urn)


def _group(database: Resource, value: Value, group: Resource) -> Verdicts:
    fault = next(iter(database_faults(group)), None)
    if fault:
        yield Finding(value.path, f"a group in which {fault}", "mend the group", urn=database.urn)


@ACROSS.stack_rule(
    "tls-hop-edge",
    about=RECORDS,
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings",),
    remediation=(
        "Declare the zone's min_tls_version and ssl in the stack that owns it, and proxy every origin."
    ),
    options={
        "owner": Option(
            default=True, schema={"type": "boolean", "description": "Whether this stack owns its zone."}
        )
    },
)
def edge_hop(stack: Stack, options: Options) -> Verdicts:
    """From the visitor to Cloudflare and on to the load balancer, TLS is 1.2 or newer."""
    proxied = [record for record in stack.of(RECORDS) if record["proxied"].known and record["proxied"].flag()]
    if not (proxied and options["owner"]):
        return
    if stack.of((OVERRIDE,)):
        return  # tls-cloudflare-zone-old-version reads its settings
    found = {setting["settingId"].text() for setting in stack.of((SETTING,)) if setting["settingId"].known}
    for name, wanted in (("min_tls_version", "'1.2'"), ("ssl", "'strict'")):
        if name not in found:
            remedy = f"declare a cloudflare.ZoneSetting {name} with the value {wanted}"
            yield Finding(f"zone setting {name}", "not set by this stack", remedy, urn=proxied[0].urn)
