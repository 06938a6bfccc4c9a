"""Tests of the stop of the API during a restore."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from operations.lib.command_line import Options
from operations.lib.errors import CommandStopped, FailedError, RefusedError
from operations.lib.kubernetes.api_stop import recover_from_killed_restore, stopped_api
from operations.lib.kubernetes.cluster import API, KEPT_REPLICAS, Cluster, Manifest
from operations.lib.run_log import RunLog

REMEDY = "The API may be stopped. To start it: scripts/restore.sh dev --start-api"


class ApiDeployment:
    """The part of a cluster that scales the API; `on_start` runs when it is to be started."""

    def __init__(self, on_start: Callable[[], None] = lambda: None, replicas: int = 3) -> None:
        self.runner = RunLog("try", OPTIONS).runner
        self.on_start = on_start
        self.replicas = replicas
        self.annotations: dict[str, str] = {}
        self.jobs: list[Manifest] = []

    def annotate(self, _name: str, key: str, value: str | None) -> None:
        self.annotations = {} if value is None else {key: value}

    def scale(self, _name: str, replicas: int) -> None:
        if replicas:
            self.on_start()
        self.replicas = replicas

    def rollout(self, _name: str, _show: Callable[[str], None]) -> None:
        pass

    def list(self, kind: str, _labels: str) -> list[Manifest]:
        return self.jobs if kind == "jobs" else []

    def get(self, name: str) -> Manifest:
        assert name == API
        return {"metadata": {"annotations": self.annotations}}


OPTIONS = Options("dev", "real", False, True, {})


def raise_error(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def swap(deployment: ApiDeployment, error: BaseException | None = None) -> None:
    with stopped_api(RunLog("try", OPTIONS), cast(Cluster, deployment), 3):
        assert (deployment.replicas, deployment.annotations) == (0, {KEPT_REPLICAS: "3"})
        if error:
            raise error


@pytest.mark.parametrize("error", [None, FailedError("swap failed"), KeyboardInterrupt()])
def test_the_api_is_started_in_every_case(error: BaseException | None) -> None:
    deployment = ApiDeployment()
    if error:
        with pytest.raises(type(error)) as raised:
            swap(deployment, error)
        assert raised.value is error
    else:
        swap(deployment)
    assert (deployment.replicas, deployment.annotations) == (3, {})


@pytest.mark.parametrize(
    ("error", "at_start", "kind", "message"),
    [
        (None, FailedError("scale failed"), FailedError, f"scale failed\n{REMEDY}"),
        (
            FailedError("swap failed"),
            FailedError("scale failed"),
            FailedError,
            f"swap failed\nscale failed\n{REMEDY}",
        ),
        (KeyboardInterrupt(), FailedError("scale failed"), CommandStopped, f"scale failed\n{REMEDY}"),
        (None, KeyboardInterrupt(), CommandStopped, f"stopped. {REMEDY}"),
        (
            FailedError("swap failed"),
            KeyboardInterrupt(),
            CommandStopped,
            f"swap failed\nstopped. {REMEDY}",
        ),
    ],
)
def test_a_start_that_fails_is_reported_with_the_first_error_and_the_remedy(
    error: BaseException | None, at_start: BaseException, kind: type[BaseException], message: str
) -> None:
    with pytest.raises(kind) as raised:
        swap(ApiDeployment(raise_error(at_start)), error)
    assert (type(raised.value), str(raised.value)) == (kind, message)


def test_a_killed_restore_is_completed_only_if_its_job_has_ended() -> None:
    deployment: Any = ApiDeployment(replicas=0)
    log = RunLog("try", OPTIONS)
    assert recover_from_killed_restore(log, deployment) is False
    deployment.annotations = {KEPT_REPLICAS: "2"}
    deployment.jobs = [{"metadata": {"name": "pipe-restore-1"}, "status": {"active": 1}}]
    with pytest.raises(RefusedError, match="wait until job/pipe-restore-1 has ended"):
        recover_from_killed_restore(log, deployment)
    assert deployment.replicas == 0
    deployment.jobs[0]["status"] = {}
    assert recover_from_killed_restore(log, deployment) is True
    assert (deployment.replicas, deployment.annotations) == (2, {})
