"""A rule on IAM policies that allow decryption with every KMS key."""

import re

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, expected
from policies.engine.topics import IAM
from policies.model.aws.iam_documents import OF_RESOURCES, Statement
from policies.model.aws.iam_policies import WITH_DOCUMENTS, documents
from policies.model.aws.policy_variables import as_pattern
from policies.model.checks import check_each_statement, guarded
from policies.model.wildcards import matches

ACTIONS = ("kms:Decrypt", "kms:ReEncryptFrom")
"""The actions that read data (AWS Security Hub, KMS.1)."""

ANY_KEY = "arn:aws:kms:some-region:000000000000:key/00000000-0000-0000-0000-000000000000"
"""A key that nobody has; a pattern that matches it matches every key."""

_LIMITING = re.compile(
    rf"\A(?:{OF_RESOURCES}|kms:(viaservice|resourcealiases|requestalias|encryptioncontext:.+))"
)
"""Condition keys that limit the keys or what they decrypt (AWS KMS Developer Guide, conditions-kms)."""


@IAM.rule(
    "kms-decryption-of-everything",
    types=WITH_DOCUMENTS,
    severity=Severity.MEDIUM,
    controls=("FSBP KMS.1", "FSBP KMS.2"),
    remediation="Name the keys, at least their region and account, or add a condition on kms:ViaService.",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/iam-policies-best-practices.html",
)
def decryption(resource: Resource, _: Options) -> Verdicts:
    """Refuse IAM policies that allow decryption with every KMS key, without a condition that narrows it."""

    def check(statement: Statement) -> Verdicts:
        decrypts = statement.allows and any(map(statement.covers, ACTIONS))
        if not decrypts or statement.narrowed_by(_LIMITING):
            return
        value = statement.value["Resource"]
        for item in value.items() or [value]:
            if _is_every_key(item.text() or ""):
                yield expected(item, "the keys that are needed")

    for document in documents(resource):
        yield from guarded(check_each_statement(document, check))


def _is_every_key(pattern: str) -> bool:
    """Return True if a pattern matches the keys of all regions or of all accounts.

    All keys of one region and account are narrow enough (AWS Security Hub, KMS.1).
    """
    pattern = as_pattern(pattern)
    parts = pattern.split(":", 5)
    if len(parts) < 6:
        return matches(ANY_KEY, pattern)
    _, _, service, region, account, key = parts
    wide = any(sign in part for part in (region, account) for sign in "*?")
    return wide and matches("kms", service) and matches(ANY_KEY.rpartition(":")[2], key)
