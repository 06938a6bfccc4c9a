"""Budgets and their notifications, which are emulated (AWS Budgets API)."""

import re
from collections import Counter

from sandbox.clouds.aws.records import Family, Missing
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")

MOST_NOTIFICATIONS = 10
MOST_SUBSCRIBERS = {"EMAIL": 10, "SNS": 1}
"""The most notifications of a budget, and subscribers of a notification by type (AWS Budgets, quotas)."""


def _budget(request: AwsRequest) -> Json:
    """Return the budget in a request; empty if the request only names it."""
    return request.params.get("Budget") or request.params.get("NewBudget") or {}


def _budget_key(request: AwsRequest) -> str:
    name = _budget(request).get("BudgetName") or request.params.get("BudgetName", "")
    return f"{request.params['AccountId']} {name}"


def _notification_key(request: AwsRequest) -> str:
    item: Json = request.params.get("Notification", {})
    threshold, kind = float(item.get("Threshold", 0)), item.get("ThresholdType") or "PERCENTAGE"
    condition = f"{item.get('NotificationType', '')} {item.get('ComparisonOperator', '')} {threshold} {kind}"
    return f"{_budget_key(request)} {condition}"


BUDGET = Family(
    "Budget",
    _budget_key,
    missing=Missing("NotFoundException", "Unable to find the budget: the budget doesn't exist.", 400),
    taken="DuplicateRecordException",
)
NOTIFICATION = Family(
    "BudgetNotification",
    _notification_key,
    (BUDGET,),
    Missing("NotFoundException", "Unable to find the notification: it doesn't exist.", 400),
    "DuplicateRecordException",
)


def _invalid(message: str) -> ErrorResponse:
    return ErrorResponse(400, message, "InvalidParameterException")


@refuses("budgets:CreateBudget", "budgets:UpdateBudget")
def invalid_amount(request: AwsRequest) -> None:
    """Refuse a limit that is not a number."""
    amount = _budget(request).get("BudgetLimit", {}).get("Amount")
    if amount is not None and not AMOUNT.fullmatch(amount):
        raise _invalid(f"Budget limit amount has to be a number: {amount}")


@refuses("budgets:CreateNotification")
def many_notifications(request: AwsRequest) -> None:
    """Refuse more notifications than a budget can have."""
    name = request.params["BudgetName"]
    others = [item for item in request.existing(NOTIFICATION) if item["BudgetName"] == name]
    if len(others) >= MOST_NOTIFICATIONS:
        message = f"A budget can have at most {MOST_NOTIFICATIONS} notifications"
        raise ErrorResponse(400, message, "CreationLimitExceededException")


@refuses("budgets:CreateNotification")
def many_subscribers(request: AwsRequest) -> None:
    """Refuse more subscribers than a notification can have."""
    counts = Counter(item["SubscriptionType"] for item in request.params["Subscribers"])
    if any(counts[kind] > most for kind, most in MOST_SUBSCRIBERS.items()):
        raise _invalid("A notification can have at most 10 e-mail subscribers and one SNS subscriber")


@refuses("budgets:CreateNotification")
def invalid_address(request: AwsRequest) -> None:
    """Refuse an invalid e-mail address."""
    invalid = [
        item["Address"]
        for item in request.params["Subscribers"]
        if item["SubscriptionType"] == "EMAIL" and not ADDRESS.fullmatch(item["Address"])
    ]
    if invalid:
        raise _invalid(f"Invalid e-mail address: {listing(invalid)}")


@emulates("budgets:CreateBudget", creates=BUDGET)
def create_budget(request: AwsRequest) -> Json:
    """Create a budget."""
    arn = f"arn:aws:budgets::{request.account}:budget/{request.params['Budget']['BudgetName']}"
    request.store(BUDGET, {**request.sent("NotificationsWithSubscribers"), "arn": arn})
    return {}


@emulates("budgets:DescribeBudget", needs=BUDGET)
def describe_budget(request: AwsRequest) -> Json:
    """Return a budget."""
    return {"Budget": request.record["Budget"]}


@emulates("budgets:DescribeBudgets")
def describe_budgets(request: AwsRequest) -> Json:
    """Return the budgets of an account."""
    budgets = request.children(BUDGET, request.params["AccountId"])
    return {"Budgets": [record["Budget"] for record in budgets]}


@emulates("budgets:UpdateBudget", needs=BUDGET)
def update_budget(request: AwsRequest) -> Json:
    """Replace a budget; its notifications stay."""
    request.record["Budget"] = request.params["NewBudget"]
    return {}


@emulates("budgets:DeleteBudget", needs=BUDGET)
def delete_budget(request: AwsRequest) -> Json:
    """Delete a budget with its notifications."""
    request.remove(BUDGET)
    return {}


@emulates("budgets:CreateNotification", creates=NOTIFICATION)
def create_notification(request: AwsRequest) -> Json:
    """Add a notification to a budget."""
    request.store(NOTIFICATION, request.sent())
    return {}


@emulates("budgets:DescribeNotificationsForBudget", within=NOTIFICATION)
def describe_notifications(request: AwsRequest) -> Json:
    """Return the notifications of a budget."""
    records = request.children(NOTIFICATION, request.params["AccountId"], request.params["BudgetName"])
    return {"Notifications": [record["Notification"] for record in records]}


@emulates("budgets:DescribeSubscribersForNotification", needs=NOTIFICATION)
def describe_subscribers(request: AwsRequest) -> Json:
    """Return the subscribers of a notification."""
    return {"Subscribers": request.record["Subscribers"]}


@emulates("budgets:DeleteNotification", needs=NOTIFICATION)
def delete_notification(request: AwsRequest) -> Json:
    """Remove a notification from a budget."""
    request.remove(NOTIFICATION)
    return {}
