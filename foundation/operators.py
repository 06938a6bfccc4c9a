"""The IAM role with which people administer an environment."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document
from components.common.naming import Naming
from foundation.permissions.state import State, read_state


@dataclass(frozen=True, kw_only=True)
class OperatorsArgs:
    """Arguments of Operators."""

    principals: Sequence[str]
    """ARNs of the IAM roles and users that may assume the role."""
    read_policy_arn: pulumi.Input[str]
    """ARN of the managed policy that allows reading settings, but no data."""
    state: State | None
    """State with the stack that the role reads; None in an account without environments."""
    naming: Naming


class Operators(pulumi.ComponentResource):
    """The role `pipe-<environment>-operators`, which a stack file names in `pipe:cluster.operators`.

    The role's permissions in a cluster come from the cluster's access entry for it. In AWS, the role may read
    settings and the state of the stack, like the preview role.
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
            assume_role_policy=document(trust(args.principals)),
            # A working day, since a restore or an incident can take longer than the default session of one
            # hour.
            max_session_duration=8 * 3600,
            tags={**naming.aws(), "Name": role_name},
            opts=child,
        )
        policies = {"read": args.read_policy_arn}
        if args.state:
            policies["state"] = aws.iam.Policy(
                f"{name}-state",
                name=f"{role_name}-state",
                description="The role operators: state",
                policy=document(*read_state(args.state, naming.environment)),
                tags={**naming.aws(), "Name": f"{role_name}-state"},
                opts=child,
            ).arn
        for topic, policy_arn in policies.items():
            aws.iam.RolePolicyAttachment(f"{name}-{topic}", role=role.name, policy_arn=policy_arn, opts=child)
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})


def trust(principals: Sequence[str]) -> Statement:
    """Return a statement that trusts these IAM roles and users, and no other principal of the account."""
    return {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
