"""KMS and IAM: keys rotate, and nobody may do more than is named."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from pulumi_policy import Severity

from policies.documents import Statement, statements
from policies.rule import Option, Options, Resource, Topic, Unknown, Verdicts, unwanted, wrong
from policies.unknowns import UnknownValueError, Value

IAM = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "iam"),
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
)
KEY = "aws:kms/key:Key"
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
ROLE = "aws:iam/role:Role"
POLICIES = frozenset(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in ("Policy", "RolePolicy", "UserPolicy", "GroupPolicy")
)


@IAM.rule(
    "kms-key-not-rotated",
    types=(KEY,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_7", "CIS AWS 3.6"),
    remediation="Set enableKeyRotation to true.",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
)
def rotation(resource: Resource, _: Options) -> Verdicts:
    """A symmetric KMS key is rotated every year."""
    spec = resource["customerMasterKeySpec"].text() or "SYMMETRIC_DEFAULT"
    usage = resource["keyUsage"].text() or "ENCRYPT_DECRYPT"
    value = resource["enableKeyRotation"]
    if spec == "SYMMETRIC_DEFAULT" and usage == "ENCRYPT_DECRYPT" and value.flag() is not True:
        yield wrong(value, "true")


_BOUND = (
    "kms:calleraccount",
    "kms:viaservice",
    "aws:principalorgid",
    "aws:principalaccount",
    "aws:sourceaccount",
)


@IAM.rule(
    "kms-key-any-principal",
    types=(KEY, KEY_POLICY),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_33",),
    remediation="Name the account or roles, or add a condition on kms:CallerAccount.",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html",
)
def key_principals(resource: Resource, _: Options) -> Verdicts:
    """No key policy lets everybody use a key."""
    for found in statements(resource["policy"]):
        bound = any(condition.key in _BOUND for condition in found.conditions)
        if found.allows and found.everybody and not bound:
            yield unwanted(found.value["Principal"], "name the account or roles that use the key")


def documents(resource: Resource) -> list[Value]:
    """The policy documents of an IAM resource, without trust policies."""
    if resource.type == ROLE:
        return [item["policy"] for item in resource["inlinePolicies"].items()]
    return [resource["policy"]]


def _allowed(resource: Resource) -> Iterable[Statement]:
    for document in documents(resource):
        yield from (found for found in statements(document) if found.allows)


@IAM.rule(
    "iam-wildcard-action",
    types=POLICIES | {ROLE},
    severity=Severity.HIGH,
    controls=("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_289", "CIS AWS 1.16"),
    remediation="Name the actions; `*` and `service:*` grow with everything that AWS adds.",
)
def wildcard_action(resource: Resource, _: Options) -> Verdicts:
    """No policy allows all actions, or all of a service."""
    for found in _allowed(resource):
        for value in _elements(found.value["Action"]):
            text = value.text() or ""
            if text == "*" or text.endswith(":*"):
                yield wrong(value, "the actions that are needed")
        if not found.value["NotAction"].absent:
            yield unwanted(found.value["NotAction"], "name the allowed actions in Action")


def _elements(value: Value) -> list[Value]:
    return value.items() or ([] if value.absent else [value])


_LIST_ONLY = (
    "*:Describe*",
    "*:Get*",
    "*:List*",
    "*:BatchGet*",
    "*:Lookup*",
    "*:Search*",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssociateVpcCidrBlock",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:CreateLogGroup",
    "logs:DeleteLogDelivery",
    "sts:GetCallerIdentity",
    "xray:Put*",
    "cloudwatch:PutMetricData",
)


@IAM.rule(
    "iam-wildcard-resource",
    types=POLICIES | {ROLE},
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_355", "CKV_AWS_290", "CKV_AWS_288"),
    remediation="Name the resources, or add a condition; only actions that know no resource need `*`.",
    options={
        "unrestrictable": Option(
            default=list(_LIST_ONLY),
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Patterns of actions that may go with every resource.",
            },
        )
    },
)
def wildcard_resource(resource: Resource, options: Options) -> Verdicts:
    """No policy allows an action on every resource that could name its resources."""
    patterns = [str(pattern).lower() for pattern in options["unrestrictable"]]
    for found in _allowed(resource):
        narrow = [
            name for name in found.actions if not any(fnmatchcase(name.lower(), each) for each in patterns)
        ]
        if "*" in found.resources and narrow and not found.conditions:
            value = next(item for item in _elements(found.value["Resource"]) if item.text() == "*")
            yield wrong(value, f"the resources of {narrow[0]}, or add a condition")


@IAM.rule(
    "iam-administrator-attached",
    types=(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        ROLE,
    ),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_274", "CIS AWS 1.16"),
    remediation="Attach a policy that names what is needed.",
)
def administrator(resource: Resource, _: Options) -> Verdicts:
    """Nobody is given AdministratorAccess."""
    values = resource["managedPolicyArns"].items() if resource.type == ROLE else [resource["policyArn"]]
    for value in values:
        if (value.text() or "").endswith(":policy/AdministratorAccess"):
            yield wrong(value, "a policy that names what is needed")


@IAM.rule(
    "iam-policy-on-user",
    types=("aws:iam/userPolicy:UserPolicy", "aws:iam/userPolicyAttachment:UserPolicyAttachment"),
    severity=Severity.LOW,
    controls=("CKV_AWS_40", "CIS AWS 1.15"),
    remediation="Attach the policy to a role or a group.",
)
def on_user(resource: Resource, _: Options) -> Verdicts:
    """Permissions belong to roles and groups, not to users."""
    yield unwanted(resource["user"], "attach the policy to a role or a group")


@IAM.rule(
    "iam-trust-without-condition",
    types=(ROLE,),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_358", "CIS AWS 1.20"),
    remediation="Bind the trust: `sub` and `aud` for a federation, the account or an external id for others.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html",
)
def trust(resource: Resource, _: Options) -> Verdicts:
    """No role trusts everybody, or everybody of a federation."""
    for found in statements(resource["assumeRolePolicy"]):
        if not found.allows:
            continue
        try:
            yield from _trust(found)
        except UnknownValueError as unknown:
            yield Unknown(unknown.path)


def _trust(found: Statement) -> Verdicts:
    conditions = found.value["Condition"]
    keys = {condition.key: condition for condition in found.conditions}
    federated = any(kind == "Federated" for kind, _ in found.principals) and found.covers(
        "sts:AssumeRoleWithWebIdentity"
    )
    if federated:
        for claim in ("sub", "aud"):
            bound = [condition for key, condition in keys.items() if key.endswith(f":{claim}")]
            if not bound:
                yield wrong(conditions, f"a condition on the claim {claim}")
            elif any(value.strip("*:") in ("", "repo") for condition in bound for value in condition.values):
                yield wrong(conditions, f"a condition that names the {claim}, not every one")
    elif found.everybody and not found.conditions:
        yield unwanted(found.value["Principal"], "name the principals, or add a condition")
