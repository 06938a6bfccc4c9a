"""Tests of the receiver of the engine's events."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime.proto import events_pb2

from sandbox.engine.process import INCOMPLETE_EVENTS, EventReceiver, reason_of_failure
from sandbox.progress import Progress
from tests.support.rows import each_row


def requests(*events: dict[str, Any], broken: bool = False) -> Iterator[events_pb2.EventRequest]:
    for event in events:
        yield events_pb2.EventRequest(event=json.dumps(event))
    if broken:
        raise ConnectionError


def stdout(sequence: int) -> dict[str, Any]:
    return {"sequence": sequence, "stdoutEvent": {"message": "x"}}


def end(sequence: int) -> dict[str, Any]:
    return {"sequence": sequence, "cancelEvent": {}}


@each_row(
    "events, is_complete",
    [
        ((), False),
        ((stdout(0), end(1)), True),
        ((stdout(7), end(8)), True),
        ((stdout(0), stdout(1)), False),
        ((stdout(0), end(2)), False),
    ],
)
def test_events_are_complete_if_none_is_missing_before_the_last(
    events: tuple[dict[str, Any], ...], is_complete: bool
) -> None:
    receiver = EventReceiver(Progress(), "preview", io.StringIO(), 0)
    receiver.StreamEvents(requests(*events), None)
    assert receiver.is_complete == is_complete


def test_events_of_a_broken_stream_are_incomplete() -> None:
    receiver = EventReceiver(Progress(), "preview", io.StringIO(), 0)
    receiver.StreamEvents(requests(stdout(0), end(1)), None)
    with pytest.raises(ConnectionError):
        receiver.StreamEvents(requests(stdout(0), broken=True), None)
    assert not receiver.is_complete


def violation(sequence: int) -> dict[str, Any]:
    event = {
        "policyName": "x",
        "policyPackName": "pipe",
        "enforcementLevel": "mandatory",
        "message": "",
        "resourceUrn": "",
        "color": "never",
        "policyPackVersion": "",
    }
    return {"sequence": sequence, "policyEvent": event}


@each_row(
    "code, events, message, reason",
    [
        (1, (violation(0), end(1)), "", ""),
        (-9, (violation(0), end(1)), "", "the engine ended with -9"),
        (1, (stdout(0), end(1)), "no space left", "no space left"),
        (0, (violation(0), stdout(1)), "", INCOMPLETE_EVENTS),
        (-9, (violation(0), stdout(1)), "", "the engine ended with -9"),
        (-9, (violation(0), end(1)), "a warning", "a warning\nthe engine ended with -9"),
        (2, None, "", "the engine ended with 2"),
    ],
)
def test_a_failure_has_a_reason_unless_the_events_have_it(
    code: int, events: tuple[dict[str, Any], ...] | None, message: str, reason: str
) -> None:
    receiver = EventReceiver(Progress(), "preview", io.StringIO(), 0)
    if events is not None:
        receiver.StreamEvents(requests(*events), None)
    assert reason_of_failure(code, receiver, message) == reason
