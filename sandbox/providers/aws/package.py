"""The rules of the AWS provider, and simulated responses of AWS."""

import base64
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from string import Formatter
from typing import Any, cast

from sandbox.providers.aws import regions, stored_forms
from sandbox.providers.aws.generated_names import generated_name, named_property
from sandbox.providers.diff import Change, Kind
from sandbox.providers.plan import Plan
from sandbox.providers.resource_types import TemplateVariables, is_described, resource_type, table
from sandbox.providers.target import (
    DEFAULTS,
    ENGINE_SETTINGS,
    LiveResource,
    Package,
    Resource,
    all_settings,
    changed_settings,
)
from sandbox.wire import json_schema, policy_documents, schema
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.values import Json, known, plain

SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
"""The properties for the source of a security group rule; a rule has exactly one of them."""

RULE = re.compile(r"aws:vpc/securityGroup(Ingress|Egress)Rule:")

BUS_SEPARATORS = {
    "aws:cloudwatch/eventRule:EventRule": "/",
    "aws:cloudwatch/eventTarget:EventTarget": "-",
}
"""The types whose ID starts with the event bus, unless it is the default one, and what follows it
(terraform-provider-aws, internal/service/events/rule.go and target.go).
"""

BUS_ARN = re.compile(r"arn:[^:]+:events:[^:]*:[^:]*:event-bus/")

DATABASE = "aws:rds/instance:Instance"
COPIED_FROM = frozenset({"replicateSourceDb", "restoreToPointInTime", "s3Import", "snapshotIdentifier"})
"""The type of a database, and the inputs by which it is a copy of another one."""

VERSION_PARTS = {"postgres": 2, "mysql": 3, "mariadb": 3}
"""The number of parts in a whole version of an engine. RDS adds those that the program leaves out
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html: EngineVersion, and
terraform-provider-aws, internal/service/rds/verify.go: compareActualEngineVersion).
"""

VPC, SUBNET, CLUSTER = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:eks/cluster:Cluster"
ENCRYPTION = "aws:ebs/encryptionByDefault:EncryptionByDefault"
EIP, NAT_GATEWAY = "aws:ec2/eip:Eip", "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
"""The type of an endpoint. A gateway is a target of routes, without a name or an interface of its own
(terraform-provider-aws, internal/service/ec2/vpc_endpoint_test.go: TestAccVPCEndpoint_gatewayBasic).
"""

DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

EXPECTED_OWNER = "expectedBucketOwner"
"""The input that becomes a part of the ID (terraform-provider-aws, internal/service/s3/id.go:
createResourceID).
"""

ROLE = re.compile(r"arn:[^:]+:iam::(\d{12}):role/(?:.*/)?(.*)")
"""Pattern of a role's ARN: its account, and its name without the path."""

NO_OPT_IN = "opt-in-not-required"
"""The status of each zone other than local zones and wavelength zones (EC2's API: AvailabilityZone)."""

ZONE_FILTERS = frozenset({"zone-name", "zone-id", "opt-in-status"})
ZONE_ARGUMENTS = frozenset({"excludeNames", "excludeZoneIds", "filters", "region", "state"})
"""The filters and arguments of a look-up of zones whose effect the sandbox knows."""

UNIQUE_PREFIX = "terraform-"
"""The beginning of a name for which the program sets none (terraform-plugin-sdk, helper/id/id.go)."""

LIMIT = "allowedAccountIds"
"""Setting of a provider with the accounts on which it may work. It does not choose one."""

SERIAL_NUMBER = b"\x02\x14"
"""Start of a number of 20 bytes in DER; the first number in the certificate is the serial number."""


class Aws(Package):
    """The AWS package: checks, defaults and replacements of pulumi-aws."""

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Add a generated name if the program sets no name; `__defaults` records this, as in the provider.

        An existing resource keeps its name, even if the program chose it (pulumi-terraform-bridge,
        pkg/tfbridge/info/autonaming.go: ComputeAutoNameDefault). An empty text is no name: the existing one
        stays, or AWS's provider generates one (hashicorp/terraform-plugin-sdk, helper/schema/schema.go,
        finalizeDiff: "a computed value with an old value set already, just let it go").
        """
        name = named_property(resource.type)
        prop = schema.properties(schema.args_class(resource.type)).get(name)
        if prop is None or prop.required:
            return resource.inputs
        is_empty = plain(resource.inputs.get(name)) == ""
        inputs = {key: value for key, value in resource.inputs.items() if key != name or not is_empty}
        if {name, f"{name}Prefix"} & inputs.keys():
            return inputs
        physical_name = before.get(name) or generated_name(resource, seed)
        return {**inputs, name: physical_name, DEFAULTS: [name]}

    def faults(self, resource: Resource) -> Iterator[str]:
        yield from super().faults(resource)
        if rules := table("aws")["inputs"].get(resource.type):
            yield from json_schema.faults(json_schema.schema_validator(rules), resource.inputs)
        for pair in table("aws")["conflicts"].get(resource.type, []):
            if resource.inputs.keys() >= set(pair):
                yield f"{pair[0]}: conflicts with {pair[1]}"
        name, purpose = table("aws")["documents"].get(resource.type, ("", ""))
        document = resource.inputs.get(name)
        if isinstance(document, str):
            yield from policy_documents.faults(name, purpose, document)
        sources = [name for name in SOURCES if name in resource.inputs]
        if RULE.match(resource.type) and len(sources) != 1:
            yield f"exactly one of {', '.join(SOURCES)} is required; found: {', '.join(sources) or 'none'}"

    def replacing_paths(self, resource: Resource) -> Iterator[tuple[str, Sequence[Kind]]]:
        """Yield the paths in the table, with the kinds of changes that replace the resource.

        Another kind of source replaces a security group rule, and the removal of a property that the table
        lists under `lasting` replaces its resource.
        """
        yield from super().replacing_paths(resource)
        for path in SOURCES if RULE.match(resource.type) else ():
            yield path, ("add", "delete")
        for path in table("aws")["lasting"].get(resource.type, ()):
            yield path, ("delete",)

    def replaced_settings(self, before: Json, after: Json) -> Sequence[str]:
        """Return the region if it changes: AWS's resources cannot move to another region.

        The provider replaces each of the resources (terraform-provider-aws, forceNewIfRegionChanges in
        internal/provider/sdkv2/region.go), except those without a region.
        """
        return ["region"] if "region" in changed_settings(before, after) else ()

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Return True if the program sets the name, or if the table lists the type under `deleted_first`.

        Like pulumi-aws, ignore whether the old and the new name differ. Generated names always differ.
        """
        if resource.type in table("aws")["deleted_first"]:
            return True
        name = resource_type(resource.type).name
        prop = schema.properties(schema.args_class(resource.type)).get(name)
        if prop is None or prop.required:  # The provider never generates such a name.
            return False
        return name in resource.inputs and name not in resource.inputs.get(DEFAULTS, ())


def account_settings(settings: Mapping[str, Any]) -> Json:
    """Return the settings of a provider that may lead to another account."""
    rows = table("aws")["settings"]
    harmless = {*rows["harmless"], *rows["tagging"], *ENGINE_SETTINGS, "region", LIMIT}
    return {name: value for name, value in all_settings(settings).items() if name not in harmless and value}


def _assumed_roles(config: Mapping[str, Any]) -> Iterator[Json]:
    """Yield the roles in the settings of a provider, the last one first.

    They are assumed in order, the first one with the credentials of the web identity.
    """
    roles = [config.get("assumeRoleWithWebIdentity"), *_list(config.get("assumeRoles"))]
    yield from (cast(Json, role) for role in reversed(roles) if isinstance(role, dict))


def _list(value: Any) -> list[Any]:
    """Return a list; an empty one in place of any other value, which a program may set."""
    return cast(list[Any], value) if isinstance(value, list) else []


def _fields(template: str) -> set[str]:
    """Return the names of the variables in a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _certificate(serial: str) -> str:
    """Return a certificate in PEM, encoded as EKS does, with 38 hexadecimal digits as its serial number."""
    content = base64.b64decode(table("aws")["certificates"]["cluster"])
    start = content.index(SERIAL_NUMBER) + len(SERIAL_NUMBER) + 1  # The first byte keeps it positive.
    content = content[:start] + bytes.fromhex(serial) + content[start + len(serial) // 2 :]
    lines = "\n".join(textwrap.wrap(base64.b64encode(content).decode(), 64))
    pem = f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
    return base64.b64encode(pem.encode()).decode()


def _has_default_port(inputs: Json) -> bool:
    """Return True if a database gets the port in the table, or the one that the program sets.

    The default depends on the engine, and a copy of another database may have the port of that one
    (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html and
    API_RestoreDBInstanceFromDBSnapshot.html: Port).
    """
    is_new = inputs.get("engine") == "postgres" and not inputs.keys() & COPIED_FROM
    return "port" in inputs or is_new


def _event_bus(inputs: Json) -> str:
    """Return the name of the event bus in inputs, which may be its ARN; empty for the default one."""
    bus = BUS_ARN.sub("", str(inputs.get("eventBusName") or ""))
    return "" if bus == "default" else bus


def _owner(resource: Resource) -> str:
    """Return the ID of the object from which a resource has its outputs; empty for most resources.

    The address of a NAT gateway is that of its allocation, and a VPC's default security group is the one
    that a DefaultSecurityGroup of the VPC takes over.
    """
    inputs = resource.known
    if resource.type == DEFAULT_GROUP:
        return str(inputs.get("vpcId") or "")
    if resource.type == NAT_GATEWAY and resource.id:
        return str(inputs.get("allocationId") or "")
    return resource.id if resource.type in (VPC, EIP) else ""


class AwsPlan(Plan):
    """Simulated responses of AWS."""

    def __init__(self, *, recognizable: bool = False, salt: str = "") -> None:
        super().__init__(recognizable=recognizable, salt=salt)
        self._networks: dict[str, str] = {}  # the VPC of each subnet of this run, by their IDs

    def stored(self, resource: Resource) -> Json:
        """Return the inputs as the provider stores them, without those that are only written.

        Terraform never stores these (terraform-plugin-sdk, helper/schema/write_only.go).
        """
        names = schema.properties(schema.args_class(resource.type)).keys()
        written = {name for name in names if name.endswith("Wo") and f"{name}Version" in names}
        inputs = {name: value for name, value in resource.inputs.items() if name not in written}
        return stored_forms.stored(resource.type, inputs)

    def identify(self, variables: TemplateVariables, resource: Resource) -> str:
        """Return the ID; rules and targets of one name on two event buses have two IDs."""
        separator, bus = BUS_SEPARATORS.get(resource.type, ""), _event_bus(resource.known)
        start = f"{bus}{separator}" if separator and bus else ""
        owner = resource.known.get(EXPECTED_OWNER)
        identifier = f"{start}{super().identify(variables, resource)}{f',{owner}' if owner else ''}"
        return str(regions.in_partition(identifier, self._region(resource)))

    def replacement_paths(self, resource: Resource) -> Sequence[str]:
        self._note_network(resource)
        return super().replacement_paths(resource)

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        live = super().read(resource, state)
        if live:
            self._note_network(replace(resource, inputs=live.outputs))
        return live

    def _note_network(self, resource: Resource) -> None:
        """Remember the VPC of a subnet, which a cluster in the subnet has, too."""
        network = resource.known.get("vpcId") if resource.type == SUBNET else None
        if network and resource.id:
            self._networks[resource.id] = network

    def variables(self, resource: Resource, seed: str) -> TemplateVariables:
        """Return the variables of every package, and `busPath`: the path of an event bus in an ARN."""
        if resource.type == ENCRYPTION:  # A region of an account has one such setting.
            seed = f"{self.account_of(resource.config)} {self._region(resource)}"
        variables = super().variables(resource, _owner(resource) or seed)
        bus = _event_bus(resource.known)
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
        variables["busPath"] = f"{bus}/" if bus else ""
        return variables

    def choose_names(self, resource: Resource, before: Json, seed: str) -> Json:
        """Return the names for which the program sets only a beginning, and those in the ID that it lacks.

        The provider appends 26 digits (terraform-plugin-sdk, helper/id/id.go: PrefixedUniqueId). The name of
        a type without a row is an invented text, which a review recognizes.
        """
        if not is_described(resource.type):
            return {}
        row, variables = resource_type(resource.type), self.variables(resource, seed)
        names = {row.name} if f"{row.name}Prefix" in resource.inputs else set[str]()
        names |= _fields(row.id) & schema.properties(schema.args_class(resource.type)).keys()
        prefixes = {name: variables.get(f"{name}Prefix") or UNIQUE_PREFIX for name in names}
        return {
            name: before.get(name) or f"{prefixes[name]}{variables[f'dec26_{name}']}"
            for name in sorted(names - variables.keys())
        }

    def computed(self, resource: Resource, before: Json) -> Json:
        self._note_network(resource)
        outputs = super().computed(resource, before)
        place = self.account_of(resource.config), self._region(resource)
        zone = resource.known.get("availabilityZone")
        if resource.type == SUBNET and zone:
            outputs["availabilityZoneId"] = self._zone_id(*place, zone)
        if resource.type == NAT_GATEWAY and resource.known.get("connectivityType") == "private":
            outputs |= {"associationId": "", "publicIp": ""}
        if resource.type == ENDPOINT and resource.known.get("vpcEndpointType", "Gateway") == "Gateway":
            outputs |= {"dnsEntries": [], "networkInterfaceIds": []}
        elif resource.type == ENDPOINT and "subnetIds" in resource.known:
            outputs["dnsEntries"] = outputs["dnsEntries"][: 1 + len(resource.known["subnetIds"])]
        if resource.type == CLUSTER:
            subnets = resource.known.get("vpcConfig", {}).get("subnetIds", [])
            if networks := [self._networks[subnet] for subnet in subnets if subnet in self._networks]:
                outputs["vpcConfig"]["vpcId"] = networks[0]
        if "tagsAll" in outputs:
            defaults: Json = resource.config.get("defaultTags") or {}
            outputs["tagsAll"] = {**defaults.get("tags", {}), **resource.inputs.get("tags", {})}
        if "masterUserSecrets" in outputs and not resource.inputs.get("manageMasterUserPassword"):
            outputs["masterUserSecrets"] = []
        if self._recognizable and resource.type == DATABASE and not _has_default_port(resource.known):
            outputs["port"] = before.get("port") or self._invent("a whole number", ("port",), resource.urn)
            outputs["endpoint"] = f"{outputs['address']}:{outputs['port']}"
        if resource.type == DATABASE and "engineVersion" in resource.known:
            outputs["engineVersionActual"] = self._actual_version(resource, before)
        if "certificateAuthority" in outputs:
            variables = self.variables(resource, resource.seed or self.place(resource))
            outputs["certificateAuthority"] = {"data": _certificate(variables["hex38_serial"])}
        return cast(Json, regions.in_partition(outputs, self._region(resource)))

    def _actual_version(self, resource: Resource, before: Json) -> str:
        """Return the version of a database; what the program leaves out is invented."""
        inputs, path = known(self.stored(resource)), ("engineVersionActual",)
        version, parts = str(inputs["engineVersion"]), VERSION_PARTS.get(inputs.get("engine"), 0)
        old = str(before.get(path[0]) or "")
        if old.startswith(f"{version}."):
            return old
        if version.count(".") + 1 == parts or not self._recognizable:
            return version
        number = self._invent("a whole number", path, resource.seed or resource.urn)
        return f"{version}.{number}" if parts else self._invented_text(path, resource.seed or resource.urn)

    def _region(self, resource: Resource) -> str:
        return str(resource.known.get("region") or resource.config.get("region") or REGION)

    def _zone_id(self, account: str, region: str, zone: str) -> str:
        """Return the ID of a zone, which each account has for another zone."""
        variables = TemplateVariables({}, f"{self._salt}zone {zone} of {account} in {region}")
        return f"{region}-az{variables['hex10_zone']}"

    def account_of(self, config: Mapping[str, Any]) -> str:
        """Return the account of the role that a provider assumes, or the only one that it accepts.

        Without these, other settings may lead to another account, which gets a number of its own.
        """
        for role in _assumed_roles(config):
            if match := ROLE.match(str(role.get("roleArn"))):
                return match[1]
        allowed = _list(config.get(LIMIT))
        if len(allowed) == 1:
            return str(allowed[0])
        if settings := account_settings(config):
            text = json.dumps(settings, sort_keys=True, default=str)
            return TemplateVariables({}, f"{self._salt}account of {text}")["dec12"]
        return TemplateVariables({}, self._salt)["dec12"] if self._salt else ACCOUNT

    def caller(self, config: Mapping[str, Any]) -> Json:
        """Return the role that a provider assumes last, its ID and its session.

        Providers whose settings differ otherwise have different roles, since their credentials may differ.
        """
        account, settings = self.account_of(config), account_settings(config)
        text = json.dumps(settings, sort_keys=True, default=str)
        variables = TemplateVariables({}, f"{self._salt}user in {account} of {text}")
        role, session = (variables[f"hex12_{word}"] for word in ("role", "session"))
        if not self._salt and not settings:
            role = session = "sandbox"
        if last := next(_assumed_roles(config), None):
            match = ROLE.match(str(last.get("roleArn")))
            role, session = match[2] if match else role, str(last.get("sessionName") or session)
        role_id = TemplateVariables({}, f"{self._salt}role {role} in {account}")["HEX17"]
        return {"role": role, "roleId": f"AROA{role_id}", "session": session}

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        region = str(args.get("region") or config.get("region") or REGION)
        answer: Json = regions.in_partition(super().invoke(token, args, config), region) | args
        if token.endswith(":getPartition"):
            name, suffix = regions.partition_of(region)
            reverse = ".".join(reversed(suffix.split(".")))
            answer |= {"id": name, "partition": name, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}
        if token.endswith(":getRegion"):
            answer |= regions.answer(args, str(config.get("region") or REGION))
        if token.endswith(":getAvailabilityZones"):
            answer |= self._zones(args, self.account_of(config), answer["region"])
        return answer

    def _zones(self, args: Json, account: str, region: str) -> Json:
        """Return the zones that a look-up finds; nothing if only the account knows them.

        The provider applies the filters and leaves out the excluded zones (terraform-provider-aws,
        internal/service/ec2/ec2_availability_zones_data_source.go). A review knows the zones of the regions
        in the table.
        """
        letters = table("aws")["zones"].get(region)
        filters = {item.get("name"): _list(item.get("values")) for item in _list(args.get("filters"))}
        is_known = letters and filters.keys() <= ZONE_FILTERS and args.keys() <= ZONE_ARGUMENTS
        if self._recognizable and not (is_known and args.get("state", "available") == "available"):
            return {}
        zones = {
            name: self._zone_id(account, region, name) for name in (f"{region}{x}" for x in letters or "abc")
        }
        names = [
            name
            for name, zone_id in zones.items()
            if name in filters.get("zone-name", zones)
            and zone_id in filters.get("zone-id", zones.values())
            and NO_OPT_IN in filters.get("opt-in-status", [NO_OPT_IN])
            and name not in _list(args.get("excludeNames"))
            and zone_id not in _list(args.get("excludeZoneIds"))
        ]
        return {"names": names, "zoneIds": [zones[name] for name in names]}
