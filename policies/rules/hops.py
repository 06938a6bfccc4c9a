"""Every hop of a request, over several providers: TLS 1.2 and newer from the visitor to the database."""

from collections.abc import Iterator

from pulumi_policy import Severity

from policies.pods import objects
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
from policies.rules.cloudflare import OVERRIDE, RECORDS, SETTING
from policies.rules.rds import INSTANCE
from policies.rules.tls_databases import database_faults
from policies.rules.tls_load_balancers import LISTENERS
from policies.unknowns import Value

ACROSS = Topic(
    framework="Deployment guide: the service as a whole",
    tags=("across-providers",),
    url="https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/",
)


SERVICE = "kubernetes:core/v1:Service"


CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


GROUP = "aws:rds/parameterGroup:ParameterGroup"


@ACROSS.stack_rule(
    "tls-hop-database",
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings", "FSBP RDS.38"),
    remediation="Let the database use a parameter group of this stack in which TLS 1.2 is forced.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
)
def database_hop(stack: Stack, _: Options) -> Verdicts:
    """Every database of a stack uses a parameter group that forces TLS 1.2 or newer."""
    groups = {group.urn: group for group in stack.of((GROUP,))}
    names = {
        name: group
        for group in groups.values()
        for key in ("name", "id")
        if group[key].known and (name := group[key].text())
    }
    for database in stack.of((INSTANCE,)):
        yield from guarded(_database(database, groups, names), database.urn)


def _database(database: Resource, groups: dict[str, Resource], names: dict[str, Resource]) -> Verdicts:
    value = database["parameterGroupName"]
    group = _used(database, value, groups, names)
    if group is None:
        yield database.blame(wrong(value, "a parameter group of this stack that forces TLS"))
    else:
        yield from guarded(_group(database, value, group), group.urn)


def _group(database: Resource, value: Value, group: Resource) -> Verdicts:
    fault = next(iter(database_faults(group)), None)
    if fault:
        yield Finding(value.path, f"a group in which {fault}", "mend the group", urn=database.urn)


def _used(
    database: Resource, value: Value, groups: dict[str, Resource], names: dict[str, Resource]
) -> Resource | None:
    for urn in database.property_dependencies.get("parameterGroupName", ()):
        if urn in groups:
            return groups[urn]
    return names.get(value.text() or "")


@ACROSS.stack_rule(
    "tls-hop-edge",
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


@ACROSS.stack_rule(
    "tls-hop-load-balancer",
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings",),
    remediation=(
        "Terminate TLS at the load balancer with a policy, or in the pods with a configuration the pack "
        "can read."
    ),
)
def load_balancer_hop(stack: Stack, _: Options) -> Verdicts:
    """A load balancer on the internet ends TLS itself, or passes it to pods whose settings are here."""
    configured = bool(stack.of(LISTENERS)) or any(_nginx(item) for item in stack.of((CONFIG_MAP,)))
    for service in stack.of((SERVICE,)):
        for item in objects(service):
            yield from guarded(_balanced(service, item.value, configured), service.urn)


def _balanced(resource: Resource, service: Value, configured: bool) -> Verdicts:
    for port in _open(service):
        if port["port"].number() == 80:
            yield resource.blame(wrong(port["port"], "443"))
        elif not configured:
            remedy = "put the TLS settings into a ConfigMap of this stack, or end TLS at the load balancer"
            shown = "'LoadBalancer' without TLS settings"
            yield Finding(service.at("spec.type").path, shown, remedy, urn=resource.urn)


def _nginx(resource: Resource) -> bool:
    data = resource["data"]
    return not data.known or any(
        not value.known or "ssl_protocols" in (value.text() or "") for value in data.entries().values()
    )


def _open(service: Value) -> Iterator[Value]:
    """The ports of a Service that gets a load balancer on the internet, and leaves TLS to its pods."""
    if service.at("spec.type").text() != "LoadBalancer":
        return iter(())
    notes = service.at("metadata.annotations")
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    internal = notes[f"{prefix}scheme"].text() == "internal" or notes[f"{prefix}internal"].flag() is True
    if internal or not notes[f"{prefix}ssl-cert"].absent:
        return iter(())
    return iter(service.at("spec.ports").items())
