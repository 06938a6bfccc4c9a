"""IAM policy documents, written the same way everywhere."""

from collections.abc import Mapping, Sequence

import pulumi

Statement = Mapping[str, object]
Condition = Mapping[str, Mapping[str, object]]


def document(*statements: Statement) -> pulumi.Output[str]:
    """A policy document as JSON; statements may hold outputs."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: Condition | None = None,
) -> Statement:
    """A statement of an identity policy; `condition` narrows it."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement if condition is None else {**statement, "Condition": condition}


def service_trust(service: str, account: str | None) -> pulumi.Output[str]:
    """Lets an AWS service assume a role, on behalf of our account only (the confused deputy problem).

    None is for services that do not say on whose behalf they act, such as S3 when it replicates.
    """
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account is None:
        return document(statement)
    return document({**statement, "Condition": {"StringEquals": {"aws:SourceAccount": account}}})


def key_policy(account: str, *statements: Statement) -> pulumi.Output[str]:
    """A KMS key policy: the account's IAM policies decide, as KMS recommends, and `statements` add services.

    Without the first statement a deleted role could leave a key that nobody can administer.
    """
    administration: Statement = {
        "Sid": "IamDecides",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return document(administration, *statements)
