"""Rules over several providers: every hop of a request, every tag, everything that keeps data."""

from collections.abc import Iterator
from pathlib import Path

from pulumi_policy import EnforcementLevel, Severity

from policies import remedies
from policies.pods import objects
from policies.rule import Finding, Option, Options, Resource, Stack, Topic, Unknown, Verdicts, wrong
from policies.rules.cloudflare import OVERRIDE, RECORDS, SETTING
from policies.rules.rds import INSTANCE
from policies.rules.tls import LISTENERS, database_faults
from policies.unknowns import UnknownValueError, Value

ACROSS = Topic(
    framework="Deployment guide: the service as a whole",
    tags=("across-providers",),
    url="https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/",
)
SERVICE = "kubernetes:core/v1:Service"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
TAGGABLE = frozenset(Path(__file__).with_name("taggable.txt").read_text().split())
"""AWS types with a map of tags, from the pinned SDK; a test keeps the list current."""


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
        value = database["parameterGroupName"]
        try:
            group = _used(database, value, groups, names)
        except UnknownValueError as unknown:
            yield Unknown(unknown.path, database.urn)
            continue
        if group is None:
            yield database.blame(wrong(value, "a parameter group of this stack that forces TLS"))
            continue
        try:
            fault = next(iter(database_faults(group)), None)
        except UnknownValueError as unknown:
            yield Unknown(unknown.path, group.urn)
            continue
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
            try:
                open_ports = _open(item.value)
            except UnknownValueError as unknown:
                yield Unknown(unknown.path, service.urn)
                continue
            for port in open_ports:
                if port["port"].number() == 80:
                    yield service.blame(wrong(port["port"], "443"))
                elif not configured:
                    remedy = (
                        "put the TLS settings into a ConfigMap of this stack, or end TLS at the load balancer"
                    )
                    yield Finding(
                        item.value.at("spec.type").path,
                        "'LoadBalancer' without TLS settings",
                        remedy,
                        urn=service.urn,
                    )


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


@ACROSS.rule(
    "tags-missing",
    remedy=remedies.tags,
    types=TAGGABLE,
    severity=Severity.LOW,
    controls=("Design: one source of tags",),
    remediation="Tag the resource, or give the AWS provider defaultTags.",
    url="https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
    level=EnforcementLevel.ADVISORY,
    options={
        "keys": Option(
            default=["env", "service", "team"],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Tags that every resource has.",
            },
        ),
        "values": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "What the level `remediate` writes into tags that are missing.",
            },
        ),
    },
)
def tags(resource: Resource, options: Options) -> Verdicts:
    """Every AWS resource that can be tagged says whose it is."""
    own = resource["tags"]
    given = set(own.entries()) | set(resource.settings["defaultTags"].json()["tags"].entries())
    missing = [str(key) for key in options["keys"] if key not in given]
    if missing:
        shown = "not set" if own.absent else f"without {', '.join(missing)}"
        yield Finding("tags", shown, f"add {', '.join(missing)}", own.absent)


STATEFUL = (
    "aws:backup/vault:Vault",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:opensearch/domain:Domain",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketV2:BucketV2",
    "kubernetes:core/v1:PersistentVolumeClaim",
)


@ACROSS.rule(
    "stateful-unprotected",
    types=STATEFUL,
    severity=Severity.HIGH,
    controls=("Design: protect",),
    remediation="Give the resource the option protect: true.",
    url="https://www.pulumi.com/docs/iac/concepts/options/protect/",
    level=EnforcementLevel.ADVISORY,
)
def unprotected(resource: Resource, _: Options) -> Verdicts:
    """What keeps data refuses to be deleted by mistake."""
    if not resource.protect:
        yield Finding("the option protect", "not set", "set it to true")
