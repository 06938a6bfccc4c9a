"""KMS rules: rotation and state of keys, and access to them."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
    expected,
)
from policies.engine.topics import IAM
from policies.model.checks import must_be_true, open_to_everybody

KEY = "aws:kms/key:Key"


POLICIES = (
    KEY,
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
    "aws:kms/replicaKey:ReplicaKey",
)
"""Resource types with a key policy."""


@IAM.rule(
    "kms-key-not-rotated",
    types=(KEY,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_7", "CIS AWS 3.6"),
    remediation="Set enableKeyRotation to true.",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
)
def rotation(resource: Resource, _: Options) -> Verdicts:
    """Require automatic rotation of symmetric KMS keys, except in custom key stores, which cannot rotate."""
    spec = resource["customerMasterKeySpec"].text() or "SYMMETRIC_DEFAULT"
    usage = resource["keyUsage"].text() or "ENCRYPT_DECRYPT"
    symmetric = spec == "SYMMETRIC_DEFAULT" and usage == "ENCRYPT_DECRYPT"
    if symmetric and resource["customKeyStoreId"].absent:
        yield from must_be_true(resource["enableKeyRotation"])


_STATES = {
    KEY: "isEnabled",
    "aws:kms/externalKey:ExternalKey": "enabled",
    "aws:kms/replicaExternalKey:ReplicaExternalKey": "enabled",
    "aws:kms/replicaKey:ReplicaKey": "enabled",
}
"""By type of a key, the property that enables it; absent is true (pulumi-aws 7). An external key without its
material is disabled, and needs no property for this."""


@IAM.rule(
    "kms-key-disabled",
    types=tuple(_STATES),
    severity=Severity.HIGH,
    controls=("CKV_AWS_227",),
    remediation="Remove isEnabled or enabled, so that the key stays enabled.",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/unusable-kms-keys.html",
)
def disabled(resource: Resource, _: Options) -> Verdicts:
    """Refuse disabled KMS keys, with which nothing can be decrypted.

    An Aurora cluster stops, and after seven days only a restored backup helps (Aurora user guide,
    Overview.Encryption).
    """
    state = resource[_STATES[resource.type]]
    if state.flag() is False:
        yield expected(state, "true")


@IAM.rule(
    "kms-key-any-principal",
    types=POLICIES,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_33",),
    remediation="Name the account or roles, or add a condition on kms:CallerAccount.",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html",
)
def key_principals(resource: Resource, _: Options) -> Verdicts:
    """Refuse key policies that allow access to everybody."""
    remedy = "name the account or roles that use the key"
    yield from open_to_everybody(resource["policy"], remedy)
