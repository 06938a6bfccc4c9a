"""The callers of requests, with the policies that they have in the emulated IAM."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.clouds.aws.moto_patches import backend
from sandbox.iam.evaluation import Caller
from sandbox.iam.policies import Statement, parse_policy

CREDENTIAL = re.compile(r"Credential=([^/]+)/")
"""The pattern of the access key in an Authorization header."""

ISSUED_KEY = re.compile(r"A[KS]IA[A-Z0-9]{16}")
"""The pattern of access keys that AWS issues (IAM user guide, IAM identifiers, unique ID prefixes)."""


class UnknownKeyError(Exception):
    """An access key that belongs to nobody."""


@dataclass(frozen=True)
class Principal:
    """The sender of a request whose policies are evaluated."""

    arn: str
    """The ARN in messages: of the user, or of the session of a role."""
    caller: Caller


def find_principal(authorization: str) -> Principal | None:
    """Return the role or user that signed a request; None for the account's administrator.

    A key such as `sandbox`, which AWS could not have issued, is the administrator's. Signatures are not
    verified. Raise UnknownKeyError for a key that AWS could have issued, but that nobody has.
    """
    match = CREDENTIAL.search(authorization)
    if match is None or not ISSUED_KEY.fullmatch(match[1]):
        return None
    session = backend("sts", "aws").get_assumed_role_from_access_key(match[1])
    if session is not None:
        return _session_principal(session)
    user = backend("iam", "aws").get_user_from_access_key_id(match[1])
    if user is None:
        raise UnknownKeyError(match[1])
    groups = backend("iam", "aws").get_groups_for_user(user.name)
    identity = [statement for entity in (user, *groups) for statement in _identity(entity)]
    caller = Caller(kind="AWS", identifier=user.arn, account=user.account_id, identity=tuple(identity))
    return Principal(user.arn, caller)


def _session_principal(session: Any) -> Principal:
    role = find_role(session.role_arn)
    if role is None:
        raise UnknownKeyError(session.access_key_id)  # Somebody deleted the session's role.
    boundary = role.permissions_boundary_arn
    policies: Any = backend("iam", "aws").managed_policies
    caller = Caller(
        kind="AWS",
        identifier=role.arn,
        account=role.account_id,
        identity=tuple(_identity(role)),
        boundary=_statements(_document(policies[boundary])) if boundary else None,
        session=_statements(session.policy) if session.policy else None,
    )
    return Principal(session.arn, caller)


def is_issued(authorization: str) -> bool:
    """Return True if IAM decides the requests that are signed with a key; False for the administrator."""
    match = CREDENTIAL.search(authorization)
    return match is not None and ISSUED_KEY.fullmatch(match[1]) is not None


def find_role(arn: str) -> Any:
    """Return moto's model of a role; None if the role does not exist."""
    return next((role for role in backend("iam", "aws").roles.values() if role.arn == arn), None)


def _identity(entity: Any) -> Iterable[Statement]:
    """Yield the statements of all policies of a role, user or group."""
    for policy in entity.managed_policies.values():
        yield from _statements(_document(policy))
    for document in entity.policies.values():
        yield from _statements(document)


def _document(policy: Any) -> str:
    """Return the document of a managed policy's default version."""
    return next(version.document for version in policy.versions if version.is_default)


@lru_cache(maxsize=256)
def _statements(document: str) -> tuple[Statement, ...]:
    """Return the statements of a document; cached, since each request evaluates the same documents."""
    return parse_policy(document)
