"""Tests of the receiver of the engine's events."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime.proto import events_pb2

from sandbox.engine.process import _EventReceiver  # pyright: ignore[reportPrivateUsage]
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
    receiver = _EventReceiver(Progress(), "preview", io.StringIO(), 0)
    receiver.StreamEvents(requests(*events), None)
    assert receiver.is_complete == is_complete


def test_events_of_a_broken_stream_are_incomplete() -> None:
    receiver = _EventReceiver(Progress(), "preview", io.StringIO(), 0)
    receiver.StreamEvents(requests(stdout(0), end(1)), None)
    with pytest.raises(ConnectionError):
        receiver.StreamEvents(requests(stdout(0), broken=True), None)
    assert not receiver.is_complete
