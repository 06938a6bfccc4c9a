"""Tests of the question about CodeBuild's quota of concurrent builds, which the jobs on the runner need."""

from dataclasses import replace
from typing import Any, cast

import pytest

from operations.preflight.aws import quotas
from operations.preflight.subject import AwsClients, Subject
from tests.support.operations.preflight import Stack

MEDIUM = "concurrent CodeBuild builds on Linux/Medium"


class FakeAws:
    """The account's builds, newest first, and the value of the quota."""

    def __init__(self, limit: int, *builds: tuple[str, str, str]) -> None:
        self._limit = limit
        self._builds = {
            f"{project}:{number}": {
                "projectName": project,
                "buildStatus": status,
                "environment": {"type": "LINUX_CONTAINER", "computeType": compute},
            }
            for number, (project, status, compute) in enumerate(builds)
        }

    def __call__(self, service: str, region: str = "") -> Any:
        return self

    def list_builds(self, sortOrder: str) -> Any:
        assert sortOrder == "DESCENDING"
        return {"ids": list(self._builds)}

    def batch_get_builds(self, ids: list[str]) -> Any:
        return {"builds": [self._builds[identifier] for identifier in ids]}

    def get_service_quota(self, ServiceCode: str, QuotaCode: str) -> Any:
        assert (ServiceCode, QuotaCode) == ("codebuild", "L-2DC20C30")
        return {"Quota": {"Value": float(self._limit)}}

    class exceptions:
        NoSuchResourceException = KeyError


def ask(subject: Subject, aws: FakeAws) -> str:
    """Return the answer about the quota of Linux/Medium."""
    subject = replace(subject, aws=cast(AwsClients, aws))
    [answer] = [question.ask() for question in quotas.questions(subject) if question.title == MEDIUM]
    return str(answer)


RUNNING = ("IN_PROGRESS", "BUILD_GENERAL1_MEDIUM")


def test_the_runner_needs_a_free_build_of_its_size(stack: Stack) -> None:
    others = [("other", "SUCCEEDED", RUNNING[1]), ("other", RUNNING[0], "BUILD_GENERAL1_SMALL")]
    for aws, expected in (
        (FakeAws(1), "the stack adds 1, and 0 of 1 are used (L-2DC20C30)"),
        (FakeAws(1, *others), "the stack adds 1, and 0 of 1 are used (L-2DC20C30)"),
        (FakeAws(1, ("pipe-prod-runner", *RUNNING)), "the stack adds 0, and 1 of 1 are used (L-2DC20C30)"),
    ):
        assert expected in ask(stack.subject, aws)
    for limit, builds, desired in ((0, [], 1), (1, [("other", *RUNNING)], 2)):
        answer = ask(stack.subject, FakeAws(limit, *builds))
        assert f"and {len(builds)} of {limit} are used" in answer
        assert f"--service-code codebuild --quota-code L-2DC20C30 --desired-value {desired}" in answer


@pytest.mark.parametrize("compute", list(quotas.RUNNER_QUOTAS))
def test_only_the_quota_of_the_runners_size_is_asked(stack: Stack, compute: str) -> None:
    settings = stack.subject.settings
    runner = settings.ci_runner.model_copy(update={"compute": compute})
    for enabled in (True, False):
        update = {"ci_runner": runner.model_copy(update={"enabled": enabled})}
        subject = replace(stack.subject, settings=settings.model_copy(update=update))
        titles = [question.title for question in quotas.questions(subject) if "CodeBuild" in question.title]
        size = quotas.RUNNER_QUOTAS[compute][0]
        assert titles == ([f"concurrent CodeBuild builds on Linux/{size}"] if enabled else [])
