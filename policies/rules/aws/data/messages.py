"""Rules on the encryption of SNS topics and SQS queues."""

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Topic, Verdicts, expected

MESSAGES = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "messages"),
    url="https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html",
)


@MESSAGES.rule(
    "sns-topic-unencrypted",
    types=("aws:sns/topic:Topic",),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_26",),
    remediation="Set kmsMasterKeyId to a key whose policy admits the publishers.",
)
def topic(resource: Resource, _: Options) -> Verdicts:
    """Require a KMS key for SNS topics, whose messages have none by default."""
    # By default, SNS encrypts its disks, but not each message before (SNS developer guide,
    # sns-data-encryption).
    key = resource["kmsMasterKeyId"]
    if key.known and not key.get():  # a key that is not known yet counts as a key
        yield expected(key, "the ID of a KMS key")


@MESSAGES.rule(
    "sqs-queue-unencrypted",
    types=("aws:sqs/queue:Queue",),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_27", "FSBP SQS.1"),
    remediation="Remove sqsManagedSseEnabled, whose default is true, or set kmsMasterKeyId.",
    url=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "sqs-server-side-encryption.html"
    ),
)
def queue(resource: Resource, _: Options) -> Verdicts:
    """Refuse SQS queues without encryption; the default is a key of SQS."""
    # Without a key, only the disks are encrypted (SQS developer guide, sqs-data-encryption). New queues have
    # one since 2022 (AWS Compute Blog, "Announcing server-side encryption with Amazon Simple Queue
    # Service-managed encryption keys (SSE-SQS) by default").
    key, own = resource["kmsMasterKeyId"], resource["sqsManagedSseEnabled"]
    if own.flag() is False and key.known and not key.get():
        yield expected(own, "true")
