"""Steps that lead from one IAM identity to another one, or to the whole account.

The methods are those of "AWS IAM privilege escalation methods" and of PMapper's edges (on GitHub:
RhinoSecurityLabs/AWS-IAM-Privilege-Escalation; nccgroup/PMapper, principalmapper/graphing).
"""

from collections.abc import Iterator

from sandbox.iam.evaluation import ABSENT, CHOSEN, Caller, ContextValue
from tools.iam.model import Hold, Principal, Step, World
from tools.iam.permissions import Need, concrete_arns, is_allowed, trusts

ESCALATION = "RhinoSecurityLabs/AWS-IAM-Privilege-Escalation"
EVALUATION = "IAM user guide, policy evaluation logic"
PASS_ROLE = "IAM user guide, granting a user permissions to pass a role to an AWS service"


def assume_roles(world: World) -> Iterator[Step]:
    """Yield a step for each role that a role or user may assume."""
    for role in world.roles():
        for principal in world.principals.values():
            context: dict[str, ContextValue] = {
                "aws:principalarn": principal.arn,
                "aws:principalaccount": principal.account,
                "aws:multifactorauthpresent": "false" if principal.trust is not None else CHOSEN,
                "aws:sourcearn": ABSENT,
                "aws:sourceaccount": ABSENT,
            }
            caller = world.caller(principal, "sts:AssumeRole")
            if principal is not role and trusts(world, role, caller, context):
                yield _act(principal, role, "sts:AssumeRole", EVALUATION)


def change_trust(world: World) -> Iterator[Step]:
    """Yield a step for each role whose trust policy a principal may replace; it can then trust anybody."""
    for principal, role in _pairs(world):
        if _may(world, principal, "iam:UpdateAssumeRolePolicy", role.arn):
            yield _act(principal, role, "iam:UpdateAssumeRolePolicy", ESCALATION)


def rewrite_permissions(world: World) -> Iterator[Step]:
    """Yield a step for each role or user whose policies a principal may extend.

    AttachRolePolicy counts even if a condition limits the policies, since a permitted policy may be enough.
    """
    for principal in world.principals.values():
        for target in world.principals.values():
            if target.account != principal.account:
                continue
            kind = "Role" if target.trust is not None else "User"
            on_target = (f"iam:Put{kind}Policy", f"iam:Attach{kind}Policy")
            means = [action for action in on_target if _may(world, principal, action, target.arn)]
            means += [
                action
                for action in ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
                for policy in target.policies
                if _may(world, principal, action, policy)
            ]
            if means:
                premise = frozenset((Hold("act as", principal.arn),))
                yield Step(premise, Hold("rewrite", target.arn), means[0], ESCALATION)


def create_entities(world: World) -> Iterator[Step]:
    """Yield a step to the whole account for each principal that may create a role or user with any policy."""
    recipes = (
        ("role", ("iam:CreateRole",), ("iam:PutRolePolicy", "iam:AttachRolePolicy")),
        ("user", ("iam:CreateUser", "iam:CreateAccessKey"), ("iam:PutUserPolicy", "iam:AttachUserPolicy")),
    )
    for principal in world.principals.values():
        for kind, create, grant in recipes:
            for arn in concrete_arns(principal, kind):
                creates = all(_may(world, principal, action, arn) for action in create)
                means = [action for action in grant if creates and _may(world, principal, action, arn)]
                if means:
                    premise = frozenset((Hold("act as", principal.arn),))
                    gain = Hold("administer", principal.account)
                    yield Step(premise, gain, f"{create[0]}, {means[0]}", ESCALATION)
                    break


def take_over_users(world: World) -> Iterator[Step]:
    """Yield a step for each user for whom a principal may create an access key, or set a password."""
    for principal, user in _pairs(world, users=True):
        for action in ("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"):
            if _may(world, principal, action, user.arn):
                yield _act(principal, user, action, ESCALATION)
                break


def use_rewritten_roles(world: World) -> Iterator[Step]:
    """Yield a step to the whole account for each principal whose permissions the attacker rewrites."""
    for principal in world.principals.values():
        powers = frozenset((Hold("act as", principal.arn), Hold("rewrite", principal.arn)))
        yield Step(powers, Hold("administer", principal.account), "extended permissions", ESCALATION)


def administer_accounts(world: World) -> Iterator[Step]:
    """Yield the steps of an account's administrator to each principal and each resource of the account."""
    for principal in world.principals.values():
        account = frozenset((Hold("administer", principal.account),))
        yield Step(account, Hold("act as", principal.arn), "as administrator", EVALUATION)
    for resource in world.resources.values():
        account = frozenset((Hold("administer", resource.account),))
        for verb in ("control", "read", "write", "destroy"):
            if verb != "destroy" or not resource.locked:
                yield Step(account, Hold(verb, resource.id), "as administrator", EVALUATION)


STARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "backup": (
        ("backup:CreateBackupSelection",),
        ("backup:StartBackupJob",),
        ("backup:StartCopyJob",),
        ("backup:StartRestoreJob",),
    ),
    "cloudformation": (("cloudformation:CreateStack",), ("cloudformation:UpdateStack",)),
    "codebuild": (("codebuild:CreateProject",), ("codebuild:UpdateProject",)),
    "ec2": (("ec2:RunInstances",), ("ec2:AssociateIamInstanceProfile",)),
    "ecs-tasks": (("ecs:RegisterTaskDefinition", "ecs:RunTask"),),
    "eks": (("eks:CreateCluster",),),
    "events": (("events:PutTargets",),),
    "glue": (("glue:CreateJob",), ("glue:CreateDevEndpoint",)),
    "lambda": (("lambda:CreateFunction",), ("lambda:UpdateFunctionConfiguration",)),
    "monitoring.rds": (("rds:CreateDBInstance",), ("rds:ModifyDBInstance",)),
    "pods.eks": (("eks:CreatePodIdentityAssociation",), ("eks:UpdatePodIdentityAssociation",)),
    "s3": (("s3:PutReplicationConfiguration",),),
    "scheduler": (("scheduler:CreateSchedule",),),
    "sagemaker": (("sagemaker:CreateNotebookInstance",), ("sagemaker:CreateTrainingJob",)),
    "ssm": (("ssm:StartAutomationExecution",),),
    "states": (("states:CreateStateMachine",),),
    "vpc-flow-logs": (("ec2:CreateFlowLogs",),),
}
"""Alternative sets of actions that make a service work with a passed role, by the service's name."""


def pass_roles(world: World) -> Iterator[Step]:
    """Yield a step for each role that a principal may pass to a service and make the service use.

    The principal then counts as acting as the role, although some services use a role in one way only. An
    action counts as allowed if it is allowed on any resource that the principal's policies name. For a
    service that STARTS lacks, no action is needed, so the search overestimates the principal.
    """
    for principal, role in _pairs(world):
        for service in _trusted_services(role):
            context: dict[str, ContextValue] = {"iam:passedtoservice": f"{service}.amazonaws.com"}
            passing = Need(action="iam:PassRole", arn=role.arn, account=role.account, context=context)
            sender = Caller(kind="Service", identifier=f"{service}.amazonaws.com", account="")
            service_context: dict[str, ContextValue] = {"aws:sourceaccount": role.account}
            if not is_allowed(world, principal, passing) or not trusts(world, role, sender, service_context):
                continue
            for actions in STARTS.get(service, ((),)):
                if all(_may_anywhere(world, principal, action) for action in actions):
                    means = ", ".join((f"iam:PassRole to {service}", *actions))
                    yield _act(principal, role, means, PASS_ROLE)
                    break


def _trusted_services(role: Principal) -> list[str]:
    names = {
        name for statement in role.trust or () for kind, name in statement.principals if kind == "Service"
    }
    return sorted(name.removesuffix(".amazonaws.com") for name in names)


def _pairs(world: World, *, users: bool = False) -> Iterator[tuple[Principal, Principal]]:
    """Yield each principal with each other role, or user, of its account."""
    for principal in world.principals.values():
        for target in world.principals.values():
            is_user = target.trust is None
            if target is not principal and target.account == principal.account and is_user == users:
                yield principal, target


def _act(principal: Principal, target: Principal, means: str, source: str) -> Step:
    return Step(frozenset((Hold("act as", principal.arn),)), Hold("act as", target.arn), means, source)


def _may(world: World, principal: Principal, action: str, arn: str) -> bool:
    return is_allowed(world, principal, Need(action=action, arn=arn, account=principal.account))


def _may_anywhere(world: World, principal: Principal, action: str) -> bool:
    """Return True if a principal may perform an action on some resource of its account."""
    caller = world.caller(principal, action)
    patterns = {
        pattern
        for statement in caller.identity
        if statement.effect == "Allow"
        for pattern in (("*",) if statement.excludes_resources else statement.resources)
    }
    return any(_may(world, principal, action, pattern.replace("*", "new-entity")) for pattern in patterns)
