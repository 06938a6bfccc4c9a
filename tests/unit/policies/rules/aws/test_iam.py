import json
from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, AssertChangeIsReported, Case, MessagesOf, secret

ROLE = "aws:iam/role:Role"


IAM_POLICY = "aws:iam/policy:Policy"


CASES: list[Case] = [
    (
        "iam-administrator-attached",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        [
            "policyArn is 'arn:aws:iam::aws:policy/AdministratorAccess'; "
            "set it to a policy that names what is needed"
        ],
    ),
    (
        "iam-administrator-attached",
        ROLE,
        {"managedPolicyArns": []},
        {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        [
            "managedPolicyArns[0] is 'arn:aws:iam::aws:policy/AdministratorAccess'; "
            "set it to a policy that names what is needed"
        ],
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_named(assert_change_is_reported: AssertChangeIsReported, case: Case) -> None:
    assert_change_is_reported(*case)


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("iam-wildcard-action", IAM_POLICY, "policy"),
        ("iam-wildcard-resource", IAM_POLICY, "policy"),
        ("iam-trust-without-condition", ROLE, "assumeRolePolicy"),
    ],
)
def test_an_unknown_value_is_counted(messages_of: MessagesOf, policy: str, kind: str, path: str) -> None:
    assert messages_of(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


def document(**changes: Any) -> str:
    base = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::pipe/*"]}
    return json.dumps({"Statement": [{**base, **changes}]})


@pytest.mark.parametrize("name", ["Policy", "RolePolicy", "UserPolicy", "GroupPolicy"])
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (["s3:GetObject", "s3:Get*"], []),
        (["*"], ["policy.Statement[0].Action[0] is '*'; set it to the actions that are needed"]),
        ("s3:*", ["policy.Statement[0].Action is 's3:*'; set it to the actions that are needed"]),
        (
            ["s3:GetObject", "iam:*"],
            ["policy.Statement[0].Action[1] is 'iam:*'; set it to the actions that are needed"],
        ),
    ],
)
def test_actions_are_named(messages_of: MessagesOf, name: str, action: object, expected: list[str]) -> None:
    kind = f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    assert messages_of("iam-wildcard-action", kind, {"policy": document(Action=action)}) == expected
    assert messages_of("iam-wildcard-action", kind, {"policy": document(Action=action, Effect="Deny")}) == []


def test_an_inverted_action_allows_too_much(messages_of: MessagesOf) -> None:
    inverted = json.dumps({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}})
    assert messages_of("iam-wildcard-action", IAM_POLICY, {"policy": inverted}) == [
        "policy.Statement.NotAction is 'iam:*'; name the allowed actions in Action"
    ]


def test_the_inline_policies_of_a_role_count(messages_of: MessagesOf) -> None:
    role = {"inlinePolicies": [{"name": "a", "policy": document(Action="*")}]}
    assert messages_of("iam-wildcard-action", ROLE, role) == [
        "inlinePolicies[0].policy.Statement[0].Action is '*'; set it to the actions that are needed"
    ]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, None),
        ({"Action": ["ec2:DescribeInstances", "s3:ListAllMyBuckets"], "Resource": "*"}, None),
        ({"Action": "s3:PutObject", "Resource": "*", "Condition": {"StringEquals": {"a:b": "c"}}}, None),
        (
            {"Action": "s3:PutObject", "Resource": "*", "Condition": {"StringNotEquals": {"a:b": "c"}}},
            "s3:PutObject",
        ),
        ({"Action": ["s3:ListBucket", "s3:PutObject"], "Resource": ["*"]}, "s3:PutObject"),
        ({"Action": "kms:Decrypt", "Resource": "*"}, "kms:Decrypt"),
    ],
)
def test_resources_are_named(messages_of: MessagesOf, changes: dict[str, Any], named: str | None) -> None:
    messages = messages_of("iam-wildcard-resource", IAM_POLICY, {"policy": document(**changes)})
    assert [text.partition("; ")[2] for text in messages] == (
        [f"set it to the resources of {named}, or add a condition"] if named else []
    )


def test_an_inverted_list_of_resources_is_too_wide(messages_of: MessagesOf) -> None:
    inverted = {"Effect": "Allow", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::x/*"}
    assert messages_of(
        "iam-wildcard-resource", IAM_POLICY, {"policy": json.dumps({"Statement": [inverted]})}
    ) == [
        "policy.Statement[0].NotResource is 'arn:aws:s3:::x/*'; "
        "name the allowed resources in Resource, or add a condition"
    ]
    listing = json.dumps({"Statement": [{**inverted, "Action": "s3:ListAllMyBuckets"}]})
    assert messages_of("iam-wildcard-resource", IAM_POLICY, {"policy": listing}) == []


def test_an_action_of_a_secret_policy_is_not_quoted(messages_of: MessagesOf) -> None:
    hidden = secret(document(Action="hunter2:Do", Resource="*"))
    assert messages_of("iam-wildcard-resource", IAM_POLICY, {"policy": hidden}) == [
        "policy.Statement[0].Resource is [secret]; set it to the resources of its actions, or add a condition"
    ]


def test_an_unknown_policy_hides_no_other(messages_of: MessagesOf) -> None:
    attached = {"managedPolicyArns": [UNKNOWN, "arn:aws:iam::aws:policy/AdministratorAccess"]}
    assert messages_of("iam-administrator-attached", ROLE, attached) == [
        "managedPolicyArns[1] is 'arn:aws:iam::aws:policy/AdministratorAccess'; "
        "set it to a policy that names what is needed",
        "unknown: managedPolicyArns[0]",
    ]


def test_which_actions_know_no_resource_is_configured(messages_of: MessagesOf) -> None:
    policy = {"policy": document(Action="kms:Decrypt", Resource="*")}
    assert messages_of("iam-wildcard-resource", IAM_POLICY, policy, unrestrictable=["KMS:*"]) == []


def test_permissions_do_not_belong_to_users(messages_of: MessagesOf) -> None:
    kind = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
    assert messages_of("iam-policy-on-user", kind, {"user": "a"}) == [
        "user is 'a'; attach the policy to a role or a group"
    ]


GITHUB = {
    "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},
    "Action": "sts:AssumeRoleWithWebIdentity",
}


SAML = {
    "Principal": {"Federated": "arn:aws:iam::1:saml-provider/x"},
    "Action": "sts:AssumeRoleWithSAML",
}


ACCOUNT = "name roles of the account, or add a condition such as sts:ExternalId"


SUB = "token.actions.githubusercontent.com:sub"


AUD = "token.actions.githubusercontent.com:aud"


@pytest.mark.parametrize(
    ("changes", "remedies"),
    [
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, []),
        ({"Principal": {"AWS": "arn:aws:iam::1:role/a"}}, []),
        *(
            ({"Principal": {"AWS": account}}, [ACCOUNT])
            for account in ("999999999999", ["arn:aws-cn:iam::1:root"], ["arn:aws:iam::1:role/a", "1"])
        ),
        *(
            ({"Principal": {"AWS": "arn:aws:iam::1:root"}, "Condition": {"StringEquals": {key: "a"}}}, [])
            for key in ("sts:ExternalId", "aws:PrincipalArn", "aws:PrincipalTag/team", "aws:userid")
        ),
        *(
            ({"Principal": {"AWS": "arn:aws:iam::1:root"}, "Condition": condition}, [ACCOUNT])
            for condition in (
                {"StringEquals": {"aws:PrincipalAccount": "1"}},
                {"StringNotEquals": {"sts:ExternalId": "a"}},
                {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            )
        ),
        (SAML, ["set it to a condition on the claim aud"]),
        ({**SAML, "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}}, []),
        (
            {**SAML, "Condition": {"StringLike": {"SAML:aud": "*"}}},
            ["set it to a condition that names the aud, not every one"],
        ),
        ({"Principal": "*", "Effect": "Deny"}, []),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}}, []),
        ({"Principal": "*"}, ["name the principals, or add a condition"]),
        ({**GITHUB, "Condition": {"StringEquals": {SUB: "repo:a/b:environment:prod", AUD: "sts"}}}, []),
        (GITHUB, ["set it to a condition on the claim sub", "set it to a condition on the claim aud"]),
        ({**GITHUB, "Condition": {"StringEquals": {AUD: "sts"}}}, ["set it to a condition on the claim sub"]),
        (
            {**GITHUB, "Condition": {"StringLike": {SUB: "repo:*", AUD: "s"}}},
            ["set it to a condition that names the sub, not every one"],
        ),
        ({**GITHUB, "Condition": {"StringLike": {SUB: "repo:a/*"}, "StringEquals": {AUD: "s"}}}, []),
        ({**GITHUB, "Condition": {"StringEquals": {SUB: "repository_owner_id:1", AUD: "s"}}}, []),
        (
            {**GITHUB, "Condition": {"StringNotLike": {SUB: "repo:a/b:*"}, "StringEquals": {AUD: "s"}}},
            ["set it to a condition that names the sub, not every one"],
        ),
        (
            {
                **GITHUB,
                "Condition": {
                    "ForAllValues:StringLike": {SUB: "repo:a/*"},
                    "StringEqualsIfExists": {AUD: "s"},
                },
            },
            [f"set it to a condition that names the {claim}, not every one" for claim in ("sub", "aud")],
        ),
        (
            {**GITHUB, "Condition": {"StringLike": {SUB: ["repo:a/b:*", "*"], AUD: "s"}}},
            ["set it to a condition that names the sub, not every one"],
        ),
    ],
)
def test_a_role_names_its_trusted_principals(
    messages_of: MessagesOf, changes: dict[str, Any], remedies: list[str]
) -> None:
    base = {"Effect": "Allow", "Action": "sts:AssumeRole", **changes}
    trust = {"assumeRolePolicy": json.dumps({"Statement": [base]})}
    messages = messages_of("iam-trust-without-condition", ROLE, trust)
    assert [text.rpartition("; ")[2] for text in messages] == remedies
    assert all(text.startswith("assumeRolePolicy.Statement[0].") for text in messages)


@pytest.mark.parametrize(
    ("sub", "anybody"),
    [
        ("system:serviceaccount:api:api", False),
        ("system:serviceaccount:api:*", False),
        ("system:serviceaccount:*:api", True),
        ("system:serviceaccount:*", True),
        ("sys*", False),
        ("?*", True),
    ],
)
def test_a_cluster_names_the_namespace_of_those_it_vouches_for(
    messages_of: MessagesOf, sub: str, anybody: bool
) -> None:
    provider = "oidc.eks.eu-west-1.amazonaws.com/id/A"
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::1:oidc-provider/{provider}"},
        "Condition": {
            "StringLike": {f"{provider}:sub": sub},
            "StringEquals": {f"{provider}:aud": "sts.amazonaws.com"},
        },
    }
    trust = {"assumeRolePolicy": json.dumps({"Statement": [statement]})}
    assert bool(messages_of("iam-trust-without-condition", ROLE, trust)) is anybody


@pytest.mark.parametrize(
    "sub",
    [
        "repo:*/*",
        "repo:*/b:*",
        "repo:a*/b:*",
        "repo:a?/b",
        "repo:*:environment:prod",
        "environment:prod",
        "r*",
    ],
)
def test_a_subject_of_github_begins_with_a_fixed_owner(messages_of: MessagesOf, sub: str) -> None:
    condition = {"StringLike": {SUB: sub}, "StringEquals": {AUD: "sts"}}
    trust = {"assumeRolePolicy": document(**GITHUB, Condition=condition)}
    assert messages_of("iam-trust-without-condition", ROLE, trust) != []
