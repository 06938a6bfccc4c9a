"""New settings of objects that belong to no resource of the stack, such as a policy of a foreign bucket."""

import re
from collections.abc import Iterator, Sequence
from string import Formatter

from review.findings.shared_objects import INVENTED
from review.model import Finding, list_first
from review.stacks.object_kinds import kind_of
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.stacks.value_parts import leaves
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.wire import schema

SETTING = re.compile(
    r"(Acl|Block|Configuration|Controls|Encryption|Lock|Logging|Notifications?|Policy|Rotation|Versioning)"
    r"([vV]\d+)?$"
)
"""Ends of the types without a table of which an object has one: a policy, a configuration."""

NOUN = re.compile(r"arn|bucket|tableBucketArn|function|group|key|queue|repository|role|topic|user|vault")
"""Names of required inputs that name an object by its kind alone (pulumi-aws)."""

REFERENCE = re.compile(r"(?!policy|.*[rR]oleArn$)(\w+)(Arn|Id|Name|Url)")
"""Names of required inputs that name an object, but not the role with whose permissions AWS acts."""

OWN_NAME = re.compile(r"(\w+)(Name|Identifier)")
"""Names of inputs that name the setting itself, if its type ends with the first part."""

OVERWRITTEN = {
    "aws:iam/rolePolicy:RolePolicy": "role",
    "aws:iam/userPolicy:UserPolicy": "user",
    "aws:iam/groupPolicy:GroupPolicy": "group",
    "aws:cloudwatch/eventTarget:EventTarget": "rule",
}
"""Types of which an object has several, by name, and their inputs with the object. AWS replaces an existing
one of the same name (IAM API, PutRolePolicy, PutUserPolicy, PutGroupPolicy; PutTargets:
https://docs.amazonaws.cn/eventbridge/latest/APIReference/API_PutTargets.html).
"""

OF_ACCOUNT = frozenset(
    {
        "aws:apigateway/account:Account",
        "aws:backup/globalSettings:GlobalSettings",
        "aws:backup/regionSettings:RegionSettings",
        "aws:ebs/defaultKmsKey:DefaultKmsKey",
        "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
        "aws:ec2/allowedImagesSettings:AllowedImagesSettings",
        "aws:ec2/defaultCreditSpecification:DefaultCreditSpecification",
        "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults",
        "aws:ec2/serialConsoleAccess:SerialConsoleAccess",
        "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions",
        "aws:ecr/accountSetting:AccountSetting",
        "aws:ecr/registryPolicy:RegistryPolicy",
        "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        "aws:ecs/accountSettingDefault:AccountSettingDefault",
        "aws:emr/blockPublicAccessConfiguration:BlockPublicAccessConfiguration",
        "aws:glue/dataCatalogEncryptionSettings:DataCatalogEncryptionSettings",
        "aws:glue/resourcePolicy:ResourcePolicy",
        "aws:iam/accountAlias:AccountAlias",
        "aws:iam/securityTokenServicePreferences:SecurityTokenServicePreferences",
        "aws:lakeformation/dataLakeSettings:DataLakeSettings",
        "aws:sesv2/accountSuppressionAttributes:AccountSuppressionAttributes",
        "aws:sesv2/accountVdmAttributes:AccountVdmAttributes",
        "aws:sns/smsPreferences:SmsPreferences",
        "aws:ssm/serviceSetting:ServiceSetting",
        "aws:xray/encryptionConfig:EncryptionConfig",
    }
)
"""Types without a table that are settings of the whole account, often in one region (pulumi-aws)."""

TAGS = "outputs.tags"
"""Start of the paths of outputs with tags, which may be those of the provider."""

ENVIRONMENT = frozenset({"account", "region"})
"""Variables of an ID that the environment determines, in place of an input."""

REMEDY = "Declare the setting in the stack that has the object"


def find_foreign_objects(stack: Stack, unevaluated: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each new setting of such an object, and a finding, which blocks.

    An object has one policy, for example. So a new one takes the place of the policy that another stack or a
    person has set, and no report on that stack shows it. `unevaluated` has the other stacks of the account
    that the review does not evaluate: they may have the settings of the whole account.
    """
    if not stack.predicted or stack.base_failed:
        return
    for step in stack.steps.values():
        new = step.new
        if not new or new.package != "aws" or new.is_component or step.op not in ("create", "replace"):
            continue
        if _is_of_account(new) and step.op == "create":
            if unevaluated:
                message = (
                    f"it is a setting of the whole account, which {list_first(unevaluated)} may set as well; "
                    "this review does not evaluate that stack"
                )
                yield new.urn, stack.blocking_finding("object-shared", new, message, REMEDY)
            continue
        name = _object_input(new)
        value = new.values.get(name)
        is_changed = not step.old or step.old.values.get(name) != value
        if isinstance(value, str) and is_changed and not _has_object(stack, new, name, value):
            message = (
                f"{name}: no resource of this stack is {new.inputs[name]}; if another stack or a person "
                "has set this for the object, the new resource replaces it"
            )
            yield new.urn, stack.blocking_finding("object-shared", new, message, REMEDY)


def _is_of_account(resource: Resource) -> bool:
    """Return True for a setting of the whole account."""
    is_one = is_described(resource.type) and _variables(resource) <= ENVIRONMENT
    return is_one or resource.type in OF_ACCOUNT


def _variables(resource: Resource) -> set[str]:
    """Return the variables in the template of a type's ID."""
    return {name for _, name, _, _ in Formatter().parse(resource_type(resource.type).id) if name}


def _object_input(resource: Resource) -> str:
    """Return the input that names the object of a setting; empty for other resources."""
    if resource.type in OVERWRITTEN:
        return OVERWRITTEN[resource.type]
    if is_described(resource.type):
        facts = resource_type(resource.type)
        [name, *others] = _variables(resource) or {""}
        is_setting = facts.id == f"{{{name}}}" and name != facts.name and not others
        return name if is_setting else ""
    if not SETTING.search(resource.type):
        return ""
    try:
        inputs = schema.properties(schema.args_class(resource.type))
    except (schema.UnknownTypeError, ValueError):
        return ""
    is_named = any(_is_own_name(name, resource) for name in inputs)
    required = [name for name, prop in inputs.items() if prop.required]
    # An object may have several settings with names, such as the policies of an autoscaling group.
    is_object = NOUN.fullmatch if is_named else re.compile(f"{NOUN.pattern}|{REFERENCE.pattern}").fullmatch
    return next(filter(is_object, required), "")


def _is_own_name(name: str, resource: Resource) -> bool:
    """Return True if an input is the name of the resource's own object, such as `name`."""
    kind = kind_of(resource.type)[-1].lower()
    match = OWN_NAME.fullmatch(name)
    return name == "name" or bool(match and kind.endswith(match[1].lower()))


def _has_object(stack: Stack, setting: Resource, name: str, value: str) -> bool:
    """Return True if a resource of the stack is the object that a setting names.

    Outputs repeat the inputs, which may be any text: a tag may have the name of a foreign bucket, and so may
    a log group. So only the ID or the name of a resource of the right kind counts, and what AWS determines
    for such a resource, or for another one on which the input depends.
    """
    sources = setting.property_dependencies.get(name, ())
    for resource in stack.new.values():
        if resource is setting or resource.package != "aws" or resource.is_component:
            continue
        if resource.state.get("external"):
            continue
        names = (resource.state.get("id"), resource.values.get(resource_type(resource.type).name))
        is_object = _is_object_kind(resource, setting, name)
        if is_object and value in names:
            return True
        if (is_object or resource.urn in sources) and value in _determined_texts(resource):
            return True
    return False


def _is_object_kind(resource: Resource, setting: Resource, name: str) -> bool:
    """Return True if a resource is of the kind of object that a setting has in an input.

    The name of its type begins like that of the setting or of the input: a Bucket has a BucketPolicy, and a
    Repository the LifecyclePolicy with the input `repository`. Or it ends like the input: an EventRule is
    the `rule` of an EventTarget.
    """
    _, module, kind = kind_of(setting.type)
    _, own_module, own_kind = kind_of(resource.type)
    begins_alike = kind.startswith(own_kind) or name.lower().startswith(own_kind.lower())
    ends_alike = own_kind.lower().endswith(name.lower())
    return own_module == module and own_kind != kind and (begins_alike or ends_alike)


def _determined_texts(resource: Resource) -> set[str]:
    """Return the texts in the ID and the outputs that AWS, or its prediction, determines.

    Inputs are not among them, nor an ID that is made of inputs, such as that of an EventTarget.
    """
    texts = {text for path, text in resource.texts if not path.startswith(TAGS)}
    if not INVENTED.search(resource_type(resource.type).id):
        texts.discard(str(resource.state.get("id") or ""))
    return texts.difference(
        value
        for name, content in resource.values.items()
        for _, value in leaves(name, content)
        if isinstance(value, str)
    )
