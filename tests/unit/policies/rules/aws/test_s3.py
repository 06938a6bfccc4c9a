import pytest

from policies.engine.rule import Resource
from tests.support.policies.buckets import ON, PARTS, bucket, part
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf

CHANGED: list[tuple[str, Resource, list[str]]] = [
    (
        "s3-versioning-off",
        part("Versioning", versioningConfiguration={"status": "Suspended"}),
        ["versioningConfiguration.status is 'Suspended'; set it to 'Enabled'"],
    ),
    (
        "s3-versioning-off",
        part("Versioning", versioningConfiguration={"status": UNKNOWN}),
        ["unknown: versioningConfiguration.status"],
    ),
    (
        "s3-encryption-without-kms",
        part(
            "ServerSideEncryptionConfiguration",
            rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        ),
        ["rules[0].applyServerSideEncryptionByDefault.sseAlgorithm is 'AES256'; set it to 'aws:kms'"],
    ),
    (
        "s3-acls-enabled",
        part("OwnershipControls", rule={"objectOwnership": "ObjectWriter"}),
        ["rule.objectOwnership is 'ObjectWriter'; set it to 'BucketOwnerEnforced'"],
    ),
    *(
        (
            "s3-incomplete-uploads-kept",
            part("LifecycleConfiguration", rules=[rule]),
            [
                "bucket is 'pipe-it' without an end to incomplete uploads; "
                "add abortIncompleteMultipartUpload to a lifecycle rule"
            ],
        )
        for rule in (
            {"status": "Disabled", "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled"},
            {"status": "Enabled", "filter": {"prefix": "a"}, "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled", "prefix": "a", "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled", "filter": {"tag": {"key": "a"}}, "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled", "filter": {"and": {"prefix": "a"}}, "abortIncompleteMultipartUpload": ON},
        )
    ),
]


@pytest.mark.parametrize(("policy", "changed", "expected"), CHANGED)
def test_one_change_to_a_sub_resource_is_named(
    messages_of_stack: MessagesOf, policy: str, changed: Resource, expected: list[str]
) -> None:
    name = next(name for name in PARTS if changed.type.endswith(f":Bucket{name}"))
    assert messages_of_stack(policy, bucket(), part(name)) == []
    assert messages_of_stack(policy, bucket(), changed) == expected


def test_inline_versioning_that_is_off_is_named(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack("s3-versioning-off", bucket(versioning={"enabled": False})) == [
        "versioning.enabled is False; set it to true"
    ]


def test_an_inline_lifecycle_may_abort_uploads_too(messages_of_stack: MessagesOf) -> None:
    rule = {"enabled": True, "abortIncompleteMultipartUploadDays": 1}
    assert messages_of_stack("s3-incomplete-uploads-kept", bucket(lifecycleRules=[rule])) == []
    assert messages_of_stack("s3-incomplete-uploads-kept", bucket()) == []
