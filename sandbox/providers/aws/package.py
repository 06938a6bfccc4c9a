"""The rules of the AWS provider, and simulated responses of AWS."""

import base64
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any, cast

from sandbox.providers.aws import regions
from sandbox.providers.diff import Change, Kind
from sandbox.providers.plan import Plan
from sandbox.providers.resource_types import TemplateVariables, is_described, resource_type, table
from sandbox.providers.target import (
    DEFAULTS,
    ENGINE_SETTINGS,
    Package,
    Resource,
    all_settings,
    changed_settings,
    made_up_name,
)
from sandbox.wire import json_schema, policy_documents, schema
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.values import Json, plain

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

ROLE = re.compile(r"arn:[^:]+:iam::(\d{12}):role/(?:.*/)?(.*)")
"""Pattern of a role's ARN: its account, and its name without the path."""

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
        name = resource_type(resource.type).name
        prop = schema.properties(schema.args_class(resource.type)).get(name)
        if prop is None or prop.required:
            return resource.inputs
        is_empty = plain(resource.inputs.get(name)) == ""
        inputs = {key: value for key, value in resource.inputs.items() if key != name or not is_empty}
        if {name, f"{name}Prefix"} & inputs.keys():
            return inputs
        physical_name = before.get(name) or made_up_name(resource, seed)
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
    harmless = {*table("aws")["settings"]["harmless"], *ENGINE_SETTINGS, "region", LIMIT}
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


class AwsPlan(Plan):
    """Simulated responses of AWS."""

    def identify(self, variables: TemplateVariables, resource: Resource) -> str:
        """Return the ID; rules and targets of one name on two event buses have two IDs."""
        separator, bus = BUS_SEPARATORS.get(resource.type, ""), _event_bus(resource.known)
        start = f"{bus}{separator}" if separator and bus else ""
        return f"{start}{super().identify(variables, resource)}"

    def variables(self, resource: Resource, seed: str) -> TemplateVariables:
        """Return the variables of every package, and `busPath`: the path of an event bus in an ARN."""
        variables, bus = super().variables(resource, seed), _event_bus(resource.known)
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
        outputs = super().computed(resource, before)
        if "tagsAll" in outputs:
            defaults: Json = resource.config.get("defaultTags") or {}
            outputs["tagsAll"] = {**defaults.get("tags", {}), **resource.inputs.get("tags", {})}
        if "masterUserSecrets" in outputs and not resource.inputs.get("manageMasterUserPassword"):
            outputs["masterUserSecrets"] = []
        if self._recognizable and resource.type == DATABASE and not _has_default_port(resource.known):
            outputs["port"] = before.get("port") or self._invent("a whole number", ("port",), resource.urn)
            outputs["endpoint"] = f"{outputs['address']}:{outputs['port']}"
        if "certificateAuthority" in outputs:
            variables = self.variables(resource, resource.seed or self.place(resource))
            outputs["certificateAuthority"] = {"data": _certificate(variables["hex38_serial"])}
        return outputs

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
        answer = super().invoke(token, args, config)
        if token.endswith(":getRegion"):
            answer |= regions.answer(args, str(config.get("region") or REGION))
        if "AvailabilityZones" in token:
            letters = table("aws")["zones"].get(answer["region"], "abc")
            answer["names"] = [f"{answer['region']}{letter}" for letter in letters]
            place = f"{self._salt}zones of {self.account_of(config)} in {answer['region']}"
            variables = TemplateVariables({}, place)
            answer["zoneIds"] = [f"{answer['region']}-az{variables[f'hex10_{letter}']}" for letter in letters]
        return answer
