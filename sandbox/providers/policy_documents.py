"""Policy documents as IAM reads them (IAM, grammar of the policy language)."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from sandbox.providers.values import Json, kind

DOCUMENTS = {
    "aws:iam/role:Role": ("assumeRolePolicy", "trust"),
    "aws:iam/policy:Policy": ("policy", "identity"),
    "aws:iam/rolePolicy:RolePolicy": ("policy", "identity"),
    "aws:kms/key:Key": ("policy", "resource"),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy", "resource"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("policy", "resource"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy", "resource"),
}
"""The property with a type's policy document, and what it is about: what somebody may do (identity), who may
assume a role (trust), or who may do what with something (resource)."""

VERSIONS = ("2012-10-17", "2008-10-17")
REQUIRED = {
    "identity": {"Action": True, "Resource": True, "Principal": False},
    "trust": {"Action": True, "Resource": False, "Principal": True},
    "resource": {"Action": True, "Resource": True, "Principal": True},
}
"""Elements, or their negation, that a statement must or must not have."""
ELEMENTS = {"Sid", "Effect", "Condition", "Action", "Resource", "Principal"}
ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")


def faults(text: str, purpose: str) -> Iterator[str]:
    """What makes IAM refuse a document."""
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        yield f"is no JSON: {error}"
        return
    found = cast(Json, document) if isinstance(document, dict) else {}
    for name in sorted(found.keys() - {"Version", "Id", "Statement"}):
        yield f"{name} is no element of a policy; allowed: Id, Statement, Version"
    if found.get("Version") not in VERSIONS:
        yield f'Version is {json.dumps(found.get("Version"))}; allowed: "{VERSIONS[0]}", "{VERSIONS[1]}"'
    statements = as_list(found.get("Statement", []))
    if not statements:
        yield "Statement has no statement"
    for index, statement in enumerate(statements):
        if isinstance(statement, dict):
            yield from (f"Statement[{index}]{fault}" for fault in _statement(cast(Json, statement), purpose))
        else:
            yield f"Statement[{index}] is {kind(statement)}; an object is required"


def as_list(value: Any) -> list[Any]:
    """One or several of something."""
    return cast(list[Any], value) if isinstance(value, list) else [value]


def _statement(statement: Json, purpose: str) -> Iterator[str]:
    for name in sorted(name for name in statement if name.removeprefix("Not") not in ELEMENTS):
        yield f".{name} is no element of a statement; allowed: {', '.join(sorted(ELEMENTS))}"
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f'.Effect is {json.dumps(statement.get("Effect"))}; allowed: "Allow", "Deny"'
    for name, required in REQUIRED[purpose].items():
        present = [one for one in (name, f"Not{name}") if one in statement]
        if required and len(present) != 1:
            yield f": exactly one of {name} and Not{name} is required"
        elif present and not required:
            yield f".{present[0]} has no place in {'a trust' if purpose == 'trust' else 'an identity'} policy"
    for action in as_list(statement.get("Action", statement.get("NotAction", []))):
        if not isinstance(action, str) or not ACTION.fullmatch(action):
            yield f".Action is {json.dumps(action)}; service:Action or * is required"
    condition = statement.get("Condition", {})
    for operator, keys in (cast(Json, condition) if isinstance(condition, dict) else {"": condition}).items():
        if not isinstance(keys, dict):
            yield f".Condition{operator and '.'}{operator} is {kind(keys)}; an object is required"
