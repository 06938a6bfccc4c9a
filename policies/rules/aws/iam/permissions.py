"""IAM rules on permissions: wildcards in actions and resources, and privilege escalation."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from pulumi_policy import Severity

from policies.engine.rule import Option, Options, Resource, Verdicts, check_each, disallowed, expected
from policies.engine.topics import IAM
from policies.model.aws.iam_documents import OF_RESOURCES, Statement, elements
from policies.model.aws.iam_policies import WITH_DOCUMENTS, documents
from policies.model.aws.patterns import is_every_arn, is_every_resource
from policies.model.checks import check_each_statement, guarded
from policies.model.property_values import Value
from policies.model.urns import project_of


def _each_allowed(resource: Resource, check: Callable[[Statement], Verdicts]) -> Verdicts:
    """Check every statement with the effect Allow separately."""

    def allowed(statement: Statement) -> Verdicts:
        if statement.allows:
            yield from check(statement)

    for document in documents(resource):
        yield from guarded(check_each_statement(document, allowed))


@IAM.rule(
    "iam-wildcard-action",
    types=WITH_DOCUMENTS,
    severity=Severity.HIGH,
    controls=("CKV_AWS_62", "CKV_AWS_63", "CIS AWS 1.16"),
    remediation="Name the actions; `*`, `service:*` and `service:*Name` grow with each new action of AWS.",
)
def wildcard_action(resource: Resource, _: Options) -> Verdicts:
    """Refuse permissions for all actions, for all actions or verbs of a service, or for all except some."""
    yield from _each_allowed(resource, _wildcards)


def _wildcards(statement: Statement) -> Verdicts:
    yield from check_each(elements(statement.value["Action"]), _wildcard)
    if not statement.value["NotAction"].absent:
        yield disallowed(statement.value["NotAction"], "name the allowed actions in Action")


def _wildcard(action: Value) -> Verdicts:
    """Report an action whose name begins with a wildcard, and which therefore includes every verb.

    `*` stands for any characters and `?` for one, so `?*` and `**` stand for all actions too (IAM User Guide,
    reference_policies_elements_action).
    """
    service, _, name = (action.text() or "").partition(":")
    if name.startswith(("*", "?")) or (service and not service.strip("*?")):
        yield expected(action, "the actions that are needed")


_LIST_ONLY = (
    "*:Describe*",
    "*:List*",
    "*:Lookup*",
    "*:Search*",
    # These read settings and metrics. Most other Get actions read data, such as objects or secrets.
    "cloudwatch:GetMetric*",
    "codebuild:BatchGetProjects",
    "codeconnections:GetConnection",
    "iam:Get*",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "s3:GetAccelerateConfiguration",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "tag:GetResources",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssociateVpcCidrBlock",
    "ecr:GetAuthorizationToken",
    "eks:CreateCluster",
    "kms:CreateKey",
    "logs:CreateLogDelivery",
    "logs:CreateLogGroup",
    "logs:DeleteLogDelivery",
    "logs:GetQueryResults",
    "logs:StopQuery",
    "sts:GetCallerIdentity",
    "xray:Put*",
    "cloudwatch:PutMetricData",
)

_OF_ANY_REQUEST = (
    "codebuild:(buildarn|projectarn)",
    "ec2:(region|roledelivery|sourceinstancearn)",
    "glue:(credentialissuingservice|roleassumedby)",
    "identitystore:userid",
    "kms:calleraccount",
    "lambda:sourcefunctionarn",
    "s3:(authtype|dataaccesspointaccount|resourceaccount|signatureversion)",
    "saml:.+",
    "ssm:sourceinstancearn",
    "sts:(externalid|rolesessionname|sourceidentity)",
)
"""Condition keys of services that describe a role's session, the account of a resource, or how a request is
sent, or whose value a caller of sts:AssumeRole chooses.

Sources: IAM User Guide, reference_policies_condition-keys, "Properties of a role session", and
reference_policies_iam-condition-keys; Service Authorization Reference, Amazon S3 and AWS KMS."""

_LIMITING = re.compile(
    rf"\A(?:{OF_RESOURCES}|aws:requesttag/.+|(?!aws:|{'|'.join(_OF_ANY_REQUEST)})[a-z0-9-]+:.+)"
)
"""Condition keys that limit the resources of a statement, or what a request creates or passes."""


@IAM.rule(
    "iam-wildcard-resource",
    types=WITH_DOCUMENTS,
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_355", "CKV_AWS_290", "CKV_AWS_288"),
    remediation=(
        "Name the resources, or add a condition on a tag of the resource or on a key of the service; only "
        "actions without resource-level permissions need `*`."
    ),
    options={
        "unrestrictable": Option(
            default=list(_LIST_ONLY),
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": (
                    "Patterns of actions that may use the resource `*`: they have no resource-level "
                    "permissions, or read no data."
                ),
            },
        )
    },
)
def wildcard_resource(resource: Resource, options: Options) -> Verdicts:
    """Refuse the resource `*` for actions with resource-level permissions, unless a condition limits them."""
    patterns = [str(pattern).lower() for pattern in options["unrestrictable"]]

    def check(statement: Statement) -> Verdicts:
        narrow = [
            name
            for name in statement.actions
            if not any(fnmatchcase(name.lower(), known) for known in patterns)
        ]
        if not narrow or statement.narrowed_by(_LIMITING):
            return
        if not (inverted := statement.value["NotResource"]).absent:
            yield disallowed(inverted, "name the allowed resources in Resource, or add a condition")
        if everything := [
            item for item in elements(statement.value["Resource"]) if is_every_arn(item.text() or "")
        ]:
            [value, *_] = everything
            named = "its actions" if statement.value.secret else narrow[0]
            yield expected(value, f"the resources of {named}, or add a condition")

    yield from _each_allowed(resource, check)


_ESCALATIONS = (
    # permissions and credentials of users, groups and roles
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:CreateServiceSpecificCredential",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:ResetServiceSpecificCredential",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "iam:UploadSSHPublicKey",
    # the limit of permissions
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PutRolePermissionsBoundary",
    "iam:PutUserPermissionsBoundary",
    # whom the roles of a federation trust
    "iam:UpdateOpenIDConnectProviderThumbprint",
    "iam:UpdateSAMLProvider",
    # roles
    "iam:PassRole",
    "sts:AssumeRole",
    # permissions in IAM Identity Center
    "identitystore:CreateGroupMembership",
    "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
    "sso:AttachManagedPolicyToPermissionSet",
    "sso:CreateAccountAssignment",
    "sso:DeletePermissionsBoundaryFromPermissionSet",
    "sso:PutInlinePolicyToPermissionSet",
    # permissions in a cluster, whose pods have roles
    "eks:AssociateAccessPolicy",
    "eks:CreateAccessEntry",
    "eks:UpdateAccessEntry",
    # code or commands that run with a role which they have already
    "apprunner:UpdateService",
    "batch:SubmitJob",
    "bedrock-agentcore:InvokeAgentRuntimeCommand",
    "bedrock-agentcore:InvokeCodeInterpreter",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:UpdateStack",
    "codebuild:StartBuild",
    "codebuild:StartBuildBatch",
    "codebuild:UpdateProject",
    "codedeploy:CreateDeployment",
    "ec2-instance-connect:SendSSHPublicKey",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:ModifyInstanceAttribute",
    "ecs:ExecuteCommand",
    "glue:UpdateDevEndpoint",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "sagemaker:CreatePresignedNotebookInstanceUrl",
    "sagemaker:UpdateNotebookInstance",
    "ssm:CreateAssociation",
    "ssm:ResumeSession",
    "ssm:SendCommand",
    "ssm:StartAutomationExecution",
    "ssm:StartSession",
)
"""Actions that each give a principal the permissions of others.

The list has one action of a combination: iam:PassRole of those with an action that runs code, and the action
that changes the code of those with one that starts it. Another policy of the same principal may allow the
rest. It omits actions that need more of the victim, such as iam:UpdateAccessKey an old key, and
lambda:AddPermission, which gives the use of a function but not its permissions.

Sources: Rhino Security Labs, "AWS IAM privilege escalation: methods and mitigation"; Datadog,
pathfinding.cloud (DataDog/pathfinding.cloud, data/paths/aws); salesforce/cloudsplaining,
cloudsplaining/shared/constants.py (PRIVILEGE_ESCALATION_METHODS); HackTricks Cloud, "AWS - Privilege
Escalation", the pages on IAM, SSM, EKS, and SSO and identity store; IAM User Guide,
access_policies_boundaries, "Delegating responsibility to others using permissions boundaries"."""

_ESCALATION_LIMITS = re.compile(
    rf"\A(?:{OF_RESOURCES}|iam:(associatedresourcearn|passedtoservice|permissionsboundary|policyarn))"
)
"""Condition keys that limit whose permissions a principal can gain.

The caller chooses the values of most other keys, such as the tags in a request (IAM User Guide,
reference_policies_iam-condition-keys)."""


@IAM.rule(
    "iam-privilege-escalation",
    types=WITH_DOCUMENTS,
    severity=Severity.HIGH,
    controls=("CKV_AWS_286",),
    remediation=(
        "Name the users, roles, policies, functions and instances, or add a condition on aws:ResourceTag, "
        "iam:PassedToService, iam:AssociatedResourceArn, iam:PolicyARN or iam:PermissionsBoundary."
    ),
    url="https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/",
)
def privilege_escalation(resource: Resource, _: Options) -> Verdicts:
    """Refuse permissions with which a principal can gain those of every other user, role or function.

    A wildcard after the name of the project, such as role/shop-*, is not narrower: it includes the roles of
    operators and of other stacks.
    """
    project = project_of(resource.urn)
    for document in documents(resource):
        yield from guarded(_escalations(document, project))


def _escalations(document: Value, project: str) -> Verdicts:
    def check(statement: Statement) -> Verdicts:
        if not statement.allows:
            return
        action = next((action for action in _ESCALATIONS if statement.covers(action)), "")
        if not action:
            return
        # NotResource stands for all other resources, also those that are new.
        inverted = statement.value["NotResource"]
        if not inverted.absent and not statement.narrowed_by(_ESCALATION_LIMITS):
            yield disallowed(inverted, "name the allowed resources in Resource, or add a condition")
        for value in _unlimited(statement.value["Resource"], project):
            if not statement.narrowed_by(_ESCALATION_LIMITS):
                named = "these actions" if document.secret else action
                yield expected(value, f"the resources of {named}")

    yield from check_each_statement(document, check)


def _unlimited(resource: Value, project: str) -> Iterator[Value]:
    """Yield the first pattern that matches every resource of a kind, or those of a project."""
    for value in elements(resource):
        if is_every_resource(value.text() or "", project):
            yield value
            return
