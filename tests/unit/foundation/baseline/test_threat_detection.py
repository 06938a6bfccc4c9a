"""Tests of GuardDuty and the alarm on its findings."""

import pytest

from tests.support.foundation.baseline import DeclareBaseline, matches, only

DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
PLANS = {
    "EKS_AUDIT_LOGS": "eksAuditLogs",
    "RUNTIME_MONITORING": "runtimeMonitoring",
    "RDS_LOGIN_EVENTS": "rdsLogins",
    "S3_DATA_EVENTS": "s3DataEvents",
}


def test_the_detector_is_on_and_reports_within_fifteen_minutes(declare_baseline: DeclareBaseline) -> None:
    detector = only(declare_baseline(), DETECTOR)
    assert (detector["enable"], detector["findingPublishingFrequency"]) == (True, "FIFTEEN_MINUTES")


def test_every_protection_plan_is_on(declare_baseline: DeclareBaseline) -> None:
    features = declare_baseline().of_type(FEATURE).values()
    assert {feature["name"]: feature["status"] for feature in features} == dict.fromkeys(PLANS, "ENABLED")
    assert {feature["detectorId"] for feature in features} == {"guardduty-id"}


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_that_is_off_is_disabled(declare_baseline: DeclareBaseline, plan: str) -> None:
    features = declare_baseline(guardDuty={PLANS[plan]: False}).of_type(FEATURE).values()
    assert {feature["name"] for feature in features if feature["status"] == "DISABLED"} == {plan}


def test_guardduty_installs_its_agent_on_eks_only(declare_baseline: DeclareBaseline) -> None:
    runtime = declare_baseline().inputs[FEATURE, "guardduty-runtime-monitoring"]
    agents = {agent["name"]: agent["status"] for agent in runtime["additionalConfigurations"]}
    assert agents == {
        "EKS_ADDON_MANAGEMENT": "ENABLED",
        "ECS_FARGATE_AGENT_MANAGEMENT": "DISABLED",
        "EC2_AGENT_MANAGEMENT": "DISABLED",
    }


@pytest.mark.parametrize(("severity", "matched"), [(8.0, True), (7, True), (6.9, False)])
def test_serious_findings_are_published(
    declare_baseline: DeclareBaseline, severity: float, matched: bool
) -> None:
    event = {
        "source": "aws.guardduty",
        "detail-type": "GuardDuty Finding",
        "detail": {"severity": severity, "type": "Recon:EC2/PortProbeUnprotectedPort"},
    }
    assert matches(declare_baseline(), "pipe-guardduty-findings", event) is matched


def test_a_detector_that_is_off_is_not_declared(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(guardDuty={"enabled": False})
    assert recorder.of_type(DETECTOR) == recorder.of_type(FEATURE) == {}
