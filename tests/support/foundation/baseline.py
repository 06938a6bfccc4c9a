"""Fixtures that declare an account's guards with mocks."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from moto.events.models import EventPattern

from components.common.naming import Naming
from foundation.baseline.baseline import Baseline, BaselineArgs
from foundation.settings.models.baseline import Baseline as BaselineSettings
from tests.support.components.fixtures import Recorder, evaluate

EMAILS = ["platform@pipe.dev", "costs@pipe.dev"]
USERS = ["arn:aws:iam::123456789012:user/operator"]
SETTINGS: dict[str, Any] = {"emails": EMAILS, "breakGlass": {"principals": USERS}}
"""The smallest settings of an account that has an emergency role."""

DeclareBaseline = Callable[..., Recorder]
"""Type of the fixture `declare_baseline`."""


def settings(**changes: Any) -> BaselineSettings:
    """Return SETTINGS with other values for top-level keys."""
    return BaselineSettings.model_validate(SETTINGS | changes)


@pytest.fixture
def declare_baseline(recorder: Recorder, naming: Naming) -> DeclareBaseline:
    """Provide `declare_baseline(protect=True, **changes)`, which returns the recorder."""

    def declare(*, protect: bool = True, **changes: Any) -> Recorder:
        args = BaselineArgs(
            settings=settings(**changes), copy_region="ap-northeast-3", naming=naming, protect=protect
        )
        evaluate(lambda: Baseline("baseline", args) and None)
        return recorder

    return declare


def only(recorder: Recorder, typ: str) -> dict[str, Any]:
    """Return the inputs of the only resource of a type."""
    [inputs] = recorder.of_type(typ).values()
    return inputs


def matches(recorder: Recorder, rule: str, event: dict[str, Any]) -> bool:
    """Return True if a rule, by its physical name, matches an event."""
    [pattern] = [
        inputs["eventPattern"]
        for inputs in recorder.of_type("aws:cloudwatch/eventRule:EventRule").values()
        if inputs["name"] == rule
    ]
    return EventPattern.load(pattern).matches_event(cast(Any, event))
