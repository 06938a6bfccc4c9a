"""Trust policies, conditions and resources that several service roles need."""

from collections.abc import Sequence

from components.common.iam_documents import Condition, Statement
from foundation.permissions.scope import Scope


def service_trust(
    service: str,
    account: str | None = None,
    source_arns: Sequence[str] = (),
    actions: Sequence[str] = ("sts:AssumeRole",),
    request_tags: dict[str, str] | None = None,
) -> Statement:
    """Return a trust policy statement for an AWS service that acts on behalf of these resources.

    The conditions prevent the confused deputy problem. `account` is None for a service that sends neither a
    source account nor a source ARN. Without `source_arns`, the service may act for each resource of the
    account.
    """
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    if account is None:
        return statement
    condition: dict[str, dict[str, object]] = {
        "StringEquals": {"aws:SourceAccount": account, **(request_tags or {})}
    }
    if source_arns:
        condition["ArnLike"] = {"aws:SourceArn": list(source_arns)}
    return {**statement, "Condition": condition}


def key_condition(alias: str, service: str, region: str) -> Condition:
    """Return the condition that the KMS key has an alias and that the request comes through a service.

    The operator ForAnyValue is necessary, since a key may have several aliases (KMS developer
    guide: kms:ResourceAliases).
    """
    return {
        "StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"},
    }


def databases(scope: Scope) -> list[str]:
    """Return a list with the ARN of the environment's database."""
    return scope.named("rds", "db:{}-db")
