"""Tests of versions with their images and migrations, and of the checks after a deployment."""

import re
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from components.datadog import alert_catalog
from operations.lib import health, migrations, stack_file
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.health import error_kind
from operations.lib.kubernetes.cluster import Manifest
from operations.lib.run_log import RunLog
from review.plain_data import build_mask
from tests.support.operations.environment import DIGEST, OLD
from tests.support.rows import each_row

NAME = OLD.partition(":")[0]
NEW = f"{NAME}:1.1.0@{DIGEST}"
DIGITS = "0123456789abcdef" * 4


@each_row("version", ["latest", "a b", "-1", "x" * 129])
def test_invalid_versions_are_refused(version: str) -> None:
    with pytest.raises(RefusedError):
        stack_file.checked_version(version)


def test_only_the_image_is_replaced_in_the_stack_file() -> None:
    text = stack_file.path("prod").read_text()
    new = stack_file.with_image(text, NEW, migrate=False)
    assert (stack_file.image(new), stack_file.migrates(new), stack_file.migrates(text)) == (NEW, False, True)
    assert new.replace(NEW, stack_file.image(text)).replace("migrate: false #", "migrate: true #") == text
    assert stack_file.without_set_values(new) == stack_file.without_set_values(text)


@each_row(
    ("before", "after"),
    [
        ("    migrate: true", "    migrate: &on true\n    other: *on"),
        ("image: IMAGE", "image: >-\n      IMAGE"),
        ("config:\n", "config: [\n"),
    ],
)
def test_a_setting_that_cannot_be_replaced_in_its_line_is_refused(before: str, after: str) -> None:
    text = stack_file.path("prod").read_text()
    image = stack_file.image(text)
    text = text.replace(before.replace("IMAGE", image), after.replace("IMAGE", image))
    assert after.replace("IMAGE", image) in text
    with pytest.raises(RefusedError, match=r"of the stack file cannot be replaced|stack file cannot be read"):
        stack_file.with_image(text, NEW, migrate=False)


@each_row(
    ("image", "version", "repository"),
    [
        (NEW, "1.1.0", NAME),
        (f"{NAME}@{DIGEST}", "b" * 12, NAME),
        ("localhost:5000/api:2", "2", "localhost:5000/api"),
    ],
)
def test_an_image_has_a_version_and_a_repository(image: str, version: str, repository: str) -> None:
    assert (stack_file.version(image), stack_file.repository(image)) == (version, repository)


def test_errors_that_differ_in_numbers_are_of_one_kind() -> None:
    first, second = "ERROR request 17 took 0x1f ms", "ERROR request 4 took 0xff ms"
    assert error_kind(first) == error_kind(second) != error_kind("ERROR other")


@each_row(
    ("newer", "older", "keep", "undo"),
    [
        (["1-a", "2-b"], ["1-a", "2-b"], False, None),
        (["20240301-a", "20240402-b"], ["20240301-a"], False, "20240301"),
        (["1-a", "2-b!"], ["1-a"], True, None),
        (None, ["1-a"], True, None),
        (["1-a"], [], True, None),
    ],
)
def test_a_rollback_undoes_newer_migrations(
    newer: list[str] | None, older: list[str], keep: bool, undo: str | None
) -> None:
    schema = migrations.between(newer, older, keep=keep)
    assert (schema.undo_to, schema.kept) == (undo, keep)


@each_row(
    ("newer", "older", "message"),
    [
        (
            ["1-a", "2-b!"],
            ["1-a"],
            "cannot be undone: 2-b. If the older version works on the newer schema, add",
        ),
        (None, ["1-a"], "are not recorded"),
        (["1-a"], [], "no migration to go back to"),
    ],
)
def test_irreversible_migrations_are_refused(newer: list[str] | None, older: list[str], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        migrations.between(newer, older, keep=False)


def test_monitors_are_watched_for_longer_than_error_rates_need_to_alert() -> None:
    source = Path(alert_catalog.__file__).read_text()
    for name in ("HighErrorRate", "HighProxyErrorRate"):
        alert = source.partition(f'name="{name}"')[2].partition("Alert(")[0]
        [minutes] = re.findall(r'window="min\(last_(\d+)m\)"', alert)
        [delay] = re.findall(r"evaluation_delay=(\w+)", alert)
        seconds = alert_catalog.LOG_DELAY if delay == "LOG_DELAY" else int(delay)
        assert int(minutes) * 60 + seconds + 120 <= health.SOAK_SECONDS, name


def pod(**state: object) -> Manifest:
    """Return a pod with a status of its container `api`."""
    return {
        "metadata": {"name": "api-1"},
        "status": {"containerStatuses": [{"name": "api", **state}]},
    }


def test_missing_logs_of_new_pods_and_silent_nodes_are_no_errors() -> None:
    class FakeCluster:
        pods: ClassVar = [
            {"metadata": {"name": "pending"}, "status": {}},
            pod(state={"waiting": {"reason": "ContainerCreating"}}),
            pod(state={"running": {}}) | {"metadata": {"name": "hangs"}},
            pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {}})
            | {"metadata": {"name": "crashed"}},
        ]

        def list(self, *_: str) -> list[Manifest]:
            return self.pods

        def read(self, _: str, name: str, *arguments: str) -> str:
            assert any(argument.startswith("--request-timeout=") for argument in arguments)
            if name != "crashed":
                raise FailedError(f"{name}: no answer")
            return f"ERROR it\nERROR correct-1-horse{'-battery' * 30}\n"

    steps = RunLog("deploy", Options("dev", "sandbox", False, True, {}))
    steps.runner.hide = build_mask([f"correct-1-horse{'-battery' * 30}"])
    with steps.step("logs"):
        kinds = health.error_kinds(steps, cast(Any, FakeCluster()))
    assert kinds == {"ERROR it", "ERROR [secret]"}
    assert steps.steps[0].lines == ["no log of hangs: hangs: no answer"]


def test_the_health_check_waits_for_pods_of_the_autoscaler(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([3, 3, 4])

    class ScalingCluster:
        def get(self, _: str) -> Manifest:
            number = next(looks)
            spec = {"replicas": 4, "template": {"spec": {"containers": [{"name": "api", "image": NEW}]}}}
            return {"spec": spec, "status": {"availableReplicas": number, "updatedReplicas": number}}

        def list(self, *_: str) -> list[Manifest]:
            return [{"endpoints": [{"conditions": {"ready": True}}] * 4}]

    monkeypatch.setattr("operations.lib.health.READY_EVERY", 0.0)
    chosen = Options("dev", "sandbox", False, True, {})
    steps = RunLog("deploy", chosen)
    with steps.step("health"):
        health.wait_until_healthy(steps, cast(Any, ScalingCluster()), chosen, NEW)
    assert next(looks, None) is None


@each_row(
    ("text", "expected"),
    [
        ("1.4.0", True),
        ("1.4", False),
        (DIGITS[:7], True),
        (DIGITS, True),
        (f"sha256:{DIGITS[:7]}", True),
        (DIGITS[:6], False),
        (f"sha256:{DIGITS[:6]}", False),
        ("sha256:", False),
        (DIGITS[1:9], False),
        ("", False),
    ],
)
def test_a_version_is_a_tag_or_the_first_seven_digits_of_a_digest(text: str, expected: bool) -> None:
    assert stack_file.is_version(f"registry.example:5000/pipe/api:1.4.0@sha256:{DIGITS}", text) == expected
