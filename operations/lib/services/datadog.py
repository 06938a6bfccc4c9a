"""What Datadog says of a stack: its monitors, the data that they judge, and its synthetic check run now."""

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
"""Seconds between two looks at a check that runs."""
ENDS = ("passed", "failed", "skipped")
"""How a run of checks ends."""
RECENT = 3600
"""Seconds in which a metric has to have reported; CloudWatch's arrive after 15 minutes."""
METRICS = ("query alert", "metric alert")
"""Types of monitors that judge metrics."""
SERIES = re.compile(r"\b(?P<of>(?:avg|sum|min|max|count|p\d+):[a-zA-Z][\w.]*)\{(?P<tags>[^{}]*)\}")
"""A metric in a query, with its tags: sum:trace.express.request.hits{env:prod}."""


class Datadog:
    """One stack's part of an organization."""

    def __init__(self, options: Options) -> None:
        self._tags = {f"env:{options.settings['service']['environment']}", "service:pipe-api"}
        api = client(options)
        self._monitors, self._synthetics = MonitorsApi(api), SyntheticsApi(api)
        self._metrics = MetricsApi(api)

    def monitors(self) -> dict[str, str]:
        """The state of each monitor by its name: OK, Warn, Alert, No Data."""
        return {each.name: _state(each) for each in self._own()}

    def _own(self) -> list[Any]:
        """The stack's monitors."""
        listed: list[Any] = _asked(
            lambda: self._monitors.list_monitors(monitor_tags=",".join(sorted(self._tags)))
        )
        return [each for each in listed if self._tags <= set(each.tags)]

    def silent(self) -> dict[str, list[str]]:
        """Return what each monitor judges and nobody has reported in the last hour, by the monitor's name.

        Datadog tells of missing data only where there was some: a monitor of a metric that never reported
        stays silent for ever.
        """
        missing: dict[str, list[str]] = {}
        reported: dict[str, bool] = {}
        for each in self._own():
            if str(each.type) in METRICS:
                judged = series(each.query)
                for query in judged:
                    if query not in reported:
                        reported[query] = self._has_points(query)
                absent = [query for query in judged if not reported[query]]
            else:
                check = str(each.type) == "service check" and _state(each) == "No Data"
                absent = [each.query.partition(".over(")[0].strip('"')] if check else []
            if absent:
                missing[each.name] = absent
        return missing

    def _has_points(self, query: str) -> bool:
        until = int(time.time())
        answer = _asked(lambda: self._metrics.query_metrics(until - RECENT, until, query)).to_dict()
        return any(each.get("pointlist") for each in answer.get("series") or ())

    def check(self, seconds: float) -> dict[str, str]:
        """Runs the stack's synthetic checks now; `passed` or what happened, by name."""
        tests: list[Any] = _asked(self._synthetics.list_tests).tests
        names = {each.public_id: each.name for each in tests if self._tags <= set(each.tags)}
        if not names:
            raise FailedError(f"Datadog has no synthetic check with {', '.join(sorted(self._tags))}")
        body = SyntheticsCITestBody(tests=[SyntheticsCITest(public_id=ident) for ident in names])
        batch = _asked(lambda: self._synthetics.trigger_ci_tests(body=body)).batch_id
        end = time.monotonic() + seconds
        while True:
            found = _asked(lambda: self._synthetics.get_synthetics_ci_batch(batch_id=batch)).to_dict()["data"]
            if found["status"] in ENDS:
                return {names.get(each["test_public_id"], "?"): each["status"] for each in found["results"]}
            if time.monotonic() > end:
                raise FailedError(f"the synthetic checks are not done after {seconds:.0f} s")
            time.sleep(EVERY)


def series(query: str) -> list[str]:
    """Return the metrics of a monitor's query that always report.

    What is in default_zero(…) reports only when there is something to count, such as errors. Exclusions
    (!resource_name:…) are dropped: a stack that nobody visits yet has the requests of probes alone, and they
    show that the data arrives.
    """
    found: list[str] = []
    for match in SERIES.finditer(_without_defaults(query)):
        tags = [tag.strip() for tag in match["tags"].split(",")]
        found.append(f"{match['of']}{{{','.join(tag for tag in tags if not tag.startswith('!'))}}}")
    return list(dict.fromkeys(found))


def _without_defaults(query: str) -> str:
    """Return a query without its calls of default_zero, whose arguments may have parentheses of their own."""
    before, call, rest = query.partition("default_zero(")
    if not call:
        return query
    depth = 1
    for place, character in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return before + _without_defaults(rest[place + 1 :])
    return before


def _state(monitor: Any) -> str:
    return str(monitor.get("overall_state", "No Data"))


def client(options: Options) -> ApiClient:
    """Of the stack's Datadog."""
    host, keys = _access(options)
    # Three tries: what decides over a rollback must not depend on one lost connection.
    configuration = Configuration(host=host, enable_retry=True, max_retries=2, request_timeout=20)
    configuration.api_key = {"apiKeyAuth": keys[0], "appKeyAuth": keys[1]}
    return ApiClient(configuration)


def _access(options: Options) -> tuple[str, tuple[str, str]]:
    """Where Datadog is, and with which keys; from the environment, never from an argument."""
    if options.target == "sandbox":
        from sandbox.toolchain import plugins

        running = sandbox_targets.running(options)
        variables = plugins.clients(running)
        return running.datadog, (variables["DD_API_KEY"], variables["DD_APP_KEY"])
    missing = [name for name in KEYS if not os.environ.get(name)]
    if missing:
        raise RefusedError(
            f"{', '.join(missing)}: the checks after a deployment ask Datadog; set them in the environment"
        )
    host = os.environ.get("DATADOG_HOST") or f"https://api.{options.settings['monitoring']['site']}"
    return host, (os.environ[KEYS[0]], os.environ[KEYS[1]])


def _asked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ApiException as error:
        raise FailedError(f"Datadog answers {cast(Any, error).status}: {cast(Any, error).reason}") from None
    except urllib3.exceptions.HTTPError as error:
        raise FailedError(f"Datadog does not answer: {error}") from None
