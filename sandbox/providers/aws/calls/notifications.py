"""The calls for topics and subscriptions, and for rules and their targets (SNS API, EventBridge API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Condition,
    Context,
    Find,
    Read,
    ResourceCalls,
    first,
    members,
)
from sandbox.wire.values import Json


def _topic_arn(context: Context) -> Json:
    return {"TopicArn": context.id}


def _topic(response: Json, context: Context) -> Json | None:
    names = {
        "arn": "TopicArn",
        "displayName": "DisplayName",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "owner": "Owner",
        "policy": "Policy",
    }
    return {"name": context["name"], **(members(response["Attributes"], **names) or {})}


def _topic_attribute(name: str, attribute: str, condition: Condition | None = None) -> Change:
    """Return the call that changes an attribute.

    An attribute that the program may leave out needs a condition; the call then empties it.
    """
    return Change(
        action="SetTopicAttributes",
        when=(name,),
        condition=condition,
        arguments=lambda context: {
            "TopicArn": context.id,
            "AttributeName": attribute,
            "AttributeValue": context[name] or "" if condition else context[name],
        },
    )


def _subscription(response: Json, context: Context) -> Json | None:
    attributes: Json = response["Attributes"]
    names = {
        "arn": "SubscriptionArn",
        "topic": "TopicArn",
        "protocol": "Protocol",
        "endpoint": "Endpoint",
        "ownerId": "Owner",
        "filterPolicy": "FilterPolicy",
    }
    return {
        **(members(attributes, **names) or {}),
        "pendingConfirmation": attributes.get("PendingConfirmation") == "true",
        "rawMessageDelivery": attributes.get("RawMessageDelivery") == "true",
    }


def _rule_key(context: Context) -> Json:
    return {"Name": context.id, "EventBusName": context["eventBusName"]}


def _changed_rule(context: Context) -> Json:
    """Return the arguments of PutRule, which replaces every setting of the rule except its tags."""
    return {
        **_rule_key(context),
        "Description": context["description"],
        "EventPattern": context["eventPattern"],
        "ScheduleExpression": context["scheduleExpression"],
        "State": context["state"],
        "RoleArn": context["roleArn"],
    }


def _target_rule(context: Context) -> Json:
    return {"Rule": context["rule"], "EventBusName": context["eventBusName"]}


def _targets(context: Context) -> Json:
    target = {
        "Id": context["targetId"],
        "Arn": context["arn"],
        "RoleArn": context["roleArn"],
        "Input": context["input"],
        "InputPath": context["inputPath"],
    }
    return {**_target_rule(context), "Targets": [target]}


def _target(response: Json, context: Context) -> Json | None:
    target = first(item for item in response["Targets"] if item["Id"] == context["targetId"])
    names = {
        "targetId": "Id",
        "arn": "Arn",
        "roleArn": "RoleArn",
        "input": "Input",
        "inputPath": "InputPath",
    }
    return target and {"rule": context["rule"], **(members(target, **names) or {})}


CALLS: Mapping[str, ResourceCalls] = {
    "aws:sns/topic:Topic": ResourceCalls(
        service="sns",
        unchecked="whether the services that publish may use the key",
        create=Change(
            action="CreateTopic",
            arguments=lambda context: {
                "Attributes": {
                    "DisplayName": context["displayName"],
                    "KmsMasterKeyId": context["kmsMasterKeyId"],
                    "Policy": context["policy"],
                }
            },
        ),
        read=(
            Read(action="GetTopicAttributes", arguments=_topic_arn, take=_topic),
            Read(
                action="ListTagsForResource",
                arguments=lambda context: {"ResourceArn": context.id},
                take=lambda response, context: {"tags": response.get("Tags")},
            ),
        ),
        update=(
            _topic_attribute("displayName", "DisplayName"),
            _topic_attribute(
                "kmsMasterKeyId",
                "KmsMasterKeyId",
                lambda context: context["kmsMasterKeyId"] or context.live.get("kmsMasterKeyId"),
            ),
            _topic_attribute("policy", "Policy"),
        ),
        delete=(Change(action="DeleteTopic", arguments=_topic_arn),),
    ),
    "aws:sns/topicSubscription:TopicSubscription": ResourceCalls(
        service="sns",
        unchecked="the confirmation of an address, which counts as confirmed at once",
        create=Change(
            action="Subscribe",
            arguments=lambda context: {"TopicArn": context["topic"], "ReturnSubscriptionArn": True},
        ),
        created_id=lambda response: response["SubscriptionArn"],
        find=Find(
            action="ListSubscriptionsByTopic",
            arguments=lambda context: {"TopicArn": context["topic"]},
            take=lambda response, context: [
                subscription["SubscriptionArn"]
                for subscription in response["Subscriptions"]
                if subscription["Endpoint"] == context["endpoint"]
                and subscription["Protocol"] == context["protocol"]
            ],
        ),
        local=("confirmationTimeoutInMinutes", "endpointAutoConfirms"),
        read=(
            Read(
                action="GetSubscriptionAttributes",
                arguments=lambda context: {"SubscriptionArn": context.id},
                take=_subscription,
            ),
        ),
        update=(
            Change(
                action="SetSubscriptionAttributes",
                when=("rawMessageDelivery",),
                arguments=lambda context: {
                    "SubscriptionArn": context.id,
                    "AttributeName": "RawMessageDelivery",
                    "AttributeValue": "true" if context["rawMessageDelivery"] else "false",
                },
            ),
            Change(
                action="SetSubscriptionAttributes",
                when=("filterPolicy",),
                condition=lambda context: context["filterPolicy"] or context.live.get("filterPolicy"),
                arguments=lambda context: {
                    "SubscriptionArn": context.id,
                    "AttributeName": "FilterPolicy",
                    "AttributeValue": context["filterPolicy"] or "{}",
                },
            ),
        ),
        delete=(Change(action="Unsubscribe", arguments=lambda context: {"SubscriptionArn": context.id}),),
    ),
    "aws:cloudwatch/eventRule:EventRule": ResourceCalls(
        service="events",
        unchecked="events, since none occur",
        create=Change(action="PutRule", arguments=lambda context: {"Tags": context.tags}),
        local=("forceDestroy",),
        read=(
            Read(
                action="DescribeRule",
                arguments=_rule_key,
                take=lambda response, context: {**response, "arn": response.get("Arn")},
            ),
            Read(
                action="ListTagsForResource",
                arguments=lambda context: {"ResourceARN": context.live.get("arn")},
                take=lambda response, context: {"tags": response.get("Tags")},
            ),
        ),
        update=(
            Change(
                action="PutRule",
                when=("description", "eventPattern", "scheduleExpression", "state", "roleArn"),
                arguments=_changed_rule,
            ),
        ),
        delete=(Change(action="DeleteRule", arguments=_rule_key),),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": ResourceCalls(
        service="events",
        unchecked="whether the target lets EventBridge send to it",
        create=Change(action="PutTargets", bare=True, arguments=_targets),
        read=(Read(action="ListTargetsByRule", arguments=_target_rule, take=_target),),
        update=(
            Change(action="PutTargets", when=("arn", "roleArn", "input", "inputPath"), arguments=_targets),
        ),
        delete=(
            Change(
                action="RemoveTargets",
                arguments=lambda context: {**_target_rule(context), "Ids": [context["targetId"]]},
            ),
        ),
    ),
}
