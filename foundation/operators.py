"""The IAM role with which people administer an environment."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document
from components.common.naming import Naming
from foundation.permissions.diagnosis import diagnose
from foundation.permissions.protection import protect_foundation
from foundation.permissions.recovery import recover_database
from foundation.permissions.scope import Scope
from foundation.permissions.state import State, write_state
from foundation.permissions.teardown import destroy_stack


@dataclass(frozen=True, kw_only=True)
class OperatorsArgs:
    """Arguments of Operators."""

    principals: Sequence[str]
    """ARNs of the IAM roles and users that may assume the role."""
    read_policy_arn: pulumi.Input[str]
    """ARN of the managed policy that allows reading settings, but no data."""
    state: State
    """State of the account's stacks."""
    scope: Scope | None
    """Environment whose stack the role may destroy; None in an account without a stack."""
    naming: Naming


class Operators(pulumi.ComponentResource):
    """The role `pipe-<environment>-operators`, which a stack file names in `pipe:cluster.operators`.

    The role's permissions in a cluster come from the cluster's access entry for it. In AWS, the role may read
    settings and logs, recover the database, and destroy the environment's stack, which no role of GitHub can
    complete.
    """

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: OperatorsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:Operators", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        naming = args.naming
        role_name = naming.name("operators")
        role = aws.iam.Role(
            name,
            name=role_name,
            description=f"Administers {naming.environment}; assumed by people",
            assume_role_policy=document(*trust(args.principals)),
            # A working day, since a restore or an incident can take longer than the default session of one
            # hour.
            max_session_duration=8 * 3600,
            tags={**naming.aws(), "Name": role_name},
            opts=child,
        )
        policies = {"read": args.read_policy_arn}
        for topic, statements in operate(args.scope, args.state).items() if args.scope else ():
            policies[topic] = aws.iam.Policy(
                f"{name}-{topic}",
                name=f"{role_name}-{topic}",
                description=f"The role operators: {topic}",
                policy=document(*statements),
                tags={**naming.aws(), "Name": f"{role_name}-{topic}"},
                opts=child,
            ).arn
        for topic, policy_arn in policies.items():
            aws.iam.RolePolicyAttachment(f"{name}-{topic}", role=role.name, policy_arn=policy_arn, opts=child)
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})


def operate(scope: Scope, state: State) -> dict[str, list[Statement]]:
    """Return the statements of an environment's operators role by topic; each topic gets its own policy."""
    return {
        "state": write_state(state, scope.naming.environment),
        "teardown": destroy_stack(scope),
        "database": recover_database(scope),
        "diagnosis": diagnose(scope),
        "protection": protect_foundation(scope, state),
    }


def trust(principals: Sequence[str]) -> list[Statement]:
    """Return statements that trust these IAM users with MFA, these roles, and nobody else.

    The session of a role lacks the key `aws:MultiFactorAuthPresent`, so the trust policy of that role must
    require MFA (IAM user guide, AWS global condition context keys).
    """
    users = [arn for arn in principals if ":user/" in arn]
    roles = [arn for arn in principals if arn not in users]
    with_mfa = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    trusted: list[Statement] = [
        {"Effect": "Allow", "Principal": {"AWS": arns}, "Action": "sts:AssumeRole", **condition}
        for arns, condition in ((users, with_mfa), (roles, {}))
        if arns
    ]
    return trusted
