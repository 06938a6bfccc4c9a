"""Tests of the questions to Datadog, against the sandbox's API."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from operations.preflight import datadog_organization
from sandbox.clouds.datadog.api import DatadogApi
from tests.support.operations.preflight import KEYS, Stack
from tests.support.sandbox.clouds.local_api import Client, serve

SCOPES = [scope.name for scope in datadog_organization.SCOPES]
WRITING = "– for writing: Datadog has no request that only checks them"
SITE = "ap1.datadoghq.com"


class Organization:
    """The sandbox's API with a client."""

    def __init__(self, api: DatadogApi, url: str) -> None:
        self.api = api
        self.client = Client(url, **{"DD-API-KEY": "x", "DD-APPLICATION-KEY": "y"})


@pytest.fixture
def cloud(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Organization]:
    api = DatadogApi()
    with serve(api) as url:
        monkeypatch.setenv("DATADOG_HOST", url)
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        yield Organization(api, url)


def lines(stack: Stack, title: str) -> list[str]:
    return stack.lines(datadog_organization.questions, title)


def with_handles(stack: Stack, *handles: str) -> Stack:
    settings = stack.subject.settings
    monitoring = settings.monitoring.model_copy(update={"notify": list(handles), "page": []})
    subject = replace(stack.subject, settings=settings.model_copy(update={"monitoring": monitoring}))
    return replace(stack, subject=subject)


def test_missing_keys_are_named(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    fix = "(docs/tokens.md lists the permissions of each token)"
    both = "DATADOG_API_KEY and DATADOG_APP_KEY"
    assert lines(stack, "API key") == [f"?: {both} are not set; fix: set {both} {fix}"]
    monkeypatch.setenv("DATADOG_API_KEY", "x")
    assert lines(stack, "metrics of the monitors") == [
        f"?: DATADOG_APP_KEY is not set; fix: set DATADOG_APP_KEY {fix}"
    ]


def test_valid_keys_are_a_yes(stack: Stack, cloud: Organization) -> None:
    assert lines(stack, "API key") == [f"✓: valid for {SITE}"]
    assert lines(stack, "application key") == [f"✓: valid for {SITE}"]


def test_an_api_key_of_another_site_is_a_no(stack: Stack, cloud: Organization) -> None:
    cloud.api.api_keys = {"another"}
    assert lines(stack, "API key") == [
        f"✗: {SITE} does not accept it; fix: set DATADOG_API_KEY, or pipe:monitoring.site, if it is wrong"
    ]


def test_an_invalid_application_key_is_a_no(stack: Stack, cloud: Organization) -> None:
    cloud.api.application_keys = {KEYS["DATADOG_APP_KEY"]: set()}
    assert lines(stack, "API key") == [f"✓: valid for {SITE}"]
    [line] = lines(stack, "application key")
    assert line.startswith(f"✗: {SITE} does not accept it; fix: set DATADOG_APP_KEY")


def test_a_key_with_every_reading_scope_is_a_yes(stack: Stack, cloud: Organization) -> None:
    cloud.api.application_keys = {KEYS["DATADOG_APP_KEY"]: set(SCOPES)}
    assert lines(stack, "scope") == [f"✓: the application key has {', '.join(SCOPES)}", WRITING]


@pytest.mark.parametrize("lacking", SCOPES)
def test_a_missing_scope_is_named(stack: Stack, cloud: Organization, lacking: str) -> None:
    cloud.api.application_keys = {KEYS["DATADOG_APP_KEY"]: set(SCOPES) - {lacking}}
    no, yes, _ = lines(stack, "scope")
    assert no == (
        f"✗ {lacking}: the application key lacks it; fix: add it to the key (docs/tokens.md lists the"
        " permissions"
        " of each token)"
    )
    assert yes.startswith("✓") and lacking not in yes


@pytest.mark.parametrize("channel", ["#alerts", "#acme-alerts"])
def test_channels_that_exist_are_a_yes(stack: Stack, cloud: Organization, channel: str) -> None:
    cloud.api.slack, cloud.api.pagerduty = {"acme": {"#x", channel}}, {"acme"}
    assert lines(stack, "handle") == ["✓ @slack-acme-alerts: exists", "✓ @pagerduty-acme: exists"]


def test_channels_that_do_not_exist_are_a_no(stack: Stack, cloud: Organization) -> None:
    cloud.api.slack, cloud.api.webhooks = {"acme": {"#others"}}, {"here"}
    stack = with_handles(stack, "@slack-acme-alerts", "@pagerduty-acme", "@webhook-here", "@webhook-gone")
    assert lines(stack, "handle") == [
        "✗ @slack-acme-alerts: the workspace acme has no such channel; fix: add the channel to the"
        " integration"
        " with Slack",
        "✗ @pagerduty-acme: does not exist; fix: add the service acme to the integration with PagerDuty",
        "✓ @webhook-here: exists",
        "✗ @webhook-gone: does not exist; fix: add the webhook gone to the integration with webhooks",
    ]


def test_handles_that_cannot_be_looked_up_are_no_answer(stack: Stack, cloud: Organization) -> None:
    stack = with_handles(stack, "@slack-alerts", "@opsgenie-acme", "@kim@example.org")
    assert lines(stack, "handle") == [
        "? @slack-alerts: Datadog has no workspace of this name, and its API does not list the workspaces;"
        " fix: look for the channel in Datadog (Integrations, Slack)",
        "? @opsgenie-acme: Datadog's API cannot look it up; fix: look for it in a monitor's notifications",
        "✓ @kim@example.org: an address, which needs no integration",
    ]


def test_without_the_scope_for_integrations_handles_are_no_answer(stack: Stack, cloud: Organization) -> None:
    cloud.api.application_keys = {KEYS["DATADOG_APP_KEY"]: set(SCOPES)}
    assert [line.partition(";")[0] for line in lines(stack, "handle")] == [
        "? @slack-acme-alerts: the application key may not read integrations",
        "? @pagerduty-acme: the application key may not read integrations",
    ]


def test_a_stack_without_monitors_has_no_metrics_to_look_for(stack: Stack, cloud: Organization) -> None:
    assert lines(stack, "metrics of the monitors") == ["–: the stack has no monitors yet"]


def test_a_metric_that_does_not_report_is_named(stack: Stack, cloud: Organization) -> None:
    monitor = {
        "name": "NodeCpu (prod)",
        "type": "query alert",
        "query": "avg(last_5m):avg:system.cpu.idle{env:prod} < 10",
        "message": "x",
        "tags": ["env:prod", "service:pipe-api"],
        "options": {"thresholds": {"critical": 10}},
    }
    assert cloud.client("POST", "/api/v1/monitor", monitor)[0] == 200
    assert lines(stack, "metrics of the monitors") == ["✓: the metrics of all 1 monitors report"]
    cloud.api.reporting = set()
    assert lines(stack, "metrics of the monitors") == [
        "✗ NodeCpu (prod): avg:system.cpu.idle{env:prod} has not reported in the last hour; fix:"
        " scripts/doctor.sh prod"
    ]
