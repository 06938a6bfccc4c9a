"""Bucket policies (S3 API, PutBucketPolicy)."""

from collections.abc import Iterator

from sandbox.clouds.aws.lookups import unknown_principals
from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.policy_documents import as_list
from sandbox.wire.values import Json

NARROWING_KEYS = frozenset(
    {
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceIp",
        "aws:SourceOwner",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:userid",
        "s3:DataAccessPointAccount",
        "s3:DataAccessPointArn",
    }
)
"""The condition keys with which a policy is not public (S3 user guide, the meaning of "public")."""


def _statements(request: AwsRequest) -> Iterator[Json]:
    yield from as_list(request.document.get("Statement", []))


def _is_public(statement: Json) -> bool:
    """Return True if a statement allows an action to everyone."""
    principal: Json | str | None = statement.get("Principal")
    names = as_list(principal.get("AWS")) if isinstance(principal, dict) else [principal]
    keys = {key for condition in statement.get("Condition", {}).values() for key in condition}
    return statement["Effect"] == "Allow" and "*" in names and NARROWING_KEYS.isdisjoint(keys)


@refuses("s3:PutBucketPolicy")
def unknown_policy_principal(request: AwsRequest) -> None:
    """Refuse a policy that names a role or a user that does not exist."""
    if unknown := unknown_principals(request):
        message = f"Invalid principal in policy: {listing(unknown)}"
        raise ErrorResponse(400, message, "MalformedPolicy")


@refuses("s3:PutBucketPolicy")
def policy_for_another_bucket(request: AwsRequest) -> None:
    """Refuse a policy whose resources belong to other buckets."""
    bucket = request.params["Bucket"]
    arn = f"arn:aws:s3:::{bucket}"
    resources = [
        resource
        for statement in _statements(request)
        for name in ("Resource", "NotResource")
        for resource in as_list(statement.get(name, []))
    ]
    if not all(resource in ("", "*", arn) or resource.startswith(f"{arn}/") for resource in resources):
        message = f"Policy has invalid resource: it names other buckets than {bucket}"
        raise ErrorResponse(400, message, "MalformedPolicy")


@refuses("s3:PutBucketPolicy")
def public_policy(request: AwsRequest) -> None:
    """Refuse a public policy for a bucket that blocks public policies."""
    bucket = request.params["Bucket"]
    block = request.look_if_there("GetPublicAccessBlock", Bucket=bucket) or {}
    is_blocked = block.get("PublicAccessBlockConfiguration", {}).get("BlockPublicPolicy")
    if is_blocked and any(map(_is_public, _statements(request))):
        message = (
            f'User is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::{bucket}"'
            " because"
            " public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
        )
        raise ErrorResponse(403, message, "AccessDenied")
