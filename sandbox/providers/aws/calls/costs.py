"""The calls for budgets, and for Cost Anomaly Detection (AWS Budgets API, Cost Explorer API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Find,
    Read,
    ResourceCalls,
    first,
    items_of,
    members,
)
from sandbox.wire.values import Json


def _account_id(context: Context) -> str:
    return context["accountId"] or context.account


def _budget_key(context: Context) -> Json:
    return {"AccountId": _account_id(context), "BudgetName": context["name"]}


def _api_budget(context: Context) -> Json:
    return {
        "BudgetName": context["name"],
        "BudgetType": context["budgetType"],
        "TimeUnit": context["timeUnit"],
        "BudgetLimit": {"Amount": context["limitAmount"], "Unit": context["limitUnit"]},
    }


def _budget(response: Json, context: Context) -> Json | None:
    budget: Json = response["Budget"]
    limit: Json = budget.get("BudgetLimit", {})
    return {
        "accountId": context.account,
        "arn": f"arn:aws:budgets::{context.account}:budget/{context.text('name')}",
        "name": budget.get("BudgetName"),
        "budgetType": budget.get("BudgetType"),
        "timeUnit": budget.get("TimeUnit"),
        "limitAmount": limit.get("Amount"),
        "limitUnit": limit.get("Unit"),
    }


def _subscribers(response: Json, context: Context) -> Json:
    """Return a notification with the addresses of its subscribers."""
    item: Json = context.item

    def addresses(kind: str) -> list[str]:
        return [
            subscriber["Address"]
            for subscriber in response["Subscribers"]
            if subscriber["SubscriptionType"] == kind
        ]

    return {
        "notificationType": item["NotificationType"],
        "comparisonOperator": item["ComparisonOperator"],
        "threshold": item["Threshold"],
        "thresholdType": item.get("ThresholdType", ""),
        "subscriberEmailAddresses": addresses("EMAIL"),
        "subscriberSnsTopicArns": addresses("SNS"),
    }


def _api_notification(context: Context) -> Json:
    item: Json = context.item
    notification = {
        "NotificationType": item.get("notificationType"),
        "ComparisonOperator": item.get("comparisonOperator"),
        "Threshold": item.get("threshold"),
        "ThresholdType": item.get("thresholdType"),
    }
    return {**_budget_key(context), "Notification": notification}


def _new_notification(context: Context) -> Json:
    item: Json = context.item
    kinds = {"EMAIL": "subscriberEmailAddresses", "SNS": "subscriberSnsTopicArns"}
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for kind, name in kinds.items()
        for address in items_of(item, name)
    ]
    return {**_api_notification(context), "Subscribers": subscribers}


def _threshold(context: Context) -> Json:
    dimension: Json | None = context.object("thresholdExpression").get("dimension")
    names = {"Key": "key", "MatchOptions": "matchOptions", "Values": "values"}
    return {"Dimensions": members(dimension, **names)}


def _api_subscribers(context: Context) -> list[Json]:
    return [
        {"Type": subscriber["type"], "Address": subscriber["address"]}
        for subscriber in context.list("subscribers")
    ]


def _new_subscription(context: Context) -> Json:
    subscription = {
        "SubscriptionName": context["name"],
        "Frequency": context["frequency"],
        "MonitorArnList": context["monitorArnLists"],
        "Subscribers": _api_subscribers(context),
        "ThresholdExpression": _threshold(context),
    }
    return {"AnomalySubscription": subscription, "ResourceTags": context.tags}


def _changed_subscription(context: Context) -> Json:
    return {
        "SubscriptionArn": context.id,
        "Frequency": context["frequency"],
        "MonitorArnList": context["monitorArnLists"],
        "Subscribers": _api_subscribers(context),
        "ThresholdExpression": _threshold(context),
    }


def _subscription(response: Json, context: Context) -> Json | None:
    item: Json | None = first(response["AnomalySubscriptions"])
    if item is None:
        return None
    dimension: Json | None = item.get("ThresholdExpression", {}).get("Dimensions")
    return {
        "arn": item.get("SubscriptionArn"),
        "accountId": item.get("AccountId"),
        "name": item.get("SubscriptionName"),
        "frequency": item.get("Frequency"),
        "monitorArnLists": item.get("MonitorArnList"),
        "subscribers": [
            members(subscriber, type="Type", address="Address") for subscriber in item["Subscribers"]
        ],
        "thresholdExpression": {
            "dimension": members(dimension, key="Key", matchOptions="MatchOptions", values="Values")
        },
    }


def _resource_tags() -> Read:
    return Read(
        action="ListTagsForResource",
        arguments=lambda context: {"ResourceArn": context.id},
        take=lambda response, context: {"tags": response.get("ResourceTags")},
    )


CALLS: Mapping[str, ResourceCalls] = {
    "aws:budgets/budget:Budget": ResourceCalls(
        service="budgets",
        is_emulated=True,
        unchecked="actual costs, since there are none; cost filters and cost types",
        create=Change(
            action="CreateBudget",
            bare=True,
            arguments=lambda context: {
                "AccountId": _account_id(context),
                "Budget": _api_budget(context),
                "ResourceTags": context.tags,
            },
        ),
        read=(
            Read(action="DescribeBudget", arguments=_budget_key, take=_budget),
            Read(
                action="ListTagsForResource",
                arguments=lambda context: {"ResourceARN": context.live.get("arn")},
                take=lambda response, context: {"tags": response.get("ResourceTags")},
            ),
            Read(
                action="DescribeNotificationsForBudget",
                arguments=_budget_key,
                take=lambda response, context: {"alarms": response.get("Notifications")},
            ),
            Read(
                action="DescribeSubscribersForNotification",
                as_list="notifications",
                items=lambda context: context.live.get("alarms"),
                arguments=lambda context: {**_budget_key(context), "Notification": context.item},
                take=_subscribers,
            ),
        ),
        update=(
            Change(
                action="UpdateBudget",
                when=("budgetType", "timeUnit", "limitAmount", "limitUnit"),
                arguments=lambda context: {
                    "AccountId": _account_id(context),
                    "NewBudget": _api_budget(context),
                },
            ),
            Change(
                action="DeleteNotification",
                when=("notifications",),
                condition=lambda context: context.removed.get("notifications"),
                items=lambda context: context.removed.get("notifications"),
                arguments=_api_notification,
            ),
            Change(
                action="CreateNotification",
                when=("notifications",),
                condition=lambda context: context.added.get("notifications"),
                items=lambda context: context.added.get("notifications"),
                arguments=_new_notification,
            ),
        ),
        delete=(Change(action="DeleteBudget", arguments=_budget_key),),
    ),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": ResourceCalls(
        service="ce",
        is_emulated=True,
        unchecked="anomalies, since there are no costs",
        create=Change(
            action="CreateAnomalyMonitor",
            bare=True,
            arguments=lambda context: {
                "AnomalyMonitor": {
                    "MonitorName": context["name"],
                    "MonitorType": context["monitorType"],
                    "MonitorDimension": context["monitorDimension"],
                },
                "ResourceTags": context.tags,
            },
        ),
        created_id=lambda response: response["MonitorArn"],
        find=Find(
            action="GetAnomalyMonitors",
            take=lambda response, context: [
                monitor["MonitorArn"]
                for monitor in response["AnomalyMonitors"]
                if monitor["MonitorName"] == context["name"]
            ],
        ),
        read=(
            Read(
                action="GetAnomalyMonitors",
                arguments=lambda context: {"MonitorArnList": [context.id]},
                take=lambda response, context: members(
                    first(response["AnomalyMonitors"]),
                    arn="MonitorArn",
                    name="MonitorName",
                    monitorType="MonitorType",
                    monitorDimension="MonitorDimension",
                ),
            ),
            _resource_tags(),
        ),
        update=(
            Change(
                action="UpdateAnomalyMonitor",
                when=("name",),
                arguments=lambda context: {"MonitorArn": context.id, "MonitorName": context["name"]},
            ),
        ),
        delete=(Change(action="DeleteAnomalyMonitor", arguments=lambda context: {"MonitorArn": context.id}),),
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": ResourceCalls(
        service="ce",
        is_emulated=True,
        unchecked="combinations of thresholds (and, or, not)",
        create=Change(action="CreateAnomalySubscription", bare=True, arguments=_new_subscription),
        created_id=lambda response: response["SubscriptionArn"],
        find=Find(
            action="GetAnomalySubscriptions",
            take=lambda response, context: [
                subscription["SubscriptionArn"]
                for subscription in response["AnomalySubscriptions"]
                if subscription["SubscriptionName"] == context["name"]
            ],
        ),
        read=(
            Read(
                action="GetAnomalySubscriptions",
                arguments=lambda context: {"SubscriptionArnList": [context.id]},
                take=_subscription,
            ),
            _resource_tags(),
        ),
        update=(
            Change(
                action="UpdateAnomalySubscription",
                when=("frequency", "monitorArnLists", "subscribers", "thresholdExpression"),
                arguments=_changed_subscription,
            ),
        ),
        delete=(
            Change(
                action="DeleteAnomalySubscription",
                arguments=lambda context: {"SubscriptionArn": context.id},
            ),
        ),
    ),
}
