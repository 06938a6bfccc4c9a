"""Tests of the check of monitor data after a deployment: queried metrics, and reasons for silence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.lib import health
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog
from operations.lib.services.datadog import Datadog, series
from tests.support.operations.environment import KEYS, ExternalServices, metric
from tests.support.waits import replace_sleep
from tests.unit.components.datadog.test_alert_catalog import QUERIES

SETTINGS: dict[str, Any] = {"service": {"environment": "dev"}, "monitoring": {"site": "ap1.datadoghq.com"}}
REAL = Options("dev", "real", False, True, SETTINGS)
TRACES = "env:dev,service:pipe-api"
NO_PROBES = f"{{{TRACES},!resource_name:get_/}}.as_rate().rollup(sum, 60)"


@pytest.mark.parametrize(
    ("query", "measured"),
    [
        (
            f"min(last_5m):default_zero(sum:a.errors{NO_PROBES})"
            f" / clamp_min(sum:a.hits{NO_PROBES}, 1.6667) > 0.01",
            [f"sum:a.hits{{{TRACES}}}"],
        ),
        ("percentile(last_5m):p95:trace.request{env:dev} > 1", ["p95:trace.request{env:dev}"]),
        (
            "avg(last_10m):100 * sum:cpu{a:b} by {pod} / ( sum:limit{a:b} by {pod} * 10 ) > 90",
            ["sum:cpu{a:b}", "sum:limit{a:b}"],
        ),
        ("change(max(last_10m),last_10m):max:restarts{a:b} by {c,d} > 3", ["max:restarts{a:b}"]),
        ("avg(last_5m):sum:a{*} + sum:a{*} > 1", ["sum:a{*}"]),
    ],
)
def test_a_metric_is_queried_unless_it_may_have_no_events(query: str, measured: list[str]) -> None:
    assert series(query) == measured


@pytest.mark.parametrize("name", QUERIES)
def test_every_alert_has_a_metric_that_always_reports(name: str) -> None:
    measured = series(QUERIES[name])
    assert measured and not any("error" in query or "!" in query for query in measured)


@pytest.mark.parametrize("name", QUERIES)
def test_the_reason_of_a_silent_metric_is_printed(name: str) -> None:
    expected = {
        "HighErrorRate": "no traces",
        "HighResponseTime": "no traces",
        "HighProxyErrorRate": "access log is not counted",
        "BackupLate": "--from=cronjob/pipe-backup",
        "CertificateExpiry": "do not check the certificate",
        "OriginCertificateExpiry": "do not check the certificate",
    }.get(
        name, "does not read the AWS account" if name.startswith("Database") else "the agents do not report"
    )
    assert expected in health.reason(series(QUERIES[name])[0])


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExternalServices]:
    services = ExternalServices(tmp_path)
    services.monitors = {
        "HighErrorRate (dev)": "OK",
        "BackupLate (dev)": "No Data",
        "BackupFailed (dev)": "OK",
    }
    services.queries = {
        "HighErrorRate (dev)": QUERIES["HighErrorRate"],
        "BackupLate (dev)": QUERIES["BackupLate"],
        "BackupFailed (dev)": '"kubernetes_state.cronjob.complete".over("env:dev").last(2).count_by_status()',
    }
    for name, value in {**KEYS, "DATADOG_HOST": services.datadog}.items():
        monkeypatch.setenv(name, value)
    yield services
    services.stop()


@pytest.mark.engine
def test_each_metric_is_queried_once(outside: ExternalServices) -> None:
    assert Datadog(REAL).silent() == {}
    assert [metric(query) for query in outside.asked_for] == [
        "trace.express.request.hits",
        "kubernetes_state.cronjob.duration_since_last_successful",
    ]
    assert not any("!" in query for query in outside.asked_for)


@pytest.mark.engine
def test_a_monitor_without_data_fails_the_deployment_and_prints_the_remedy(outside: ExternalServices) -> None:
    outside.silent = {"kubernetes_state.cronjob.duration_since_last_successful"}
    outside.monitors["BackupFailed (dev)"] = "No Data"
    steps = RunLog("deploy", REAL)
    with steps.step("every monitor has data"), pytest.raises(FailedError) as raised:
        health.check_monitor_data(steps, REAL, seconds=0)
    assert "BackupFailed (dev), BackupLate (dev)" in str(raised.value)
    assert "HighErrorRate" not in str(raised.value)
    output = "\n".join(steps.steps[-1].lines)
    assert output.count("kubectl -n pipe create job --from=cronjob/pipe-backup first-backup") == 2


@pytest.mark.engine
def test_a_deployment_waits_for_late_data(outside: ExternalServices, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.silent = {"trace.express.request.hits"}

    def sleep(_: float) -> None:
        outside.silent.clear()

    replace_sleep(monkeypatch, sleep)
    steps = RunLog("deploy", REAL)
    with steps.step("every monitor has data"):
        health.check_monitor_data(steps, REAL, seconds=60)
    assert steps.steps[-1].lines == ["no data yet: HighErrorRate (dev)", "every monitor has data"]


def test_the_check_is_skipped_in_a_sandbox_since_nothing_reports_to_it() -> None:
    options = Options("dev", "sandbox", False, True, SETTINGS)
    steps = RunLog("deploy", options)
    with steps.step("every monitor has data"):
        health.check_monitor_data(steps, options)
    assert steps.steps[-1].result == "skipped"
