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
    r"(Accepter|Access(Entry)?|Addon|Agreement|Association|Attachment|Ciphertext|Deployment|Endpoint|Entry"
    r"|Gateway|Grant|Instances?|Member(ship)?|Permissions?|Record|Route|Rule|Snapshot|Subscription|Validation"
    r"|Version|Webhook)$"
)
"""Ends of the types that only add to an object, because AWS refuses what is there already, or wait for it."""

REPLACING = re.compile(
    r"(DefaultRouteTable|MainRouteTable|NetworkAcl|SnapshotSchedule|StandardsControl|VpcDhcpOptions|WebAcl)"
    r"Association|(CoreNetworkPolicy|IdentityPoolRole|PermissionsBoundary)Attachment"
    r"|(Domain|SigningProfile)Permissions?|WebAclRule"
)
"""Types with such an end that replace what is there, such as the network ACL of a subnet
(EC2 API, ReplaceNetworkAclAssociation, ReplaceRouteTableAssociation, AssociateDhcpOptions). A WebAclRule
takes over the rule of its name (pulumi-aws).
"""

NOUN = re.compile(
    r"arn|bucket|cluster|detector|domain|function|group|identifier|loadBalancer|logGroup|queue|repository"
    r"|restApi|role|rule|tableBucketArn|topic|user|vault|identity|emailIdentity|mrap"
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

UTILIZED = re.compile(r"(firehose|location|target)(Arn|Id|Identifier)|\w*[rR]ole")
"""Names of required inputs with what a named object uses, such as the stream to which it sends.

The others tell objects of one name apart: the API of a stage, or the database of a table.
"""

OWN_NAME = re.compile(r"(\w+)(Name|Identifier|Id)")
"""Names of inputs that name the resource itself, if its type ends with the first part."""

OBJECTS: Mapping[str, str] = {
    "aws:autoscaling/policy:Policy": "autoscalingGroupName",
    "aws:autoscaling/schedule:Schedule": "autoscalingGroupName",
    "aws:cfg/recorderStatus:RecorderStatus": "name",
    "aws:cognito/resourceServer:ResourceServer": "userPoolId",
    "aws:cfg/remediationConfiguration:RemediationConfiguration": "configRuleName",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
    "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
    "aws:oam/sinkPolicy:SinkPolicy": "sinkIdentifier",
    "aws:s3/bucketObject:BucketObject": "bucket",
    "aws:s3/bucketObjectv2:BucketObjectv2": "bucket",
    "aws:s3/objectCopy:ObjectCopy": "bucket",
    "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy": "name",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretId",
}
"""Types that have an ARN or a name of their own and nevertheless take the place of a part of an object, and
their inputs with the object: S3 and Auto Scaling replace what has the same key or name (S3 API, PutObject;
Auto Scaling API, PutScalingPolicy). pulumi-aws takes over the default of a VPC and removes its rules, and a
PolicyAttachment detaches the policy from all others (the SDK's documentation).
"""

OF_ACCOUNT = frozenset(
    {
        "aws:apigateway/account:Account",
        "aws:bedrock/agentcoreTokenVaultCmk:AgentcoreTokenVaultCmk",
        "aws:codebuild/sourceCredential:SourceCredential",
        "aws:devopsguru/eventSourcesConfig:EventSourcesConfig",
        "aws:ebs/defaultKmsKey:DefaultKmsKey",
        "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
        "aws:ec2/defaultCreditSpecification:DefaultCreditSpecification",
        "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "aws:ec2/serialConsoleAccess:SerialConsoleAccess",
        "aws:iam/accountAlias:AccountAlias",
        "aws:iot/eventConfigurations:EventConfigurations",
        "aws:macie2/account:Account",
        "aws:organizations/resourcePolicy:ResourcePolicy",
        "aws:quicksight/ipRestriction:IpRestriction",
        "aws:quicksight/keyRegistration:KeyRegistration",
        "aws:securitylake/dataLake:DataLake",
        "aws:ses/activeReceiptRuleSet:ActiveReceiptRuleSet",
        "aws:sesv2/accountSuppressionAttributes:AccountSuppressionAttributes",
        "aws:sesv2/accountVdmAttributes:AccountVdmAttributes",
        "aws:ssm/defaultPatchBaseline:DefaultPatchBaseline",
        "aws:ssm/serviceSetting:ServiceSetting",
        "aws:uxc/accountCustomizations:AccountCustomizations",
        "aws:xray/encryptionConfig:EncryptionConfig",
        "aws:xray/indexingRule:IndexingRule",
        "aws:xray/traceSegmentDestination:TraceSegmentDestination",
    }
)
"""Types without a table that are settings of the whole account, often in one region (pulumi-aws).

Their calls update or overwrite what exists, such as CodeBuild's ImportSourceCredentials, CreateDataLake of
Security Lake and PutResourcePolicy of Organizations (botocore, data/*/*/service-2.json).
"""

SETTINGS = re.compile(r"AccountSetting(Default)?|\w*(Defaults|Options|Preferences|Settings|Status)")
"""Names of further types that are settings of the account, if no required input names an object."""

PARTS_OF_ACCOUNT = (
    "name",
    "settingId",
    "instanceFamily",
    "availabilityZone",
    "operatingSystem",
    "resourceType",
    "tokenVaultId",
    "serverType",
    "authType",
)
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

ITEM = re.compile(r"aws:s3/(bucketObject(v2)?|objectCopy):")
"""Types of objects in a bucket whose keys pulumi-aws cleans before it uses them (`_clean_key`)."""

APART: Mapping[str, Sequence[str]] = {"aws:route53/record:Record": ("type", "setIdentifier")}
"""Further inputs that tell the objects of one name apart."""

EVENT_BUS = "eventBusName"

ECS_CLUSTER = "cluster"

DEFAULTED = ("accountId", "catalogId", EVENT_BUS, ECS_CLUSTER)
"""Optional inputs with a container of an object. Without them, AWS takes that of the account, or DEFAULT."""

DEFAULT = "default"
"""Name of the container that AWS takes without an input (EventBridge API, PutTargets: EventBusName; ECS API,
CreateService: cluster).
"""

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
    if schema.is_documented_to_adopt(resource.type):
        return [*filter(_is_reference, _required(resource.type))]
    kind = kind_of(resource.type)[-1]
    if ADDING.search(kind) and not REPLACING.fullmatch(kind):
        return []
    if is_described(resource.type):
        facts = resource_type(resource.type)
        names = [] if INVENTED.search(facts.id) else _variables(resource.type)
        others = [name for name in names if _is_reference(name) and not _is_own_name(name, kind)]
        return [name for name in others if name != facts.name]
    return _object_inputs(resource)


def is_of_account(resource: Resource) -> bool:
    """Return True for a setting of a whole account of AWS."""
    if resource.package != "aws":
        return False
    if resource.type in OF_ACCOUNT or _adopts(resource.type):
        return not object_inputs(resource)
    if is_described(resource.type):
        return {*_variables(resource.type)} <= ENVIRONMENT
    kind = kind_of(resource.type)[-1]
    if (not SETTING.search(kind) and not SETTINGS.fullmatch(kind)) or object_inputs(resource):
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

    A program can also write the ID of its own account, and the ARN of a bus or cluster in place of its name.
    """
    for name, own, other in zip(DEFAULTED, containers(first), containers(second), strict=True):
        if name in (EVENT_BUS, ECS_CLUSTER):
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
    """Return the texts that identify what a resource changes or creates, if its table does not."""
    return tuple(text for _, text in identifying_texts(resource))


def identifying_texts(resource: Resource) -> Sequence[tuple[str, str]]:
    """Return the inputs that identify what a resource changes or creates, if its table does not.

    The name of a setting of a whole account or organization is empty. An output that no table describes
    identifies nothing: it is the same for all resources of a type.
    """
    is_known_otherwise = resource.type in OBJECTS or resource.type in IDENTIFYING_INPUTS
    if is_described(resource.type) and not is_known_otherwise:
        return ()
    values = resource.values
    if is_of_account(resource):
        names: Sequence[str] = [name for name in PARTS_OF_ACCOUNT if name in values]
        return (("", "account"), *((name, str(values[name])) for name in names))
    if is_of_organization(resource):
        names = [name for name in _required(resource.type) if name in PARTS_OF_ACCOUNT]
        return (("", "organization"), *((name, str(values.get(name))) for name in names))
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
        if not SETTING.search(kind) and not schema.is_documented_to_adopt(resource.type):
            names += [other for other in _required(resource.type) if not CONTENT.fullmatch(other)]
            names += [KEY] if KEY in values else []
    return _known_texts(resource, sorted({*objects, *names}))


def _known_texts(resource: Resource, names: Sequence[str]) -> Sequence[tuple[str, str]]:
    """Return inputs as texts; nothing if one comes from an output that no table describes."""
    texts = [(name, str(resource.values.get(name))) for name in names]
    if any(INVENTED_OUTPUT in text for _, text in texts):
        return ()
    if not ITEM.match(resource.type):
        return texts
    return [(name, _clean_key(text) if name == KEY else text) for name, text in texts]


def _clean_key(key: str) -> str:
    """Return the key that pulumi-aws uses for one of a program: without slashes at its start or in a row.

    The source is terraform-provider-aws, internal/service/s3/object.go: sdkv1CompatibleCleanKey.
    """
    return re.sub(r"/+", "/", key.removeprefix("./").lstrip("/"))


def names_of_object(resource: Resource) -> dict[str, Any]:
    """Return the inputs of a type of AWS without a table that lead to its object.

    They are more than the identity: two objects with equal ones may be different objects, but a resource
    with other ones than before has another object.
    """
    if resource.package != "aws" or is_described(resource.type):
        return {}
    kind, required = kind_of(resource.type)[-1], _required(resource.type)
    references = [name for name in required if _is_reference(name) or name == KEY]
    references += [KEY] if ITEM.match(resource.type) else []
    names = [name for name in _inputs(resource.type) if _is_own_name(name, kind)]
    names += APART.get(resource.type, ())
    return {name: resource.values[name] for name in (*references, *names) if name in resource.values}


def _physical_names(resource: Resource) -> list[str]:
    """Return the inputs with the name of an object of AWS, and of the objects in which it is.

    A second queue, dashboard or destination of logs of one name is the first one (SQS API, CreateQueue;
    CloudWatch API, PutDashboard; CloudWatch Logs API, PutDestination). For other types, AWS refuses it.
    """
    if resource.package != "aws" or resource.type in SAME_NAMES:
        return []
    kind, required = kind_of(resource.type)[-1], _required(resource.type)
    references = [name for name in required if _is_reference(name) and not _is_own_name(name, kind)]
    if references and ADDING.search(kind):
        return []
    names = [name for name in _inputs(resource.type) if _is_own_name(name, kind) and name in resource.values]
    return names and [*names, *(name for name in references if not UTILIZED.fullmatch(name))]


def own_names(resource: Resource) -> list[str]:
    """Return the inputs with the name of a resource's own object; none for settings of other objects.

    They are `name` or named like the type: the `domainName` of a Domain, the `domain` of a DomainIdentity.
    The `role` of a RolePolicyAttachment is another object.
    """
    if object_inputs(resource):
        return []
    kind = resource.type.rpartition(":")[-1]
    is_part = ADDING.search(kind) is not None
    return [
        name
        for name in resource.values
        if _is_own_name(name, kind) or (not is_part and kind.lower().startswith(name.lower()))
    ]


def noun_of(name: str) -> str:
    """Return the noun in the name of an input that names an object, in lower case: `vault` for `vaultArn`."""
    match = REFERENCE.fullmatch(name)
    return (match[1] if match else name).lower()


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


def _object_inputs(resource: Resource) -> list[str]:
    """Return the inputs of a resource of AWS without a table that may name its object.

    A type with an ARN of its own is an object, even if it is inside of another one. If no required input
    names an object by its form, an input counts with which the name of the type begins. A setting may have
    an optional one: without it, AWS takes that of the account.
    """
    token, values, kind = resource.type, resource.values, kind_of(resource.type)[-1]
    if _has_arn(token):
        return []
    required = _required(token)
    names = [name for name in required if _is_reference(name) and not _is_own_name(name, kind)]
    if names or any(name in values for name in _inputs(token) if _is_own_name(name, kind)):
        return names
    texts = [name for name, value in values.items() if isinstance(value, str) and value != DEFAULT]
    candidates = [*required, *(name for name in texts if SETTING.search(kind) and name not in required)]
    return [name for name in candidates if _begins_type(name, kind)]


def _begins_type(name: str, kind: str) -> bool:
    """Return True if the name of a type begins with the object that an input names.

    A LogDestinationPolicy has a `destinationName`, and a CertificateAuthorityCertificate a
    `certificateAuthorityArn`.
    """
    match = REFERENCE.fullmatch(name)
    word, kind, whole = match[1].lower() if match else "", kind.lower(), SETTING.sub("", kind).lower()
    is_start = kind != word and kind.startswith(word)
    return bool(word) and (is_start or (whole != kind and whole.endswith(word)))


def _adopts(token: str) -> bool:
    """Return True for a type of AWS that takes the place of something that exists already."""
    return token in OBJECTS or schema.is_documented_to_adopt(token)


def _is_reference(name: str) -> bool:
    """Return True for the name of an input that names an object."""
    return bool(NOUN.fullmatch(name) or (REFERENCE.fullmatch(name) and not USED.fullmatch(name)))


def _is_own_name(name: str, kind: str) -> bool:
    """Return True if an input is the name of the resource's own object, such as `name`.

    It is the `domain` of a UserPoolDomain, too, but the `policy` of a QueuePolicy is no name.
    """
    match = OWN_NAME.fullmatch(name)
    word = match[1] if match else name if NOUN.fullmatch(name) else ""
    return name == "name" or (bool(word) and kind.lower().endswith(word.lower()))


def _variables(token: str) -> list[str]:
    """Return the variables in the template of a type's ID."""
    return [name for _, name, _, _ in Formatter().parse(resource_type(token).id) if name]


def _inputs(token: str) -> Mapping[str, schema.Property]:
    try:
        return schema.properties(schema.args_class(token))
    except (schema.UnknownTypeError, ValueError):
        return {}


def list_inputs(token: str) -> list[str]:
    """Return the inputs of a type that are lists."""
    return [name for name, prop in _inputs(token).items() if "a list" in schema.nouns(prop.hint)]


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
