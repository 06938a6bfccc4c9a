"""Tests of the local Datadog API.

The paths and bodies are those of terraform-provider-datadog (resource_datadog_*.go), on which pulumi-datadog
is built. They include the requests of a preview, and the creation, read, update and deletion of each object.
"""

import json
from collections.abc import Generator
from typing import Any, cast

import pytest
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi
from datadog_api_client.v1.api.synthetics_api import SyntheticsApi
from datadog_api_client.v2.api.aws_integration_api import AWSIntegrationApi

from sandbox.clouds.datadog.api import DatadogApi
from sandbox.clouds.web import Json
from tests.support.sandbox.clouds.local_api import Client, serve

KEYS = {"DD-API-KEY": "it", "DD-APPLICATION-KEY": "it"}

# A monitor as the plugin sends it, with all options that have a default.
MONITOR: Json = {
    "type": "query alert",
    "query": "min(last_5m):sum:errors{env:dev}.as_rate() > 0.5",
    "name": "HighErrorRate",
    "message": "@slack-pipe",
    "priority": 1,
    "tags": ["env:dev"],
    "options": {
        "thresholds": {"critical": 0.5},
        "include_tags": True,
        "new_host_delay": 300,
        "notify_no_data": False,
        "require_full_window": True,
    },
}
SLO: Json = {
    "name": "Availability",
    "type": "metric",
    "query": {"numerator": "sum:good{*}.as_count()", "denominator": "sum:all{*}.as_count()"},
    "thresholds": [{"timeframe": "30d", "target": 99.5, "warning": 99.9}],
}
TEST: Json = {
    "name": "SiteDown",
    "type": "api",
    "subtype": "http",
    "status": "live",
    "message": "",
    "locations": ["aws:eu-central-1"],
    "config": {
        "assertions": [{"type": "statusCode", "operator": "is", "target": 200}],
        "request": {"method": "GET", "url": "https://pipe.dev", "headers": {"X-Token": "hunter2"}},
    },
    "options": {"tick_every": 300, "retry": {"count": 2, "interval": 1000}},
}
DASHBOARD: Json = {
    "title": "Pipe dev",
    "layout_type": "ordered",
    "widgets": [
        {
            "definition": {
                "type": "group",
                "layout_type": "ordered",
                "widgets": [{"definition": {"type": "timeseries", "requests": [{"q": "avg:load{*}"}]}}],
            }
        }
    ],
}
ACCOUNT: Json = {
    "data": {
        "type": "account",
        "attributes": {
            "aws_account_id": "123456789012",
            "aws_partition": "aws",
            "auth_config": {"role_name": "datadog"},
            "aws_regions": {"include_only": ["ap-northeast-1"]},
            "logs_config": {"lambda_forwarder": {}},
            "metrics_config": {"namespace_filters": {"include_only": ["AWS/RDS"]}},
            "resources_config": {"extended_collection": False},
            "traces_config": {"xray_services": {"include_only": []}},
        },
    }
}


class Datadog(Client):
    """A client that sends an API key and an application key."""

    def __init__(self, url: str) -> None:
        super().__init__(url, **KEYS)

    def ok(self, verb: str, path: str, sent: Any = None) -> Any:
        """Return the response to a request, which must succeed."""
        status, body = self(verb, path, sent)
        assert status == 200, body
        return body

    def refused(self, verb: str, path: str, sent: Any = None) -> tuple[int, str]:
        """Return the status and the error of a refused request."""
        status, body = self(verb, path, sent)
        assert list(body) == ["errors"], body
        return status, body["errors"][0]


@pytest.fixture
def api() -> Generator[Datadog]:
    with serve(DatadogApi()) as url:
        yield Datadog(url)


@pytest.fixture
def official(api: Datadog) -> Generator[ApiClient]:
    """Return Datadog's own client for the API."""
    configuration = Configuration(host=api.url, api_key={"apiKeyAuth": "it", "appKeyAuth": "it"})
    configuration.server_variables = {}
    with ApiClient(configuration) as client:
        yield client


def changed(body: Json, path: str, value: Any) -> Json:
    """Return the body with a new value at a dotted path; None removes the member."""
    copy: Json = json.loads(json.dumps(body))
    *steps, last = path.split(".")
    at: Any = copy
    for step in steps:
        at = at[int(step) if step.isdigit() else step]
    at[int(last) if last.isdigit() else last] = value
    return copy


@pytest.mark.parametrize("path", ["/api/v1/monitor", "/api/v2/integration/aws/accounts", "/api/v1/dashboard"])
def test_a_request_without_keys_is_forbidden(api: Datadog, path: str):
    for headers in ({}, {"DD-API-KEY": "it"}, {"DD-APPLICATION-KEY": "it"}):
        assert Client(api.url, **headers)("GET", path) == (403, {"errors": ["Forbidden"]})


def test_an_api_key_can_be_validated_without_an_application_key(api: Datadog):
    assert Client(api.url, **{"DD-API-KEY": "it"})("GET", "/api/v1/validate") == (200, {"valid": True})
    assert Client(api.url)("GET", "/api/v1/validate")[0] == 403


# Monitors


def test_a_monitor_is_created_changed_and_deleted(api: Datadog):
    assert api("POST", "/api/v1/monitor/validate", MONITOR) == (200, {})
    assert api.ok("GET", "/api/v1/monitor") == []
    monitor = api.ok("POST", "/api/v1/monitor", MONITOR)
    assert MONITOR["options"].items() <= monitor["options"].items() and monitor["overall_state"] == "No Data"
    path = f"/api/v1/monitor/{monitor['id']}"
    assert api.ok("GET", path) == monitor
    update = changed(MONITOR, "message", "@slack-other") | {"id": monitor["id"]}
    assert api.ok("POST", f"{path}/validate", MONITOR) == {}
    after = api.ok("PUT", path, update)
    assert (after["message"], after["created"]) == ("@slack-other", monitor["created"])
    assert api.ok("DELETE", path) == {"deleted_monitor_id": monitor["id"]}
    assert api.refused("GET", path) == (404, "Monitor not found")
    assert api.refused("DELETE", path) == (404, "Monitor not found")
    assert api.refused("POST", f"{path}/validate", MONITOR) == (404, "Monitor not found")


def test_two_monitors_may_have_the_same_name(api: Datadog):
    ids = {api.ok("POST", "/api/v1/monitor", MONITOR)["id"] for _ in range(2)}
    assert {item["id"] for item in api.ok("GET", "/api/v1/monitor?name=HighErrorRate")} == ids
    assert api.ok("GET", "/api/v1/monitor?name=Other") == []


def test_pages_of_monitors_begin_with_0(api: Datadog):
    ids = [api.ok("POST", "/api/v1/monitor", MONITOR)["id"] for _ in range(3)]
    for page, expected in ((0, ids[:2]), (1, ids[2:]), (2, [])):
        monitors = api.ok("GET", f"/api/v1/monitor?page={page}&page_size=2")
        assert [item["id"] for item in monitors] == expected


def test_a_monitor_without_thresholds_gets_that_of_its_query(api: Datadog):
    monitor = api.ok("POST", "/api/v1/monitor", MONITOR | {"options": {}})
    assert monitor["options"]["thresholds"] == {"critical": 0.5}


OTHER = 'burn_rate("x").over("30d").long_window("1h").short_window("5m") > 2'
REFUSED_MONITORS: list[tuple[str, Any, str]] = [
    ("query", None, "missing: query"),
    ("query", 5, "Invalid type for variable 'query'"),
    ("type", "metric alarm", "type: unknown value; allowed: audit alert, "),
    ("priority", 9, "/priority: maximum: 5"),
    ("titel", "x", "titel: there is no such attribute; known: "),
    ("options.tresholds", {}, "options.tresholds: there is no such attribute; known: "),
    ("options.thresholds.critical", "0.5", "Invalid type for variable 'critical'"),
    ("options.thresholds.critical", 0.6, "Alert threshold (0.6) does not match that used in the query"),
    ("options.on_missing_data", "resolved", "options.on_missing_data: unknown value; allowed: default, "),
    ("options.renotify_statuses", ["alert"], "/options: dependentRequired"),
    ("options", {"notify_no_data": True, "on_missing_data": "resolve"}, "cannot be used together with"),
    ("options", {"no_data_timeframe": 10, "on_missing_data": "resolve"}, "cannot be used together with"),
    ("options.timeout_h", 99, "/options/timeout_h: maximum: 24"),
    ("options.evaluation_delay", -5, "/options/evaluation_delay: minimum: 0"),
    ("options.renotify_interval", -1, "/options/renotify_interval: minimum: 0"),
    ("query", "errors > 1", "The value provided for parameter 'query' is invalid: syntax error after ''"),
]


@pytest.mark.parametrize(("path", "value", "fault"), REFUSED_MONITORS)
def test_an_invalid_monitor_is_refused(api: Datadog, path: str, value: Any, fault: str):
    monitor = changed(MONITOR, path, value)
    for way in ("/api/v1/monitor", "/api/v1/monitor/validate"):
        status, message = api.refused("POST", way, monitor)
        assert status == 400 and fault in message, message
    assert api.ok("GET", "/api/v1/monitor") == []


def test_a_query_of_a_missing_objective_is_refused(api: Datadog):
    alert = {"type": "slo alert", "query": OTHER}
    assert api.refused("POST", "/api/v1/monitor", alert)[1].endswith("there is no SLO x")
    slo = api.ok("POST", "/api/v1/slo", SLO)["data"][0]["id"]
    api.ok("POST", "/api/v1/monitor", alert | {"query": OTHER.replace("x", slo)})


def test_the_type_of_a_monitor_cannot_be_changed(api: Datadog):
    monitor = api.ok("POST", "/api/v1/monitor", MONITOR)
    path = f"/api/v1/monitor/{monitor['id']}"
    check = {"type": "service check", "query": '"app.ok".over("*").last(2).count_by_status()'}
    message = "type: it cannot be changed from query alert"
    assert api.refused("PUT", path, MONITOR | check | {"options": {}}) == (400, message)
    api.ok("PUT", path, MONITOR | {"type": "metric alert"})  # another name for the same type


# Objectives


def test_an_objective_is_created_changed_and_deleted(api: Datadog):
    (slo,) = api.ok("POST", "/api/v1/slo", SLO)["data"]
    assert (slo["timeframe"], slo["target_threshold"], slo["warning_threshold"]) == ("30d", 99.5, 99.9)
    assert slo["thresholds"][0]["target_display"] == "99.5"
    (whole,) = api.ok("POST", "/api/v1/slo", changed(SLO, "thresholds.0.target", 95))["data"]
    assert whole["thresholds"][0]["target_display"] == "95."
    api.ok("DELETE", f"/api/v1/slo/{whole['id']}")
    path = f"/api/v1/slo/{slo['id']}"
    assert api.ok("GET", path) == {"data": slo}
    (after,) = api.ok("PUT", path, SLO | {"id": slo["id"], "description": "x"})["data"]
    assert (after["description"], after["created_at"]) == ("x", slo["created_at"])
    assert [item["id"] for item in api.ok("GET", "/api/v1/slo")["data"]] == [slo["id"]]
    assert api.ok("DELETE", path) == {"data": [slo["id"]]}
    assert api.refused("GET", path) == (404, "SLO not found")


REFUSED_OBJECTIVES: list[tuple[str, Any, str]] = [
    ("type", "metrics", "type: unknown value; allowed: metric, monitor, time_slice"),
    ("thresholds.0.timeframe", "31d", "thresholds[0].timeframe: unknown value"),
    ("thresholds.0.goal", 1.0, "thresholds[0].goal: there is no such attribute"),
    ("thresholds.0.target", 100.0, "/thresholds/0/target: exclusiveMaximum: 100"),
    ("thresholds.0.warning", 99.0, "thresholds: a warning must be greater than its target"),
    ("thresholds", [], "/thresholds: minItems"),
    (
        "thresholds",
        [{"timeframe": "30d", "target": 99.0}, {"timeframe": "30d", "target": 98.0}],
        "thresholds: a timeframe must not occur twice",
    ),
    ("query", None, "/: required: ['query']"),
    ("query.numerator", "good", "Invalid query: numerator: syntax error after ''"),
    ("monitor_ids", [7], "monitor_ids cannot be used together with query"),
    ("groups", ["env:dev"], "groups cannot be used together with query"),
    ("type", "time_slice", "/: required: ['sli_specification']"),
]


@pytest.mark.parametrize(("path", "value", "fault"), REFUSED_OBJECTIVES)
def test_an_invalid_objective_is_refused(api: Datadog, path: str, value: Any, fault: str):
    status, message = api.refused("POST", "/api/v1/slo", changed(SLO, path, value))
    assert status == 400 and fault in message, message


def test_an_objective_of_a_missing_monitor_is_refused(api: Datadog):
    slo = SLO | {"type": "monitor", "monitor_ids": [7], "query": None}
    assert api.refused("POST", "/api/v1/slo", slo) == (400, "monitor 7 does not exist")


def test_a_monitor_of_an_objective_is_deleted_only_by_force(api: Datadog):
    monitor = api.ok("POST", "/api/v1/monitor", MONITOR)["id"]
    own = {"type": "monitor", "monitor_ids": [monitor], "query": None}
    slo = api.ok("POST", "/api/v1/slo", SLO | own)["data"][0]["id"]
    message = f"monitor [{monitor},\"HighErrorRate\"] is referenced in slos: ['{slo}']"
    assert api.refused("DELETE", f"/api/v1/monitor/{monitor}") == (400, message)
    api.ok("DELETE", f"/api/v1/monitor/{monitor}?force=true")


def test_an_objective_on_a_dashboard_is_deleted_only_by_force(api: Datadog):
    slo = api.ok("POST", "/api/v1/slo", SLO)["data"][0]["id"]
    widget = {"definition": {"type": "slo", "slo_id": slo, "view_type": "detail"}}
    api.ok("POST", "/api/v1/dashboard", DASHBOARD | {"widgets": [widget]})
    assert api.refused("DELETE", f"/api/v1/slo/{slo}") == (409, f"SLO {slo} is used by Pipe dev")
    api.ok("DELETE", f"/api/v1/slo/{slo}?force=true")


# Dashboards


def test_a_dashboard_is_created_changed_and_deleted(api: Datadog):
    dashboard = api.ok("POST", "/api/v1/dashboard", DASHBOARD)
    group = dashboard["widgets"][0]
    assert isinstance(group["id"], int) and isinstance(group["definition"]["widgets"][0]["id"], int)
    path = f"/api/v1/dashboard/{dashboard['id']}"
    assert dashboard["url"] == f"/dashboard/{dashboard['id']}/pipe-dev" and api.ok("GET", path) == dashboard
    after = api.ok("PUT", path, DASHBOARD | {"title": "Other"})
    assert (after["title"], after["id"], after["created_at"]) == (
        "Other",
        dashboard["id"],
        dashboard["created_at"],
    )
    assert [item["title"] for item in api.ok("GET", "/api/v1/dashboard")["dashboards"]] == ["Other"]
    assert api.ok("DELETE", path) == {"deleted_dashboard_id": dashboard["id"]}
    assert api.refused("GET", path) == (404, "Dashboard not found")


def formula(query: str = "avg:load{*}", formula: str = "a") -> Json:
    """Return a widget's request that has a named query and a formula."""
    queries = [{"data_source": "metrics", "name": "a", "query": query}]
    return {"formulas": [{"formula": formula}], "queries": queries, "response_format": "timeseries"}


INNER = "widgets.0.definition.widgets.0.definition"
REFUSED_DASHBOARDS: list[tuple[str, Any, str]] = [
    ("title", None, "missing: title"),
    ("layout_type", "grid", "layout_type: unknown value; allowed: free, ordered"),
    ("colour", "red", "colour: there is no such attribute"),
    (f"{INNER}.type", "timeserie", "definition: matches none of the allowed types"),
    (f"{INNER}.requests.0.q", "avg:load", "Invalid query: syntax error after 'avg:load'"),
    (f"{INNER}.legend", "x", "legend: there is no such attribute"),
    (f"{INNER}.requests.0", formula(query="garbage"), "definition: syntax error after ''"),
    (f"{INNER}.requests.0", formula(formula="a +"), "definition: syntax error after 'a +'"),
]


@pytest.mark.parametrize(("path", "value", "fault"), REFUSED_DASHBOARDS)
def test_an_invalid_dashboard_is_refused(api: Datadog, path: str, value: Any, fault: str):
    status, message = api.refused("POST", "/api/v1/dashboard", changed(DASHBOARD, path, value))
    assert status == 400 and fault.split(": ")[-1] in message, message


# Synthetic tests


def test_a_synthetic_test_is_created_changed_and_deleted(api: Datadog):
    test = api.ok("POST", "/api/v1/synthetics/tests/api", TEST)
    assert TEST.items() <= test.items()
    path = f"/api/v1/synthetics/tests/api/{test['public_id']}"
    assert api.ok("GET", path) == test == api.ok("GET", path.replace("tests/api", "tests"))
    assert api.ok("GET", f"/api/v1/monitor/{test['monitor_id']}")["type"] == "synthetics alert"
    after = api.ok("PUT", path, TEST | {"name": "Other"})
    assert (after["name"], after["monitor_id"]) == ("Other", test["monitor_id"])
    assert [item["name"] for item in api.ok("GET", "/api/v1/synthetics/tests")["tests"]] == ["Other"]
    deletion = api.ok("POST", "/api/v1/synthetics/tests/delete", {"public_ids": [test["public_id"]]})
    assert deletion["deleted_tests"][0]["public_id"] == test["public_id"]
    assert api.refused("GET", path) == (404, "Synthetics test not found")
    assert api.refused("GET", f"/api/v1/monitor/{test['monitor_id']}")[0] == 404


REFUSED_TESTS: list[tuple[str, Any, str]] = [
    ("config.assertions.0.operator", "equals", "matches none of the allowed types"),
    ("config.assertions", [], "/config/assertions: minItems: 1"),
    ("config.request.url", None, "/config/request: required: ['method', 'url']"),
    ("subtype", "ssl", "/config/request: required: ['host', 'port']"),
    ("config.request.metod", "GET", "config.request.metod: there is no such attribute"),
    ("locations", [], "/locations: minItems: 1"),
    (
        "options.tick_every",
        10,
        "Invalid value for `tick_every`, must be a value greater than or equal to `30`",
    ),
    ("options.tick", 60, "options.tick: there is no such attribute"),
    ("options.retry.interval", 9000, "/options/retry/interval: maximum: 5000"),
    ("status", "on", "status: unknown value; allowed: live, paused"),
    ("options.tick_every", 604801, "must be a value less than or equal to `604800`"),
    ("options.monitor_priority", 6, "must be a value less than or equal to `5`"),
    ("config.request.headers", {"X Token": "a"}, "/headers: invalid name of a header"),
    (
        "config.request.headers",
        {"X-Token": "a\nb"},
        "the value of a header must be one line without control characters",
    ),
]


@pytest.mark.parametrize(("path", "value", "fault"), REFUSED_TESTS)
def test_an_invalid_synthetic_test_is_refused(api: Datadog, path: str, value: Any, fault: str):
    status, message = api.refused("POST", "/api/v1/synthetics/tests/api", changed(TEST, path, value))
    assert status == 400 and fault in message, message
    assert "hunter2" not in message


# Log-based metrics


LOGS_METRIC: Json = {
    "data": {
        "type": "logs_metrics",
        "id": "pipe.dev.proxy.requests",
        "attributes": {"compute": {"aggregation_type": "count"}, "filter": {"query": "service:pipe-proxy"}},
    }
}


def test_a_log_based_metric_is_created_changed_and_deleted(api: Datadog):
    base = "/api/v2/logs/config/metrics"
    metric = api.ok("POST", base, LOGS_METRIC)["data"]
    assert (metric["id"], metric["attributes"]["filter"]) == (
        "pipe.dev.proxy.requests",
        {"query": "service:pipe-proxy"},
    )
    path = f"{base}/pipe.dev.proxy.requests"
    assert api.ok("GET", path) == {"data": metric}
    change = {"data": {"type": "logs_metrics", "attributes": {"filter": {"query": "service:other"}}}}
    after = api.ok("PATCH", path, change)["data"]["attributes"]
    assert (after["filter"], after["compute"]) == ({"query": "service:other"}, {"aggregation_type": "count"})
    assert api.refused("POST", base, LOGS_METRIC)[0] == 409
    assert api("DELETE", path) == (204, None)
    assert api.refused("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("data.id", "5xx of pipe", "/data/id: a metric's name begins with a letter"),
        (
            "data.attributes.compute.aggregation_type",
            "sum",
            "unknown value; allowed: count, distribution",
        ),
        ("data.attributes.compute.aggregation_type", "distribution", "required: ['path']"),
        ("data.attributes.compute.path", "@duration", "only distributions have a path"),
        ("data.attributes.query", "a", "query: there is no such attribute"),
    ],
)
def test_an_invalid_log_based_metric_is_refused(api: Datadog, path: str, value: Any, fault: str):
    status, message = api.refused("POST", "/api/v2/logs/config/metrics", changed(LOGS_METRIC, path, value))
    assert status == 400 and fault in message, message


def test_the_compute_rule_of_a_log_based_metric_cannot_be_changed(api: Datadog):
    api.ok("POST", "/api/v2/logs/config/metrics", LOGS_METRIC)
    attributes = {"compute": {"aggregation_type": "distribution", "path": "@duration"}}
    update = {"data": {"type": "logs_metrics", "attributes": attributes}}
    status, message = api.refused("PATCH", "/api/v2/logs/config/metrics/pipe.dev.proxy.requests", update)
    assert status == 400 and "there is no such attribute" in message


# The AWS integration


def test_an_aws_account_is_created_changed_and_deleted(api: Datadog):
    account = api.ok("POST", "/api/v2/integration/aws/accounts", ACCOUNT)["data"]
    assert len(account["attributes"]["auth_config"]["external_id"]) == 32
    path = f"/api/v2/integration/aws/accounts/{account['id']}"
    assert api.ok("GET", path) == {"data": account}
    update = changed(ACCOUNT, "data.attributes.account_tags", ["team:x"])
    after = api.ok("PATCH", path, update)["data"]["attributes"]
    assert (after["account_tags"], after["auth_config"]) == (["team:x"], account["attributes"]["auth_config"])
    assert api.refused("PUT", path, ACCOUNT)[0] == 405
    message = "AWS account 123456789012 already exists"
    assert api.refused("POST", "/api/v2/integration/aws/accounts", ACCOUNT) == (409, message)
    assert api("DELETE", path) == (204, None)
    assert api.refused("GET", path)[0] == 404


REFUSED_ACCOUNTS: list[tuple[str, Any, str]] = [
    ("aws_account_id", "1234", "/data/attributes/aws_account_id: pattern"),
    ("aws_partition", "aws-eu", "aws_partition: unknown value; allowed: aws, aws-cn, aws-us-gov"),
    ("auth_config", {"role": "x"}, "auth_config: matches none of the allowed types"),
    ("account_tag", [], "account_tag: there is no such attribute"),
    ("auth_config", {"access_key_id": "ASIA1234", "secret_access_key": "x"}, "/access_key_id: pattern"),
    ("logs_config", {}, "/logs_config: required: ['lambda_forwarder']"),
    ("traces_config", {}, "/traces_config: required: ['xray_services']"),
    ("metrics_config", {"enabled": True}, "/metrics_config: required: ['namespace_filters']"),
    (
        "metrics_config.namespace_filters",
        {"include_only": [], "exclude_only": []},
        "matches none of the allowed types",
    ),
]


def test_an_account_without_a_required_part_is_refused(api: Datadog):
    for part in ("aws_regions", "logs_config", "metrics_config", "resources_config", "traces_config"):
        account = changed(ACCOUNT, f"data.attributes.{part}", None)
        del account["data"]["attributes"][part]
        status, message = api.refused("POST", "/api/v2/integration/aws/accounts", account)
        assert status == 400 and "/data/attributes: required: [" in message


@pytest.mark.parametrize(("path", "value", "fault"), REFUSED_ACCOUNTS)
def test_an_invalid_account_is_refused(api: Datadog, path: str, value: Any, fault: str):
    account = changed(ACCOUNT, f"data.attributes.{path}", value)
    status, message = api.refused("POST", "/api/v2/integration/aws/accounts", account)
    assert status == 400 and fault in message, message


# Datadog's own client


def test_the_official_client_parses_the_responses(api: Datadog, official: ApiClient):
    watch, aim = cast(Any, MonitorsApi(official)), cast(Any, ServiceLevelObjectivesApi(official))
    monitor, slo = watch.create_monitor(MONITOR), aim.create_slo(SLO)
    dashboard = cast(Any, DashboardsApi(official)).create_dashboard(DASHBOARD)
    test = cast(Any, SyntheticsApi(official)).create_synthetics_api_test(TEST)
    account = cast(Any, AWSIntegrationApi(official)).create_aws_account(ACCOUNT)
    for model in (monitor, slo, dashboard, test, account, aim.get_slo(slo.data[0].id)):
        assert not model._unparsed
    assert watch.get_monitor(monitor.id).name == "HighErrorRate"
    with pytest.raises(ApiException) as error:
        watch.get_monitor(7)
    exception = cast(Any, error.value)
    assert (exception.status, exception.body) == (404, {"errors": ["Monitor not found"]})
