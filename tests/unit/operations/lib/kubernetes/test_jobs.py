"""Tests of the Jobs that are derived from the program's Jobs and CronJobs."""

from typing import Any, cast

import pytest

from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.kubernetes import jobs
from operations.lib.kubernetes.cluster import Cluster
from operations.lib.run_log import RunLog

CONTAINERS = [
    {"name": "first", "env": [{"name": "AT", "value": ""}, {"name": "HOME", "value": "/tmp"}]},
    {"name": "second", "command": ["sh", "a.sh"], "env": [{"name": "STAMP"}]},
]
LABELS = {"app": "pipe-restore", "team": "platform"}
STEPS = RunLog("try", Options("dev", "real", False, True, {}))


def template() -> dict[str, Any]:
    own = dict.fromkeys(jobs.OWN, "x")
    return {
        "metadata": {"labels": LABELS | own, "annotations": {"keep": "it"}, "creationTimestamp": None},
        "spec": {
            "serviceAccountName": "pipe-restore",
            "initContainers": [dict(CONTAINERS[0])],
            "containers": [dict(CONTAINERS[1])],
        },
    }


def job() -> dict[str, Any]:
    spec = {"template": template(), "activeDeadlineSeconds": 60, "selector": {"matchLabels": {"x": "y"}}}
    return jobs.copy_job({"kind": "Job", "spec": spec, "status": {"active": 1}}, "derived", "restore")


def test_a_derived_job_keeps_the_pod_and_drops_fields_of_the_original_job() -> None:
    derived = job()
    assert derived["spec"].keys() == {
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "template",
    }
    assert derived["spec"]["backoffLimit"] == 0
    assert derived["spec"]["template"]["metadata"] == {"labels": LABELS, "annotations": {"keep": "it"}}
    assert derived["spec"]["template"]["spec"] == template()["spec"]
    assert derived["metadata"] == {"name": "derived", "labels": LABELS | {jobs.STARTED_BY: "restore"}}


def test_a_cron_jobs_template_yields_the_same_job() -> None:
    spec = {"jobTemplate": {"spec": {"template": template(), "activeDeadlineSeconds": 60}}}
    assert jobs.copy_job({"kind": "CronJob", "spec": spec}, "derived", "restore") == job()


def test_variables_change_only_in_containers_that_have_them() -> None:
    changed = jobs.with_variables(job(), {"AT": "then", "STAMP": "now"})
    spec = changed["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["env"][0] == {"name": "AT", "value": "then"}
    assert spec["containers"][0]["env"] == [{"name": "STAMP", "value": "now"}]
    with pytest.raises(AssertionError, match="UNKNOWN"):
        jobs.with_variables(job(), {"UNKNOWN": "x"})


def test_one_container_can_run_alone_with_another_command() -> None:
    spec = jobs.with_only_container(job(), "first", ["true"])["spec"]["template"]["spec"]
    assert "initContainers" not in spec
    assert [(container["name"], container["command"]) for container in spec["containers"]] == [
        ("first", ["true"])
    ]
    assert jobs.with_only_container(job(), "second")["spec"]["template"]["spec"]["containers"] == [
        CONTAINERS[1]
    ]


def test_an_init_container_can_stay_with_its_container() -> None:
    spec = jobs.with_only_container(job(), "second", init=["first"])["spec"]["template"]["spec"]
    assert (spec["initContainers"], spec["containers"]) == ([CONTAINERS[0]], [CONTAINERS[1]])
    with pytest.raises(AssertionError, match="other"):
        jobs.with_only_container(job(), "second", init=["other"])


class FakeCluster:
    """A fake cluster in which a Job's pod waits until the Job fails."""

    def __init__(self, reason: str) -> None:
        self.reason, self.looks = reason, 0

    def create(self, manifest: Any) -> None:
        assert manifest["metadata"]["name"] == "derived"

    def get(self, name: str) -> Any:
        self.looks += 1
        failed = {"type": "Failed", "status": "True", "reason": self.reason, "message": "too long"}
        return {"status": {"conditions": [failed] if self.looks > 2 else []}}

    def list(self, kind: str, labels: str) -> Any:
        waiting = {"reason": "ImagePullBackOff", "message": "not found"}
        status = {"containerStatuses": [{"name": "second", "state": {"waiting": waiting}}]}
        return [{"metadata": {"name": "pod"}, "status": status}]


def test_a_waiting_pod_is_reported_and_a_failed_job_names_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs, "SILENCE", 0.0)
    monkeypatch.setattr(jobs, "EVERY", 0.0)
    with pytest.raises(FailedError, match="job/derived: DeadlineExceeded: too long"):
        jobs.run(cast(Cluster, FakeCluster("DeadlineExceeded")), job(), STEPS)
    assert "waiting: second: ImagePullBackOff not found" in capsys.readouterr().out
