"""The SNS topic that sends e-mails, and EventBridge rules that publish to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document, key_policy
from components.common.naming import Naming

EventPattern = Mapping[str, object]
"""An event pattern of EventBridge, which selects events by their members."""


@dataclass(frozen=True, kw_only=True)
class AlertTopicArgs:
    """Arguments of AlertTopic."""

    emails: Sequence[str]
    """Addresses that receive the messages after they have confirmed the subscription."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the topic's key."""


class AlertTopic(pulumi.ComponentResource):
    """An encrypted SNS topic to which the account's EventBridge rules publish, and which sends e-mails."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlertTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:account:AlertTopic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._name, self._naming = name, args.naming
        naming, alias = args.naming, f"{args.naming.service}-alerts"
        topic_arn = f"arn:aws:sns:{naming.region}:{naming.account}:{alias}"
        # EventBridge cannot use the key aws/sns, whose policy does not admit it (AWS re:Post, EventBridge
        # notifications do not reach an encrypted topic).
        key = aws.kms.Key(
            name,
            description=f"Messages of the topic {alias}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(
                naming.account, _rules_may("UseKey", ["kms:Decrypt", "kms:GenerateDataKey*"], "*")
            ),
            tags={**naming.aws(), "Name": alias},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=key.id, opts=child)
        # The policy belongs to the topic: a separate TopicPolicy would show as drift of the topic.
        topic = aws.sns.Topic(
            name,
            name=alias,
            kms_master_key_id=key.arn,
            policy=document(_rules_may("Publish", ["sns:Publish"], topic_arn)),
            tags={**naming.aws(), "Name": alias},
            opts=child,
        )
        for email in args.emails:
            aws.sns.TopicSubscription(
                f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=child
            )
        self.arn = topic.arn
        self.register_outputs({"arn": self.arn})

    def publish(self, rule: str, description: str, pattern: EventPattern) -> None:
        """Declare an EventBridge rule that publishes the matching events to the topic."""
        child = pulumi.ResourceOptions(parent=self)
        event_rule = declare_rule(rule, description, pattern, self._naming, child)
        aws.cloudwatch.EventTarget(rule, rule=event_rule.name, target_id="alerts", arn=self.arn, opts=child)


def declare_rule(
    name: str, description: str, pattern: EventPattern, naming: Naming, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.EventRule:
    """Declare an EventBridge rule `pipe-<name>`, which also matches read-only events of CloudTrail.

    A rule in the state ENABLED does not match them (EventBridge user guide, read-only management events).
    """
    rule_name = f"{naming.service}-{name}"
    return aws.cloudwatch.EventRule(
        name,
        name=rule_name,
        description=description,
        event_pattern=json.dumps(pattern),
        state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        tags={**naming.aws(), "Name": rule_name},
        opts=opts,
    )


def _rules_may(sid: str, actions: Sequence[str], resource: str) -> Statement:
    """Return a statement, without a condition, that allows EventBridge these actions.

    AWS supports no condition here. The EventBridge guide says "You can't use of Condition blocks in Amazon
    SNS topic policies for EventBridge" (using resource-based policies, Amazon SNS permissions). The SNS guide
    says that a key policy with aws:SourceAccount, aws:SourceArn or aws:SourceOrgID "is not supported for
    EventBridge-to-encrypted topics" (key management). With such a condition, deliveries fail
    (awslabs/landing-zone-accelerator-on-aws#407). A rule of another account can reach the topic only through
    a role, not as the service (EventBridge guide, cross-account targets).
    """
    return {
        "Sid": f"Rules{sid}",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": list(actions),
        "Resource": resource,
    }
