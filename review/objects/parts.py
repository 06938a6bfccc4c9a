"""Types of resources that change an object which they do not create, and the input that names this object.

An example is a BucketPolicy: the bucket exists, and the resource replaces its policy.
"""

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from review.objects.identifying_inputs import IDENTIFYING_INPUTS
from review.stacks.object_kinds import kind_of
from review.stacks.resources import Resource
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.wire import schema
from sandbox.wire.sentinels import INVENTED as INVENTED_OUTPUT

SETTING = re.compile(
    r"(Acl|Block|Configuration|Controls|Encryption|Lock|Logging|Notifications?|Policy|Rotation|Versioning)"
    r"([vV]\d+)?$"
)
"""Ends of the types without a table of which an object has one: a policy, a configuration."""

ADDING = re.compile(
    r"(Accepter|Access(Entry)?|Addon|Association|Attachment|Ciphertext|Deployment|Endpoint|Entry|Gateway"
    r"|Grant|Instances?|Member(ship)?|Permissions?|Record|Route|Rule|Snapshot|Subscription|Version|Webhook)$"
)
"""Ends of the types that only add to an object, because AWS refuses what is there already."""

REPLACING = re.compile(
    r"(DefaultRouteTable|MainRouteTable|NetworkAcl|SnapshotSchedule|StandardsControl|VpcDhcpOptions|WebAcl)"
    r"Association|(CoreNetworkPolicy|IdentityPoolRole|PermissionsBoundary)Attachment"
    r"|(Domain|SigningProfile)Permissions?"
)
"""Types with such an end that replace what is there, such as the network ACL of a subnet
(EC2 API, ReplaceNetworkAclAssociation, ReplaceRouteTableAssociation, AssociateDhcpOptions).
"""

NOUN = re.compile(
    r"arn|bucket|cluster|detector|domain|function|group|identifier|loadBalancer|logGroup|queue|repository"
    r"|restApi|role|rule|tableBucketArn|topic|user|vault"
)
"""Names of required inputs that name an object by its kind alone (pulumi-aws)."""

REFERENCE = re.compile(r"(\w+)(Arn|Id|Identifier|Name|Url)")
"""Names of required inputs that name an object."""

USED = re.compile(
    r"(account|channel|consumer|cookie|certificate|destination|image|kms|model|owner|policy(?!Engine|Store)"
    r"|principal|s3Bucket|slack|snsTopic|source|statement|stream|team|tenant|user(?=Arn))\w*|\w*[rR]oleArn"
    r"|\w+AccountId"
)
"""Names of inputs that look alike, but name what a resource uses, such as the role with whose permissions AWS
acts, or something outside of AWS.
"""

OWN_NAME = re.compile(r"(\w+)(Name|Identifier|Id)")
"""Names of inputs that name the resource itself, if its type ends with the first part."""

OBJECTS: Mapping[str, str] = {
    "aws:autoscaling/policy:Policy": "autoscalingGroupName",
    "aws:autoscaling/schedule:Schedule": "autoscalingGroupName",
    "aws:cfg/recorderStatus:RecorderStatus": "name",
    "aws:cfg/remediationConfiguration:RemediationConfiguration": "configRuleName",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": "defaultNetworkAclId",
    "aws:ec2/defaultRouteTable:DefaultRouteTable": "defaultRouteTableId",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
    "aws:oam/sinkPolicy:SinkPolicy": "sinkIdentifier",
    "aws:s3/bucketObject:BucketObject": "bucket",
    "aws:s3/bucketObjectv2:BucketObjectv2": "bucket",
    "aws:s3/objectCopy:ObjectCopy": "bucket",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretId",
}
"""Types that have an ARN or a name of their own and nevertheless take the place of a part of an object, and
their inputs with the object: S3 and Auto Scaling replace what has the same key or name (S3 API, PutObject;
Auto Scaling API, PutScalingPolicy), and pulumi-aws takes over the defaults of a VPC and removes their rules.
"""

OF_ACCOUNT = frozenset(
    {
        "aws:apigateway/account:Account",
        "aws:ebs/defaultKmsKey:DefaultKmsKey",
        "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
        "aws:ec2/defaultCreditSpecification:DefaultCreditSpecification",
        "aws:ec2/defaultSubnet:DefaultSubnet",
        "aws:ec2/defaultVpc:DefaultVpc",
        "aws:ec2/defaultVpcDhcpOptions:DefaultVpcDhcpOptions",
        "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "aws:ec2/serialConsoleAccess:SerialConsoleAccess",
        "aws:iam/accountAlias:AccountAlias",
        "aws:macie2/account:Account",
        "aws:ses/activeReceiptRuleSet:ActiveReceiptRuleSet",
        "aws:sesv2/accountSuppressionAttributes:AccountSuppressionAttributes",
        "aws:sesv2/accountVdmAttributes:AccountVdmAttributes",
        "aws:ssm/defaultPatchBaseline:DefaultPatchBaseline",
        "aws:ssm/serviceSetting:ServiceSetting",
        "aws:xray/encryptionConfig:EncryptionConfig",
    }
)
"""Types without a table that are settings of the whole account, often in one region (pulumi-aws)."""

SETTINGS = re.compile(r"AccountSetting(Default)?|\w*(Defaults|Options|Preferences|Settings|Status)")
"""Names of further types that are settings of the account, if no required input names an object."""

PARTS_OF_ACCOUNT = ("name", "settingId", "instanceFamily", "eventBusName", "operatingSystem", "resourceType")
"""Inputs that tell settings of the account of one type apart."""

OF_ORGANIZATION = re.compile(
    r"\w*(AllocationRules|Allowlist|ConcurrencyCap|Default(Inbox)?Rule|GovernanceControl|IdpMetadata"
    r"|IntegrationPipeline|Order|OrganizationSettings|Rulesets)"
)
"""Names of types of Datadog of which an organization has one, or which Datadog itself has created: they are
changed and not created (the SDK's documentation).
"""

SAME_NAMES = frozenset({"aws:route53/zone:Zone"})
"""Types of which several objects may have one name: a public and a private zone."""

KEY = "key"
"""Input with the name of an object in a bucket."""

APART: Mapping[str, Sequence[str]] = {"aws:route53/record:Record": ("type", "setIdentifier")}
"""Further inputs that tell the objects of one name apart."""

EVENT_BUS = "eventBusName"

DEFAULTED = ("accountId", "catalogId", EVENT_BUS)
"""Optional inputs with a container of an object. Without them, AWS takes that of the account, or DEFAULT."""

DEFAULT = "default"
"""Name of the container that AWS takes without an input (EventBridge API, PutTargets: EventBusName)."""

CONTENT = re.compile(r"content|item|policy|status|value|\w+Document")
"""Names of required inputs that identify nothing."""

ZONE_SETTING = frozenset({"zoneId", "accountId", "settingId", "hostname"})
"""Inputs of which the IDs of settings of a zone or an account of Cloudflare consist."""

BUCKET = "bucketName"
"""Input with the bucket of R2 of which a resource of Cloudflare is a setting."""

ENVIRONMENT = frozenset({"account", "region"})
"""Variables of an ID that the environment determines, in place of an input."""

INVENTED = re.compile(r"\{(hex|HEX|dec)\d+\}|\{uuid\}")
"""Pattern of a part of an ID that AWS chooses (sandbox/providers/aws/resource_types.toml)."""


def object_inputs(resource: Resource) -> list[str]:
    """Return the inputs that name the object which a resource changes; none for other resources."""
    if resource.package == "cloudflare":
        return _inputs_of_zone(resource)
    if resource.package == "datadog":
        return [*filter(REFERENCE.fullmatch, _required(resource.type))] if _is_order(resource) else []
    if resource.package != "aws" or resource.type in OF_ACCOUNT:
        return []
    if resource.type in OBJECTS:
        return [name for name in [OBJECTS[resource.type]] if name in resource.values]
    kind = kind_of(resource.type)[-1]
    if ADDING.search(kind) and not REPLACING.fullmatch(kind):
        return []
    if is_described(resource.type):
        facts = resource_type(resource.type)
        names = [] if INVENTED.search(facts.id) else _variables(resource.type)
        others = [name for name in names if _is_reference(name) and not _is_own_name(name, kind)]
        return [name for name in others if name != facts.name]
    return _object_inputs(resource.type)


def is_of_account(resource: Resource) -> bool:
    """Return True for a setting of a whole account of AWS."""
    if resource.package != "aws":
        return False
    if resource.type in OF_ACCOUNT or resource.type in OBJECTS:
        return not object_inputs(resource)
    if is_described(resource.type):
        return {*_variables(resource.type)} <= ENVIRONMENT
    kind = kind_of(resource.type)[-1]
    if not SETTING.search(kind) and not SETTINGS.fullmatch(kind):
        return False
    names = {name for name in _inputs(resource.type) if _is_own_name(name, kind)}
    is_named = bool(names) and not kind.startswith("AccountSetting")
    return not (is_named or _has_arn(resource.type) or any(map(_is_reference, _required(resource.type))))


def is_of_organization(resource: Resource) -> bool:
    """Return True for a setting of a whole organization of Datadog."""
    return _is_order(resource) and not object_inputs(resource)


def containers(resource: Resource) -> tuple[str, ...]:
    """Return the optional containers of a resource's object, which its ID may lack."""
    return tuple(str(resource.values.get(name) or DEFAULT) for name in DEFAULTED)


def may_share_container(first: Resource, second: Resource) -> bool:
    """Return True if the optional containers of two resources of AWS may be the same.

    A program can also write the ID of its own account, and the ARN of an event bus in place of its name.
    """
    for name, own, other in zip(DEFAULTED, containers(first), containers(second), strict=True):
        if name == EVENT_BUS:
            is_other = own.rpartition("/")[2] != other.rpartition("/")[2]
        else:
            is_other = own != other and DEFAULT not in (own, other)
        if is_other:
            return False
    return True


def are_in_one_container(first: Resource, second: Resource, apart_from: str) -> bool:
    """Return True if two resources agree in each input that names the container of both objects.

    The rule of an EventTarget is that of its event bus, for example, and other buses may have a namesake.
    """
    names = {*_required(first.type)} & {*_required(second.type)} - {apart_from}
    for name in filter(_is_reference, names):
        if first.values.get(name) != second.values.get(name):
            return False
    optional = {*DEFAULTED} & _inputs(first.type).keys() & _inputs(second.type).keys()
    pairs = zip(DEFAULTED, containers(first), containers(second), strict=True)
    return all(own == other for name, own, other in pairs if name in optional - names)


def identity(resource: Resource) -> tuple[str, ...]:
    """Return the texts that identify what a resource changes or creates, if its type has no table.

    An output that no table describes identifies nothing: it is the same for all resources of a type.
    """
    if is_described(resource.type) and resource.type not in OBJECTS:
        return ()
    values = resource.values
    if is_of_account(resource):
        names: Sequence[str] = [name for name in PARTS_OF_ACCOUNT if name in values]
        return ("account", *(str(values[name]) for name in names))
    if is_of_organization(resource):
        names = [name for name in _required(resource.type) if name in PARTS_OF_ACCOUNT]
        return ("organization", *(str(values.get(name)) for name in names))
    objects = object_inputs(resource)
    kind = kind_of(resource.type)[-1]
    if id_inputs := _id_inputs(resource):
        return _known_texts(resource, id_inputs)
    if not objects:
        names = _physical_names(resource)
    elif not any(isinstance(values.get(name), str) for name in objects):
        return ()
    else:
        names = [other for other in _inputs(resource.type) if _is_own_name(other, kind)]
        if not SETTING.search(kind):
            names += [other for other in _required(resource.type) if not CONTENT.fullmatch(other)]
            names += [KEY] if KEY in values else []
    return _known_texts(resource, sorted({*objects, *names}))


def _known_texts(resource: Resource, names: Sequence[str]) -> tuple[str, ...]:
    """Return the values of inputs as texts; nothing if one comes from an output that no table describes."""
    texts = tuple(str(resource.values.get(name)) for name in names)
    return () if any(INVENTED_OUTPUT in text for text in texts) else texts


def names_of_object(resource: Resource) -> dict[str, Any]:
    """Return the inputs of a type of AWS without a table that lead to its object.

    They are more than the identity: two objects with equal ones may be different objects, but a resource
    with other ones than before has another object.
    """
    if resource.package != "aws" or is_described(resource.type):
        return {}
    kind, required = kind_of(resource.type)[-1], _required(resource.type)
    references = [name for name in required if _is_reference(name) or name == KEY]
    names = [name for name in _inputs(resource.type) if _is_own_name(name, kind)]
    names += APART.get(resource.type, ())
    return {name: resource.values[name] for name in (*references, *names) if name in resource.values}


def _physical_names(resource: Resource) -> list[str]:
    """Return the inputs with the name of an object of AWS that is in no other object.

    A second queue or dashboard of one name is the first one (SQS API, CreateQueue; CloudWatch API,
    PutDashboard). For other types, AWS refuses it.
    """
    if resource.package != "aws" or resource.type in SAME_NAMES:
        return []
    kind, required = kind_of(resource.type)[-1], _required(resource.type)
    if any(_is_reference(name) and not _is_own_name(name, kind) for name in required):
        return []
    return [name for name in _inputs(resource.type) if _is_own_name(name, kind) and name in resource.values]


def _inputs_of_zone(resource: Resource) -> list[str]:
    """Return the input with the zone, account or bucket of which a resource of Cloudflare is a setting.

    Whether a zone may have the settings with a table decides the policy cloudflare-zone-not-owned.
    """
    names = _id_inputs(resource)
    if is_described(resource.type):
        return []
    if BUCKET in names:
        return [BUCKET]
    is_setting = {*names} <= ZONE_SETTING
    return [name for name in names if is_setting and name in ("zoneId", "accountId")]


def _id_inputs(resource: Resource) -> Sequence[str]:
    """Return the inputs of which the ID of a resource of Cloudflare or Datadog consists.

    The result is empty if the service chooses a part of the ID, or if the program does not set one.
    """
    names = IDENTIFYING_INPUTS.get(resource.type, ())
    if resource.package == "cloudflare" and not names:
        either = "zone_id" if "zoneId" in resource.values else "account_id"
        template = schema.documented_id(resource.type)
        template = template.replace("{accounts|zones}/{account_id|zone_id}", either)
        parts = re.findall(r"<(\w+)>", template)
        names = [re.sub(r"_(\w)", lambda match: match[1].upper(), part) for part in parts]
    return names if all(name in resource.values for name in names) else []


def _is_order(resource: Resource) -> bool:
    """Return True for a type of Datadog that changes what exists."""
    return resource.package == "datadog" and bool(OF_ORGANIZATION.fullmatch(kind_of(resource.type)[-1]))


def _object_inputs(token: str) -> list[str]:
    """Return the required inputs of a type of AWS without a table that may name its object.

    A type with an ARN of its own is an object, even if it is inside of another one.
    """
    kind = kind_of(token)[-1]
    if _has_arn(token):
        return []
    return [name for name in _required(token) if _is_reference(name) and not _is_own_name(name, kind)]


def _is_reference(name: str) -> bool:
    """Return True for the name of an input that names an object."""
    return bool(NOUN.fullmatch(name) or (REFERENCE.fullmatch(name) and not USED.fullmatch(name)))


def _is_own_name(name: str, kind: str) -> bool:
    """Return True if an input is the name of the resource's own object, such as `name`."""
    match = OWN_NAME.fullmatch(name)
    return name == "name" or bool(match and kind.lower().endswith(match[1].lower()))


def _variables(token: str) -> list[str]:
    """Return the variables in the template of a type's ID."""
    return [name for _, name, _, _ in Formatter().parse(resource_type(token).id) if name]


def _inputs(token: str) -> Mapping[str, schema.Property]:
    try:
        return schema.properties(schema.args_class(token))
    except (schema.UnknownTypeError, ValueError):
        return {}


def _required(token: str) -> list[str]:
    """Return the required inputs of a type that are texts."""
    return [
        name
        for name, prop in _inputs(token).items()
        if prop.required and "a string" in schema.nouns(prop.hint)
    ]


def _has_arn(token: str) -> bool:
    """Return True if AWS chooses an ARN for the object of a type."""
    inputs, kind = _inputs(token), kind_of(token)[-1].lower()
    outputs = {*schema.properties(schema.resource_class(token))} if inputs else set[str]()
    return any(name.lower() in ("arn", f"{kind}arn") for name in outputs - inputs.keys())
