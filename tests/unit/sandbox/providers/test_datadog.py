"""Tests of the monitoring resources on the local Datadog API."""

import json
import logging
from collections.abc import Generator
from typing import Any

import pytest

from sandbox.clouds.datadog.api import DatadogApi
from sandbox.errors import ProviderError
from sandbox.providers.datadog.package import Datadog, DatadogTarget
from sandbox.providers.rest.api_table import body
from sandbox.wire.values import UNKNOWN, Secret
from tests.support.sandbox.clouds.local_api import serve
from tests.support.sandbox.providers.rest import Case, check_lifecycle, read_inputs

MONITOR = "datadog:index/monitor:Monitor"
SLO = "datadog:index/serviceLevelObjective:ServiceLevelObjective"
TEST = "datadog:index/syntheticsTest:SyntheticsTest"
DASHBOARD = "datadog:index/dashboardJson:DashboardJson"
ACCOUNT = "datadog:aws/integrationAccount:IntegrationAccount"
LOGS_METRIC = "datadog:index/logsMetric:LogsMetric"

QUERY = "min(last_5m):sum:errors{env:dev} by {host}.as_rate() > 0.01"
HTTP = {
    "type": "api",
    "status": "live",
    "locations": ["aws:eu-central-1"],
    "message": "m",
    "name": "SiteDown",
}
WIDGET = {"definition": {"type": "timeseries", "title": "t", "requests": [{"q": "avg:load{*}"}]}}
GROUP = {"definition": {"type": "group", "title": "g", "layout_type": "ordered", "widgets": [WIDGET]}}
BOARD = {"title": "Pipe dev", "layout_type": "ordered", "tags": ["team:pipe"], "widgets": [GROUP]}

CASES = {
    "metric monitor": Case(
        MONITOR,
        {
            "name": "HighErrorRate (dev)",
            "type": "query alert",
            "query": QUERY,
            "message": "{{#is_alert}}{{value}}{{/is_alert}} @slack-pipe",
            "tags": ["env:dev", "team:pipe"],
            "priority": "1",
            "monitorThresholds": {"critical": "0.010", "warning": "0.005"},
            "onMissingData": "resolve",
            "renotifyInterval": 60,
            "renotifyStatuses": ["alert"],
            "evaluationDelay": 60,
            "newGroupDelay": 300,
            "notifyBies": ["host"],
            "requireFullWindow": False,
            "includeTags": True,
        },
        {"query": QUERY.replace("0.01", "0.5"), "monitorThresholds": {"critical": "0.5"}, "priority": "3"},
        {"message": "@slack-theirs", "priority": "5"},
        {"message": "@slack-theirs", "priority": 5},
    ),
    "service check": Case(
        MONITOR,
        {
            "name": "BackupFailed (dev)",
            "type": "service check",
            "query": '"kube.ok".over("env:dev").by("kube_cronjob").last(2).count_by_status()',
            "message": "m",
            "monitorThresholds": {"ok": "1", "warning": "1", "critical": "1"},
            "notifyNoData": True,
            "noDataTimeframe": 120,
        },
        {"noDataTimeframe": 60},
        {"monitorThresholds": {"ok": "1", "warning": "1", "critical": "2"}},
        {
            "options": {
                "notify_no_data": True,
                "no_data_timeframe": 120,
                "thresholds": {"ok": 1, "warning": 1, "critical": 2},
            }
        },
    ),
    "objective": Case(
        SLO,
        {
            "name": "Availability (dev)",
            "type": "metric",
            "query": {"numerator": "sum:a{*}.as_count() - sum:b{*}.as_count()", "denominator": "sum:a{*}"},
            "thresholds": [{"timeframe": "30d", "target": 99.5, "warning": 99.9}],
            "tags": ["env:dev"],
        },
        {"description": "Other"},
        {"thresholds": [{"timeframe": "30d", "target": 90, "warning": 99}], "tags": []},
        {
            "name": "Availability (dev)",
            "type": "metric",
            "query": {"numerator": "sum:a{*}.as_count() - sum:b{*}.as_count()", "denominator": "sum:a{*}"},
            "thresholds": [{"timeframe": "30d", "target": 90.0, "warning": 99.0}],
        },
    ),
    "check of a page": Case(
        TEST,
        {
            **HTTP,
            "subtype": "http",
            "tags": ["env:dev"],
            "requestDefinition": {"method": "GET", "url": "https://pipe.dev"},
            "requestHeaders": {"X-Token": "hunter2"},
            "assertions": [
                {"type": "statusCode", "operator": "is", "target": "200"},
                {"type": "responseTime", "operator": "lessThan", "target": "5000"},
            ],
            "optionsList": {
                "tickEvery": 300,
                "retry": {"count": 2, "interval": 1000},
                "monitorOptions": {"renotifyInterval": 60},
                "monitorPriority": 1,
            },
        },
        {"message": "other", "requestHeaders": {"X-Token": "other"}},
        {},
    ),
    "check of a certificate": Case(
        TEST,
        {
            **HTTP,
            "name": "WeakTls",
            "subtype": "ssl",
            "requestDefinition": {"host": "pipe.dev", "port": "443"},
            "assertions": [
                {"type": "minTlsVersion", "operator": "moreThanOrEqual", "target": "1.2"},
                {"type": "certificate", "operator": "isInMoreThan", "target": "14"},
            ],
            "optionsList": {"tickEvery": 3600},
        },
        {"status": "paused"},
        {},
    ),
    "dashboard": Case(
        DASHBOARD,
        {"dashboard": json.dumps(BOARD)},
        {"dashboard": json.dumps(BOARD | {"title": "Other"})},
        {"dashboard": json.dumps(BOARD | {"widgets": [WIDGET, GROUP]})},
        BOARD | {"widgets": [WIDGET, GROUP]},
    ),
    "log-based metric": Case(
        LOGS_METRIC,
        {
            "name": "pipe.dev.proxy.errors",
            "compute": {"aggregationType": "count"},
            "filter": {"query": "service:pipe-proxy @http.status_code:[500 TO 599]"},
            "groupBies": [{"path": "@http.method", "tagName": "method"}],
        },
        {"filter": {"query": "service:pipe-proxy"}, "groupBies": []},
        {"filter": {"query": "theirs"}},
        {"data": {"type": "logs_metrics", "attributes": {"filter": {"query": "theirs"}}}},
        "PATCH",
    ),
    "account": Case(
        ACCOUNT,
        {
            "awsAccountId": "123456789012",
            "awsPartition": "aws",
            "accountTags": ["team:pipe"],
            "authConfig": {"awsAuthConfigRole": {"roleName": "datadog"}},
            "awsRegions": {"includeOnlies": ["ap-northeast-1"]},
            "metricsConfig": {"enabled": True, "namespaceFilters": {"includeOnlies": ["AWS/RDS"]}},
            "resourcesConfig": {"extendedCollection": False},
            "logsConfig": {"lambdaForwarder": {}},
            "tracesConfig": {"xrayServices": {"includeOnlies": []}},
        },
        {"accountTags": ["team:other"]},
        {"accountTags": ["theirs"], "authConfig": {"awsAuthConfigRole": {"roleName": "theirs"}}},
        {
            "data": {
                "type": "account",
                "attributes": {
                    "aws_account_id": "123456789012",
                    "account_tags": ["theirs"],
                    "auth_config": {"role_name": "theirs"},
                },
            }
        },
        "PATCH",
    ),
}


@pytest.fixture
def target() -> Generator[DatadogTarget]:
    with serve(DatadogApi()) as url:
        yield DatadogTarget(url)


@pytest.mark.parametrize("name", CASES)
def test_a_resource_is_created_read_changed_and_deleted(target: DatadogTarget, name: str):
    case = CASES[name]
    assert list(Datadog("datadog").faults(case.resource())) == []
    check_lifecycle(target, case)


def test_a_changed_header_is_read(target: DatadogTarget):
    case = CASES["check of a page"]
    test_id = target.create(case.resource()).id
    path = f"/api/v1/synthetics/tests/api/{test_id}"
    computed = ("public_id", "monitor_id", "created_at", "modified_at")
    content = {key: value for key, value in target.call("GET", path).items() if key not in computed}
    content["config"]["request"]["headers"]["X-Token"] = "theirs"
    target.call("PUT", path, content)
    changed = case.inputs | {"requestHeaders": {"X-Token": "theirs"}}
    assert read_inputs(target, case.resource(test_id)) == changed


def test_the_computation_of_a_log_based_metric_is_only_sent_at_its_creation(target: DatadogTarget):
    case = CASES["log-based metric"]
    assert body(case.resource())["data"].keys() == {"type", "id", "attributes"}
    update = body(case.resource(), update=True)["data"]
    assert "id" not in update and update["attributes"].keys() == {"filter", "group_by"}
    assert target.create(case.resource()).id == "pipe.dev.proxy.errors"
    with pytest.raises(
        ProviderError, match=r"409: Conflict: the metric pipe.dev.proxy.errors already exists$"
    ):
        target.create(case.resource())


def test_an_external_id_is_made_at_the_creation_and_stays(target: DatadogTarget):
    case = CASES["account"]
    planned = target.plan(case.resource())["authConfig"]["awsAuthConfigRole"]
    assert (planned["roleName"], planned["externalId"]) == ("datadog", UNKNOWN)
    live = target.create(case.resource())
    role = live.outputs["authConfig"]["awsAuthConfigRole"]
    assert (role["roleName"], len(role["externalId"])) == ("datadog", 32)
    after = target.update(case.resource(live.id, accountTags=[]), live)
    assert after.outputs["authConfig"]["awsAuthConfigRole"] == role


def test_a_preview_refuses_an_alert_on_an_unknown_objective(target: DatadogTarget):
    query = 'burn_rate("{}").over("30d").long_window("1h").short_window("5m") > 14.4'
    slo = target.create(CASES["objective"].resource())
    inputs = {"name": "Burn", "type": "slo alert", "message": "m", "monitorThresholds": {"critical": "14.4"}}
    alert = Case(MONITOR, inputs | {"query": query.format(slo.id)}, {}, {})
    target.plan(alert.resource(query=UNKNOWN))
    with pytest.raises(ProviderError, match=r"POST /api/v1/monitor/validate: 400: .* there is no SLO other$"):
        target.plan(alert.resource(query=query.format("other")))
    check_lifecycle(target, alert)


def test_an_objective_in_use_is_deleted_only_with_force(target: DatadogTarget):
    slo = CASES["objective"]
    slo_id = target.create(slo.resource()).id
    widget = {"definition": {"type": "slo", "slo_id": slo_id, "view_type": "detail"}}
    target.create(CASES["dashboard"].resource(dashboard=json.dumps(BOARD | {"widgets": [widget]})))
    with pytest.raises(ProviderError, match=r"409: SLO .* is used by Pipe dev$"):
        target.delete(slo.resource(slo_id))
    target.delete(slo.resource(slo_id, forceDelete=True))
    assert target.read(slo.resource(slo_id), {}) is None


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("metric monitor", {"query": "errors > 1"}, "The value provided for parameter 'query' is invalid: "),
    (
        "metric monitor",
        {"monitorThresholds": {"critical": "0.02"}},
        "Alert threshold (0.02) does not match that used in the query (0.01).",
    ),
    ("metric monitor", {"notifyBies": ["pod"]}, "notify_by: pod is not among the query's groups"),
    ("dashboard", {"dashboard": "{"}, "dashboard: is not JSON: "),
    ("objective", {"thresholds": [{"timeframe": "31d", "target": 99}]}, "thresholds[0].timeframe: "),
    ("check of a page", {"assertions": []}, "/config/assertions: minItems: 1"),
    ("account", {"awsAccountId": "1"}, "/data/attributes/aws_account_id: pattern"),
    ("dashboard", {"dashboard": '{"title": "x", "widgets": []}'}, "missing: layout_type"),
]


@pytest.mark.parametrize(("name", "change", "message"), FAULTS)
def test_an_invalid_body_is_refused_without_a_request(name: str, change: dict[str, Any], message: str):
    [fault] = Datadog("datadog").faults(CASES[name].resource(**change))
    assert fault.startswith(message)


def test_a_secret_or_unknown_query_is_not_checked():
    monitor = CASES["metric monitor"]
    for value in (Secret("errors > 1"), UNKNOWN):
        assert list(Datadog("datadog").faults(monitor.resource(query=value))) == []


def test_no_log_has_a_secret(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with serve(DatadogApi()) as url:
        target, case = DatadogTarget(url), CASES["check of a page"]
        live = target.create(case.resource(requestHeaders=Secret({"X-Token": "hunter2"})))
        assert read_inputs(target, case.resource(live.id))["requestHeaders"] == {"X-Token": "hunter2"}
        with pytest.raises(ProviderError) as error:
            target.create(case.resource(requestHeaders=Secret({"X-Token": 5}), name="hunter2"))
    assert "POST /api/v1/synthetics/tests/api" in caplog.text
    assert "hunter2" not in caplog.text + str(error.value)
