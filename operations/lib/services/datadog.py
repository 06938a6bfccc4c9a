"""Client for a stack's Datadog monitors, the metrics that the monitors evaluate, and the synthetic checks."""

import os
import re
import time
from collections.abc import Callable
from typing import Any, cast

import urllib3
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.metrics_api import MetricsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.synthetics_api import SyntheticsApi
from datadog_api_client.v1.model.synthetics_ci_test import SyntheticsCITest
from datadog_api_client.v1.model.synthetics_ci_test_body import SyntheticsCITestBody

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError

KEYS = ("DATADOG_API_KEY", "DATADOG_APP_KEY")
EVERY = 5.0
"""Seconds between two queries about a running check."""
ENDS = ("passed", "failed", "skipped")
"""Final states of a run of synthetic checks."""
RECENT = 3600
"""Seconds within which a metric must have reported; CloudWatch's metrics arrive up to 15 minutes late."""
METRICS = ("query alert", "metric alert")
"""Types of Datadog monitors that evaluate metrics."""
SERIES = re.compile(r"\b(?P<of>(?:avg|sum|min|max|count|p\d+):[a-zA-Z][\w.]*)\{(?P<tags>[^{}]*)\}")
"""Pattern of a metric with its tags in a query, such as sum:trace.express.request.hits{env:prod}."""


class Datadog:
    """The monitors, metrics and synthetic checks of one stack in a Datadog organization."""

    def __init__(self, options: Options) -> None:
        self._tags = {f"env:{options.settings['service']['environment']}", "service:pipe-api"}
        api = client(options)
        self._monitors, self._synthetics = MonitorsApi(api), SyntheticsApi(api)
        self._metrics = MetricsApi(api)

    def monitors(self) -> dict[str, str]:
        """Return the state of each monitor (OK, Warn, Alert or No Data) by the monitor's name."""
        return {monitor.name: _state(monitor) for monitor in self._own()}

    def _own(self) -> list[Any]:
        """Return the stack's monitors."""
        listed: list[Any] = _call(
            lambda: self._monitors.list_monitors(monitor_tags=",".join(sorted(self._tags)))
        )
        return [monitor for monitor in listed if self._tags <= set(monitor.tags)]

    def silent(self) -> dict[str, list[str]]:
        """Return the metrics without data in the last hour, or the check without data, by the monitor's name.

        Datadog notifies about missing data only if the metric has reported before. The monitor of a metric
        that has never reported therefore never alerts.
        """
        missing: dict[str, list[str]] = {}
        reported: dict[str, bool] = {}
        for monitor in self._own():
            if str(monitor.type) in METRICS:
                queries = series(monitor.query)
                for query in queries:
                    if query not in reported:
                        reported[query] = self._has_points(query)
                absent = [query for query in queries if not reported[query]]
            else:
                check = str(monitor.type) == "service check" and _state(monitor) == "No Data"
                absent = [monitor.query.partition(".over(")[0].strip('"')] if check else []
            if absent:
                missing[monitor.name] = absent
        return missing

    def _has_points(self, query: str) -> bool:
        until = int(time.time())
        answer = _call(lambda: self._metrics.query_metrics(until - RECENT, until, query)).to_dict()
        return any(entry.get("pointlist") for entry in answer.get("series") or ())

    def check(self, seconds: float) -> dict[str, str]:
        """Run the stack's synthetic checks; return their results (passed, failed, skipped) by name.

        Raises FailedError if the stack has no check, or if the checks take longer than `seconds`.
        """
        tests: list[Any] = _call(self._synthetics.list_tests).tests
        names = {test.public_id: test.name for test in tests if self._tags <= set(test.tags)}
        if not names:
            raise FailedError(f"Datadog has no synthetic check with {', '.join(sorted(self._tags))}")
        body = SyntheticsCITestBody(tests=[SyntheticsCITest(public_id=ident) for ident in names])
        batch = _call(lambda: self._synthetics.trigger_ci_tests(body=body)).batch_id
        end = time.monotonic() + seconds
        while True:
            response = _call(lambda: self._synthetics.get_synthetics_ci_batch(batch_id=batch))
            data = response.to_dict()["data"]
            if data["status"] in ENDS:
                results = data["results"]
                return {names.get(result["test_public_id"], "?"): result["status"] for result in results}
            if time.monotonic() > end:
                raise FailedError(f"the synthetic checks did not finish within {seconds:.0f} s")
            time.sleep(EVERY)


def series(query: str) -> list[str]:
    """Return the metrics, with their tags, that a monitor's query reads and that should always have data.

    Metrics in default_zero(…) are omitted, since they report only if there is something to count, such as
    errors. Exclusions such as !resource_name:… are removed from the tags: a stack without visitors receives
    only the requests of probes, which also prove that data arrives.
    """
    metrics: list[str] = []
    for match in SERIES.finditer(_without_defaults(query)):
        tags = [tag.strip() for tag in match["tags"].split(",")]
        metrics.append(f"{match['of']}{{{','.join(tag for tag in tags if not tag.startswith('!'))}}}")
    return list(dict.fromkeys(metrics))


def _without_defaults(query: str) -> str:
    """Return a query without its default_zero calls, whose arguments may contain parentheses."""
    before, call, rest = query.partition("default_zero(")
    if not call:
        return query
    depth = 1
    for position, character in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return before + _without_defaults(rest[position + 1 :])
    return before


def _state(monitor: Any) -> str:
    return str(monitor.get("overall_state", "No Data"))


def client(options: Options) -> ApiClient:
    """Return a client of the Datadog API for the stack."""
    host, keys = _access(options)
    # A lost connection must not cause a rollback, so each request is tried three times.
    configuration = Configuration(host=host, enable_retry=True, max_retries=2, request_timeout=20)
    configuration.api_key = {"apiKeyAuth": keys[0], "appKeyAuth": keys[1]}
    return ApiClient(configuration)


def _access(options: Options) -> tuple[str, tuple[str, str]]:
    """Return Datadog's address, and the API key and the application key, for the stack or its sandbox.

    Refuse an environment without the keys.
    """
    if options.target == "sandbox":
        from sandbox.toolchain import plugins

        running = sandbox_targets.running(options)
        variables = plugins.client_environment(running)
        return running.datadog, (variables["DD_API_KEY"], variables["DD_APP_KEY"])
    missing = [name for name in KEYS if not os.environ.get(name)]
    if missing:
        raise RefusedError(
            f"not set in the environment: {', '.join(missing)}; the checks after a deployment need Datadog's"
            " keys (docs/tokens.md)"
        )
    host = os.environ.get("DATADOG_HOST") or f"https://api.{options.settings['monitoring']['site']}"
    return host, (os.environ[KEYS[0]], os.environ[KEYS[1]])


def _call(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ApiException as error:
        raise FailedError(f"Datadog answered {cast(Any, error).status}: {cast(Any, error).reason}") from None
    except urllib3.exceptions.HTTPError as error:
        raise FailedError(f"Datadog did not respond: {error}") from None
