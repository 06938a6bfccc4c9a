"""Cost Anomaly Detection's monitors and subscriptions, which are emulated (Cost Explorer API)."""

from sandbox.clouds.aws.lookups import lacking
from sandbox.clouds.aws.records import Family, Missing
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _arn(request: AwsRequest, kind: str) -> str:
    """Return the ARN of a new object; the service has no regions."""
    return f"arn:aws:ce::{request.account}:{kind}/{request.uuid}"


MISSING_MONITOR = Missing(
    "UnknownMonitorException", "The cost anomaly monitor does not exist for the account.", 400
)
MISSING_SUBSCRIPTION = Missing(
    "UnknownSubscriptionException", "The cost anomaly subscription does not exist for the account.", 400
)
MONITOR = Family(
    "AnomalyMonitor",
    lambda request: str(request.params.get("MonitorArn") or _arn(request, "anomalymonitor")),
    missing=MISSING_MONITOR,
)
SUBSCRIPTION = Family(
    "AnomalySubscription",
    lambda request: str(request.params.get("SubscriptionArn") or _arn(request, "anomalysubscription")),
    missing=MISSING_SUBSCRIPTION,
)

MONITOR_MEMBERS = ("MonitorArn", "MonitorName", "MonitorType", "MonitorDimension")
SUBSCRIPTION_MEMBERS = (
    "SubscriptionArn",
    "AccountId",
    "SubscriptionName",
    "Frequency",
    "MonitorArnList",
    "Subscribers",
    "ThresholdExpression",
)


def _members(record: Json, names: tuple[str, ...]) -> Json:
    return {name: record[name] for name in names if name in record}


def _monitor_arns(request: AwsRequest) -> list[str]:
    return [monitor["MonitorArn"] for monitor in request.existing(MONITOR)]


@refuses("ce:CreateAnomalyMonitor")
def second_monitor_of_dimension(request: AwsRequest) -> None:
    """Refuse a second monitor of a dimension."""
    monitor: Json = request.params["AnomalyMonitor"]
    if monitor["MonitorType"] != "DIMENSIONAL":
        return
    dimension = monitor.get("MonitorDimension")
    if any(
        other["MonitorType"] == "DIMENSIONAL" and other.get("MonitorDimension") == dimension
        for other in request.existing(MONITOR)
    ):
        message = "Limit exceeded on dimensional spend monitor creation"
        raise ErrorResponse(400, message, "ValidationException")


@refuses("ce:GetAnomalyMonitors")
def unknown_monitor(request: AwsRequest) -> None:
    """Refuse the ARN of a monitor that does not exist."""
    if lacking(request.params.get("MonitorArnList"), _monitor_arns(request)):
        raise MONITOR.not_found("")


@refuses("ce:GetAnomalySubscriptions")
def unknown_subscription(request: AwsRequest) -> None:
    """Refuse the ARN of a subscription that does not exist."""
    existing = [item["SubscriptionArn"] for item in request.existing(SUBSCRIPTION)]
    if lacking(request.params.get("SubscriptionArnList"), existing):
        raise SUBSCRIPTION.not_found("")


@refuses("ce:CreateAnomalySubscription", "ce:UpdateAnomalySubscription")
def unknown_subscribed_monitor(request: AwsRequest) -> None:
    """Refuse a subscription to a monitor that does not exist."""
    new: Json = request.params.get("AnomalySubscription", {})
    arns = [*new.get("MonitorArnList", []), *request.params.get("MonitorArnList", [])]
    if unknown := lacking(arns, _monitor_arns(request)):
        message = f"The cost anomaly monitor does not exist: {listing(unknown)}"
        raise ErrorResponse(400, message, "UnknownMonitorException")


@refuses("ce:CreateAnomalySubscription")
def subscriber_of_another_frequency(request: AwsRequest) -> None:
    """Refuse SNS subscribers of daily or weekly summaries, and e-mail subscribers of immediate alerts."""
    subscription: Json = request.params["AnomalySubscription"]
    refused_type = "EMAIL" if subscription["Frequency"] == "IMMEDIATE" else "SNS"
    if any(subscriber.get("Type") == refused_type for subscriber in subscription["Subscribers"]):
        message = "Daily or weekly frequencies only support Email subscriptions, and IMMEDIATE only SNS"
        raise ErrorResponse(400, message, "ValidationException")


@emulates("ce:CreateAnomalyMonitor", creates=MONITOR)
def create_anomaly_monitor(request: AwsRequest) -> Json:
    """Create a monitor."""
    arn = _arn(request, "anomalymonitor")
    monitor = _members(request.params["AnomalyMonitor"], MONITOR_MEMBERS[1:])
    request.store(MONITOR, {**request.sent("AnomalyMonitor"), **monitor, "arn": arn, "MonitorArn": arn})
    return {"MonitorArn": arn}


@emulates("ce:GetAnomalyMonitors")
def get_anomaly_monitors(request: AwsRequest) -> Json:
    """Return the monitors with the ARNs in the request, or all of them."""
    arns = request.params.get("MonitorArnList")
    monitors = [item for item in request.existing(MONITOR) if not arns or item["MonitorArn"] in arns]
    return {"AnomalyMonitors": [_members(monitor, MONITOR_MEMBERS) for monitor in monitors]}


@emulates("ce:UpdateAnomalyMonitor", needs=MONITOR)
def update_anomaly_monitor(request: AwsRequest) -> Json:
    """Change a monitor."""
    return {"MonitorArn": request.change()["MonitorArn"]}


@emulates("ce:DeleteAnomalyMonitor", needs=MONITOR)
def delete_anomaly_monitor(request: AwsRequest) -> Json:
    """Delete a monitor."""
    request.remove(MONITOR)
    return {}


@emulates("ce:CreateAnomalySubscription", creates=SUBSCRIPTION)
def create_anomaly_subscription(request: AwsRequest) -> Json:
    """Create a subscription."""
    arn = _arn(request, "anomalysubscription")
    subscription = {
        **request.sent("AnomalySubscription"),
        **_members(request.params["AnomalySubscription"], SUBSCRIPTION_MEMBERS[2:]),
        "arn": arn,
        "SubscriptionArn": arn,
        "AccountId": request.account,
    }
    request.store(SUBSCRIPTION, subscription)
    return {"SubscriptionArn": arn}


@emulates("ce:GetAnomalySubscriptions")
def get_anomaly_subscriptions(request: AwsRequest) -> Json:
    """Return the subscriptions with the ARNs in the request, or all of them."""
    arns = request.params.get("SubscriptionArnList")
    items = [item for item in request.existing(SUBSCRIPTION) if not arns or item["SubscriptionArn"] in arns]
    return {"AnomalySubscriptions": [_members(item, SUBSCRIPTION_MEMBERS) for item in items]}


@emulates("ce:UpdateAnomalySubscription", needs=SUBSCRIPTION)
def update_anomaly_subscription(request: AwsRequest) -> Json:
    """Change a subscription."""
    return {"SubscriptionArn": request.change()["SubscriptionArn"]}


@emulates("ce:DeleteAnomalySubscription", needs=SUBSCRIPTION)
def delete_anomaly_subscription(request: AwsRequest) -> Json:
    """Delete a subscription."""
    request.remove(SUBSCRIPTION)
    return {}
