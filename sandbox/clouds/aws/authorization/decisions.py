"""The decision of IAM on a request, and the error response of a refusal."""

from collections.abc import Mapping
from typing import Any, cast

from sandbox.clouds.aws.authorization.callers import Principal, UnknownKeyError, find_principal, find_role
from sandbox.clouds.aws.authorization.needs import Need, needs_of
from sandbox.clouds.aws.authorization.resources import TEMPLATES
from sandbox.clouds.aws.requests import AwsRequest, tag_map
from sandbox.clouds.aws.tags import tags_in
from sandbox.clouds.web import ErrorResponse
from sandbox.iam.evaluation import ABSENT, Context, ContextValue, Decision, Request, decide
from sandbox.iam.policies import PolicyError, Statement, parse_policy
from sandbox.wire.values import Json

UNDECIDED = ("sts:GetCallerIdentity",)
"""Operations that need no permission (STS API, GetCallerIdentity)."""

CODES = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}
"""The error codes of services that have their own code; see `_denied` for the others."""


def authorize(request: AwsRequest, authorization: str, protocol: str) -> None:
    """Refuse a request that the policies of its sender do not allow.

    `authorization` is the header with the sender's access key, and `protocol` the service's, such as `json`.
    Requests of the administrator are not decided. Raise ErrorResponse for an unknown key, with AWS's message
    for the first action that is refused, and with a message of the sandbox if it cannot decide the request.
    """
    operation = f"{request.service}:{request.action}"
    try:
        principal = find_principal(authorization)
        if principal is None or operation in UNDECIDED:
            return
        if operation not in TEMPLATES:
            raise _undecidable(
                f"{operation}, since it does not know the resource: add the operation to "
                "sandbox/clouds/aws/authorization/resources.toml, or send the request as the administrator"
            )
        for need in needs_of(request):
            decision = decide(_evaluation(request, principal, need))
            if not decision.allowed:
                raise _denied(request.service, protocol, denial(principal, need, decision))
    except UnknownKeyError:
        raise _unknown_key(request.service, protocol) from None
    except PolicyError as error:
        raise _undecidable(f"{operation}: {error}") from error


def denial(principal: Principal, need: Need, decision: Decision) -> str:
    """Return AWS's message of a refusal (IAM user guide, troubleshoot access denied error messages)."""
    kind = decision.kind
    if decision.reason == "nothing":
        reason = f"because no {kind} allows the {need.action} action"
    else:
        reason = f"with an explicit deny in {'an' if kind.startswith('identity') else 'a'} {kind}"
    # S3 quotes the resource (messages in issues of hashicorp/terraform-provider-aws).
    resource = f'"{need.resource}"' if need.action.startswith("s3:") else need.resource
    place = "" if need.resource == "*" else f" on resource: {resource}"
    return f"User: {principal.arn} is not authorized to perform: {need.action}{place} {reason}"


def _denied(service: str, protocol: str, message: str) -> ErrorResponse:
    """Return the error response of a refusal, with the code and status of the service.

    Services with the JSON protocol respond with status 400, as in "CloudWatch Logs: CreateLogGroup, https
    response error StatusCode: 400, api error AccessDeniedException", and others with 403. Messages of EC2
    begin with a sentence of their own (messages in issues of hashicorp/terraform-provider-aws).
    """
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    code = CODES.get(service, "AccessDeniedException" if "json" in protocol else "AccessDenied")
    return ErrorResponse(400 if protocol == "json" else 403, message, code)


def _unknown_key(service: str, protocol: str) -> ErrorResponse:
    """Return the error response to a key that nobody has.

    Sources: EC2 API error codes (AuthFailure), S3 error responses (InvalidAccessKeyId), and the common errors
    of the IAM API and of the JSON services (CloudWatch Logs API).
    """
    if service == "ec2":
        return ErrorResponse(
            401, "AWS was not able to validate the provided access credentials", "AuthFailure"
        )
    if service in ("s3", "s3control"):
        return ErrorResponse(
            403, "The AWS Access Key Id you provided does not exist in our records.", "InvalidAccessKeyId"
        )
    message = "The security token included in the request is invalid."
    is_json = "json" in protocol
    code = "UnrecognizedClientException" if is_json else "InvalidClientTokenId"
    return ErrorResponse(400 if protocol == "json" else 403, message, code)


def _undecidable(reason: str) -> ErrorResponse:
    return ErrorResponse(403, f"the sandbox cannot decide {reason}", "SandboxFault")


def is_key(need: Need) -> bool:
    """Return True for an action on a KMS key that exists."""
    arn = need.resource
    return arn.startswith("arn:aws:kms:") and ":key/" in arn and not arn.endswith("*")


def _evaluation(request: AwsRequest, principal: Principal, need: Need) -> Request:
    owner = [*need.resource.split(":"), *[""] * 5][4]
    return Request(
        caller=principal.caller,
        action=need.action,
        resource=need.resource,
        account=owner if owner.isdigit() else request.account,
        resource_policy=_resource_policy(request, need),
        needs_resource_policy=is_key(need) or need.action == "sts:AssumeRole",
        context=_context(request, principal, need),
    )


def _resource_policy(request: AwsRequest, need: Need) -> tuple[Statement, ...] | None:
    """Return the statements of the policy of a key, a bucket, a repository, a topic or a role; else None.

    For a role, this is the trust policy, which decides only who may assume the role.
    """
    service, resource = need.action.partition(":")[0], need.resource
    document: Any = None
    if is_key(need):
        key = request.look_if_there("GetKeyPolicy", "kms", KeyId=resource, PolicyName="default")
        document = key and key["Policy"]
    elif service == "s3" and resource.startswith("arn:aws:s3:::"):
        bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        answer = request.look_if_there("GetBucketPolicy", "s3", Bucket=bucket)
        document = answer and answer["Policy"]
    elif service == "ecr" and ":repository/" in resource:
        name = resource.partition(":repository/")[2]
        answer = request.look_if_there("GetRepositoryPolicy", "ecr", repositoryName=name)
        document = answer and answer["policyText"]
    elif service == "sns" and resource.startswith("arn:"):
        answer = request.look_if_there("GetTopicAttributes", "sns", TopicArn=resource)
        document = answer and answer["Attributes"].get("Policy")
    elif need.action == "sts:AssumeRole":
        role = find_role(resource)
        document = role and role.assume_role_policy_document
    return parse_policy(document) if document else None


def _context(request: AwsRequest, principal: Principal, need: Need) -> Context:
    """Return the condition keys of an action; a key that the sandbox does not know is absent."""
    caller = principal.caller
    sent = {key: value or "" for key, value in tags_in(request.params) if key}
    values: dict[str, ContextValue] = {
        "aws:principalaccount": caller.account,
        "aws:principalarn": caller.identifier,
        "aws:principalisawsservice": "false",
        "aws:requestedregion": request.region,
        "aws:resourceaccount": request.account,
        # The clients of AWS use HTTPS and TLS 1.2 at least, while those of the sandbox use HTTP.
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:viaawsservice": "false",
        # A session that the sandbox starts has no MFA, and a long-term key has no such key.
        "aws:multifactorauthpresent": "false" if caller.identifier != principal.arn else ABSENT,
        **{f"aws:requesttag/{key.lower()}": value for key, value in sent.items()},
        "aws:tagkeys": tuple(sent) or ABSENT,
        **{f"aws:resourcetag/{key.lower()}": value for key, value in _resource_tags(request, need).items()},
    }
    if need.action == "kms:Decrypt" and request.service == "kms":
        encryption: Mapping[str, str] = request.params.get("EncryptionContext", {})
        values |= {f"kms:encryptioncontext:{key.lower()}": value for key, value in encryption.items()}
    if is_key(need):
        aliases = request.look("ListAliases", "kms", KeyId=need.resource)["Aliases"]
        values["kms:resourcealiases"] = tuple(alias["AliasName"] for alias in aliases) or ABSENT
    if need.action == "s3:ListBucket":
        values["s3:prefix"] = request.params.get("Prefix") or ABSENT
    return Context(values={**values, **need.context})


def _resource_tags(request: AwsRequest, need: Need) -> Mapping[str, str]:
    """Return the tags of a resource that exists, for the services whose tags the sandbox looks up.

    These are KMS, EC2, RDS, IAM's roles and EKS. Other resources have no tags in a decision.
    """
    service, resource = need.action.partition(":")[0], need.resource
    path = resource.rpartition("/")[2]
    if path in ("", "*") or not resource.startswith("arn:"):
        return {}
    answer: Json | None = None
    if is_key(need):
        answer = request.look_if_there("ListResourceTags", "kms", KeyId=resource)
        return {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]} if answer else {}
    if service == "ec2":
        filters = [{"Name": "resource-id", "Values": [path]}]
        answer = request.look_if_there("DescribeTags", "ec2", Filters=filters)
        return tag_map(cast("list[Json]", answer["Tags"])) if answer else {}
    if service == "rds":
        answer = request.look_if_there("ListTagsForResource", "rds", ResourceName=resource)
        return tag_map(cast("list[Json]", answer["TagList"])) if answer else {}
    if service == "iam" and ":role/" in resource:
        answer = request.look_if_there("ListRoleTags", "iam", RoleName=path)
        return tag_map(cast("list[Json]", answer["Tags"])) if answer else {}
    if service == "eks":
        record = request.records.with_arn(request.region, resource)
        return (record or {}).get("tags", {})
    return {}
