"""Fixtures that declare an account's guards with mocks."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import pytest

from foundation.baseline.baseline import Baseline, BaselineArgs
from foundation.settings.models.baseline import Baseline as BaselineSettings
from tests.support.components.fixtures import NAMING, Recorder, evaluate, start_recording

EMAILS = ["platform@pipe.dev", "costs@pipe.dev"]
USERS = ["arn:aws:iam::123456789012:user/operator"]
SETTINGS: dict[str, Any] = {"emails": EMAILS, "breakGlass": {"principals": USERS}}
"""The smallest settings of an account that has an emergency role."""

DeclareBaseline = Callable[..., Recorder]
"""Type of the fixture `declare_baseline`."""


def settings(**changes: Any) -> BaselineSettings:
    """Return SETTINGS with other values for top-level keys."""
    return BaselineSettings.model_validate(SETTINGS | changes)


@cache
def _declare(changes: str, *, protect: bool) -> Recorder:
    """Declare the guards with these settings, once per process; callers only read the result."""
    recorder = start_recording()
    args = BaselineArgs(
        settings=settings(**json.loads(changes)), copy_region="ap-northeast-3", naming=NAMING, protect=protect
    )
    evaluate(lambda: Baseline("baseline", args) and None)
    return recorder


@pytest.fixture
def declare_baseline() -> DeclareBaseline:
    """Provide `declare_baseline(protect=True, **changes)`, which returns the recorder."""

    def declare(*, protect: bool = True, **changes: Any) -> Recorder:
        return _declare(json.dumps(changes, sort_keys=True), protect=protect)

    return declare


def only(recorder: Recorder, typ: str) -> dict[str, Any]:
    """Return the inputs of the only resource of a type."""
    [inputs] = recorder.of_type(typ).values()
    return inputs


def matches(recorder: Recorder, rule: str, event: dict[str, Any]) -> bool:
    """Return True if a rule, by its physical name, matches an event."""
    from moto.events.models import EventPattern  # Imported here, since moto takes over a second.

    [pattern] = [
        inputs["eventPattern"]
        for inputs in recorder.of_type("aws:cloudwatch/eventRule:EventRule").values()
        if inputs["name"] == rule
    ]
    return EventPattern.load(pattern).matches_event(cast(Any, event))
