"""Builders of IAM policy documents."""

from collections.abc import Mapping, Sequence

import pulumi

Statement = Mapping[str, object]
Condition = Mapping[str, Mapping[str, object]]


def document(*statements: Statement) -> pulumi.Output[str]:
    """Return a policy document as JSON; statements may contain outputs."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: Condition | None = None,
) -> Statement:
    """Return an Allow statement of an identity policy, with an optional condition."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement if condition is None else {**statement, "Condition": condition}


def key_policy(account: str, *statements: Statement) -> pulumi.Output[str]:
    """Return a KMS key policy that delegates to the account's IAM policies, as KMS recommends.

    `statements` allow AWS services to use the key. Without the delegation, deleting a role could make a key
    unmanageable.
    """
    administration: Statement = {
        "Sid": "IamDecides",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return document(administration, *statements)
