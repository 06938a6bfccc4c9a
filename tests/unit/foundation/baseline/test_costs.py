"""Tests of the budget and of the detection of unusual costs."""

from tests.support.foundation.baseline import EMAILS, DeclareBaseline, only

BUDGET = "aws:budgets/budget:Budget"
MONITOR = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
SUBSCRIPTION = "aws:costexplorer/anomalySubscription:AnomalySubscription"
MONITOR_ARN = "arn:aws:ce::123456789012:anomalymonitor/4a50f8e5-5b2e-4a0c-9a0e-1f4f3f8a9b1c"


def test_the_budget_is_monthly_and_in_dollars(declare_baseline: DeclareBaseline) -> None:
    budget = only(declare_baseline(budget={"monthlyUsd": 300}), BUDGET)
    assert (budget["budgetType"], budget["timeUnit"]) == ("COST", "MONTHLY")
    assert (budget["limitAmount"], budget["limitUnit"]) == ("300", "USD")


def test_costs_and_forecast_are_mailed_to_every_address(declare_baseline: DeclareBaseline) -> None:
    budget = only(declare_baseline(budget={"actualPercents": [100, 50], "forecastPercent": 120}), BUDGET)
    alarms = budget["notifications"]
    assert [(alarm["notificationType"], alarm["threshold"]) for alarm in alarms] == [
        ("ACTUAL", 50),
        ("ACTUAL", 100),
        ("FORECASTED", 120),
    ]
    for alarm in alarms:
        assert alarm["subscriberEmailAddresses"] == EMAILS
        assert (alarm["comparisonOperator"], alarm["thresholdType"]) == ("GREATER_THAN", "PERCENTAGE")


def test_anomalies_of_all_services_are_reported_daily(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(anomalies={"minimumUsd": 5})
    monitor, subscription = only(recorder, MONITOR), only(recorder, SUBSCRIPTION)
    assert (monitor["monitorType"], monitor["monitorDimension"]) == ("DIMENSIONAL", "SERVICE")
    assert subscription["frequency"] == "DAILY"
    assert subscription["monitorArnLists"] == ["arn:aws:mock:::costs"]
    assert subscription["subscribers"] == [{"type": "EMAIL", "address": email} for email in EMAILS]
    assert subscription["thresholdExpression"]["dimension"] == {
        "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
        "matchOptions": ["GREATER_THAN_OR_EQUAL"],
        "values": ["5"],
    }


def test_the_monitor_that_the_account_has_is_used(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(anomalies={"monitorArn": MONITOR_ARN})
    assert recorder.of_type(MONITOR) == {}
    assert only(recorder, SUBSCRIPTION)["monitorArnLists"] == [MONITOR_ARN]


def test_alarms_that_are_off_are_not_declared(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(budget={"enabled": False}, anomalies={"enabled": False})
    assert recorder.of_type(BUDGET) == recorder.of_type(MONITOR) == recorder.of_type(SUBSCRIPTION) == {}
