"""What Datadog says of a stack: its monitors, and its synthetic check run now."""

import os
import time
from collections.abc import Callable
from typing import Any, cast

import urllib3
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.synthetics_api import SyntheticsApi
from datadog_api_client.v1.model.synthetics_ci_test import SyntheticsCITest
from datadog_api_client.v1.model.synthetics_ci_test_body import SyntheticsCITestBody

from scripts import targets
from scripts.options import Options, Refused
from scripts.process import Failed

KEYS = ("DATADOG_API_KEY", "DATADOG_APP_KEY")
EVERY = 5.0
"""Seconds between two looks at a check that runs."""
ENDS = ("passed", "failed", "skipped")
"""How a run of checks ends."""


class Datadog:
    """One stack's part of an organization."""

    def __init__(self, chosen: Options) -> None:
        self._tags = {f"env:{chosen.settings['service']['environment']}", "service:pipe-api"}
        api = client(chosen)
        self._monitors, self._synthetics = MonitorsApi(api), SyntheticsApi(api)

    def monitors(self) -> dict[str, str]:
        """The state of each monitor by its name: OK, Warn, Alert, No Data."""
        found: list[Any] = _asked(
            lambda: self._monitors.list_monitors(monitor_tags=",".join(sorted(self._tags)))
        )
        mine = [each for each in found if self._tags <= set(each.tags)]
        return {each.name: str(each.get("overall_state", "No Data")) for each in mine}

    def check(self, seconds: float) -> dict[str, str]:
        """Runs the stack's synthetic checks now; `passed` or what happened, by name."""
        tests: list[Any] = _asked(self._synthetics.list_tests).tests
        names = {each.public_id: each.name for each in tests if self._tags <= set(each.tags)}
        if not names:
            raise Failed(f"Datadog has no synthetic check with {', '.join(sorted(self._tags))}")
        body = SyntheticsCITestBody(tests=[SyntheticsCITest(public_id=ident) for ident in names])
        batch = _asked(lambda: self._synthetics.trigger_ci_tests(body=body)).batch_id
        end = time.monotonic() + seconds
        while True:
            found = _asked(lambda: self._synthetics.get_synthetics_ci_batch(batch_id=batch)).to_dict()["data"]
            if found["status"] in ENDS:
                return {names.get(each["test_public_id"], "?"): each["status"] for each in found["results"]}
            if time.monotonic() > end:
                raise Failed(f"the synthetic checks are not done after {seconds:.0f} s")
            time.sleep(EVERY)


def client(chosen: Options) -> ApiClient:
    """Of the stack's Datadog."""
    host, keys = _access(chosen)
    # Three tries: what decides over a rollback must not depend on one lost connection.
    configuration = Configuration(host=host, enable_retry=True, max_retries=2, request_timeout=20)
    configuration.api_key = {"apiKeyAuth": keys[0], "appKeyAuth": keys[1]}
    return ApiClient(configuration)


def _access(chosen: Options) -> tuple[str, tuple[str, str]]:
    """Where Datadog is, and with which keys; from the environment, never from an argument."""
    if chosen.target == "sandbox":
        from sandbox import plugins

        running = targets.running(chosen)
        variables = plugins.clients(running)
        return running.datadog, (variables["DD_API_KEY"], variables["DD_APP_KEY"])
    missing = [name for name in KEYS if not os.environ.get(name)]
    if missing:
        raise Refused(
            f"{', '.join(missing)}: the checks after a deployment ask Datadog; set them in the environment"
        )
    host = os.environ.get("DATADOG_HOST") or f"https://api.{chosen.settings['monitoring']['site']}"
    return host, (os.environ[KEYS[0]], os.environ[KEYS[1]])


def _asked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ApiException as error:
        raise Failed(f"Datadog answers {cast(Any, error).status}: {cast(Any, error).reason}") from None
    except urllib3.exceptions.HTTPError as error:
        raise Failed(f"Datadog does not answer: {error}") from None
