"""IAM: nobody may do more than is named."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from pulumi_policy import Severity

from policies.documents import Statement
from policies.rule import (
    Option,
    Options,
    Resource,
    Topic,
    Verdicts,
    unwanted,
    wrong,
)
from policies.rules.checks import each_statement, guarded
from policies.unknowns import Value

IAM = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "iam"),
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
)


ROLE = "aws:iam/role:Role"


POLICIES = frozenset(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in ("Policy", "RolePolicy", "UserPolicy", "GroupPolicy")
)


def documents(resource: Resource) -> list[Value]:
    """The policy documents of an IAM resource, without trust policies."""
    if resource.type == ROLE:
        return [item["policy"] for item in resource["inlinePolicies"].items()]
    return [resource["policy"]]


def _each_allowed(resource: Resource, check: Callable[[Statement], Verdicts]) -> Verdicts:
    """Judges every statement that allows something on its own."""

    def allowed(found: Statement) -> Verdicts:
        if found.allows:
            yield from check(found)

    for document in documents(resource):
        yield from guarded(each_statement(document, allowed))


@IAM.rule(
    "iam-wildcard-action",
    types=POLICIES | {ROLE},
    severity=Severity.HIGH,
    controls=("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_289", "CIS AWS 1.16"),
    remediation="Name the actions; `*` and `service:*` grow with everything that AWS adds.",
)
def wildcard_action(resource: Resource, _: Options) -> Verdicts:
    """No policy allows all actions, or all of a service."""
    yield from _each_allowed(resource, _wildcards)


def _wildcards(found: Statement) -> Verdicts:
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

    def check(found: Statement) -> Verdicts:
        narrow = [
            name for name in found.actions if not any(fnmatchcase(name.lower(), each) for each in patterns)
        ]
        if "*" in found.resources and narrow and not found.conditions:
            value = next(item for item in _elements(found.value["Resource"]) if item.text() == "*")
            yield wrong(value, f"the resources of {narrow[0]}, or add a condition")

    yield from _each_allowed(resource, check)


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
    yield from each_statement(resource["assumeRolePolicy"], _trust)


def _trust(found: Statement) -> Verdicts:
    if not found.allows:
        return
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
