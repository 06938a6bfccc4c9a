import json
from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, AssertChangeIsReported, Case, MessagesOf

KEY = "aws:kms/key:Key"


KINDS = [
    KEY,
    *(
        f"aws:kms/{name[0].lower()}{name[1:]}:{name}"
        for name in ("ExternalKey", "KeyPolicy", "ReplicaExternalKey", "ReplicaKey")
    ),
]


CASES: list[Case] = [
    (
        "kms-key-not-rotated",
        KEY,
        {"enableKeyRotation": True},
        {"enableKeyRotation": None},
        ["enableKeyRotation is not set; set it to true"],
    ),
    ("kms-key-not-rotated", KEY, {"customerMasterKeySpec": "RSA_4096"}, {}, []),
    ("kms-key-not-rotated", KEY, {"keyUsage": "SIGN_VERIFY"}, {}, []),
    ("kms-key-not-rotated", KEY, {"customKeyStoreId": "cks-1"}, {}, []),
]


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_named(assert_change_is_reported: AssertChangeIsReported, case: Case) -> None:
    assert_change_is_reported(*case)


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("kms-key-not-rotated", KEY, "enableKeyRotation"),
        ("kms-key-any-principal", KEY, "policy"),
    ],
)
def test_an_unknown_value_is_counted(messages_of: MessagesOf, policy: str, kind: str, path: str) -> None:
    assert messages_of(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


def document(**changes: Any) -> str:
    base = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::pipe/*"]}
    return json.dumps({"Statement": [{**base, **changes}]})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, None),
        ({"Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "1"}}}, None),
        ({"Principal": "*", "Effect": "Deny"}, None),
        ({"Principal": "*"}, "'*'"),
        ({"Principal": {"AWS": "*"}, "Condition": {"Bool": {"a:b": "true"}}}, "{'AWS': '*'}"),
    ],
)
def test_a_key_policy_names_its_users(
    messages_of: MessagesOf, kind: str, changes: dict[str, Any], shown: str | None
) -> None:
    messages = messages_of("kms-key-any-principal", kind, {"policy": document(Action="kms:*", **changes)})
    where = "policy.Statement[0].Principal"
    assert messages == ([f"{where} is {shown}; name the account or roles that use the key"] if shown else [])


def test_an_inverted_list_of_principals_is_too_wide(messages_of: MessagesOf) -> None:
    policy = document(Action="kms:*", NotPrincipal={"AWS": "arn:aws:iam::1:root"})
    assert messages_of("kms-key-any-principal", KEY, {"policy": policy}) == [
        "policy.Statement[0].NotPrincipal is {'AWS': 'arn:aws:iam::1:root'}; "
        "name the account or roles that use the key"
    ]
    denied = document(Effect="Deny", NotPrincipal={"AWS": "arn:aws:iam::1:root"})
    assert messages_of("kms-key-any-principal", KEY, {"policy": denied}) == []
