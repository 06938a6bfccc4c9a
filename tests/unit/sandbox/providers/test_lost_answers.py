"""Tests that a request whose response is lost does not lead to a second resource."""

import socket
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.wrappers import Response

from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.clouds.datadog.api import DatadogApi
from sandbox.errors import ProviderError
from sandbox.providers.cloudflare.package import CloudflareTarget
from sandbox.providers.datadog.package import DatadogTarget
from sandbox.providers.rest.target import RestTarget, UnconfirmedError
from tests.support.sandbox.clouds.local_api import serve
from tests.support.sandbox.providers.rest import Case
from tests.support.waits import replace_sleep
from tests.unit.sandbox.providers import test_cloudflare, test_datadog

LOSSES = ("reset", "500", "502", "504")


class LosingApi:
    """An API that creates objects, but loses the responses to the first requests."""

    def __init__(self, app: Any, loss: str, times: int) -> None:
        self._app, self._loss, self.times = app, loss, times

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or self.times == 0:
            return self._app(environ, start_response)
        self.times -= 1
        self._app(environ, lambda *_: None)  # pyright: ignore[reportUnknownLambdaType]
        if self._loss == "reset":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        return Response('{"errors": ["lost"]}', int(self._loss))(environ, start_response)


@contextmanager
def cloudflare(loss: str, times: int = 1) -> Generator[CloudflareTarget]:
    """Serve a Cloudflare API that loses the responses to the first `times` requests."""
    with serve(LosingApi(CloudflareApi(["pipe.dev"]), loss, times)) as url:
        yield CloudflareTarget(url)


@contextmanager
def datadog(loss: str, times: int = 1) -> Generator[DatadogTarget]:
    """Serve a Datadog API that loses the responses to the first `times` requests."""
    with serve(LosingApi(DatadogApi(), loss, times)) as url:
        yield DatadogTarget(url)


def check_single_creation(target: RestTarget, case: Case) -> None:
    """Create a resource, and check that the API has exactly one new object."""
    others = {live.id for live in target.find(case.resource())}
    live = target.create(case.resource())
    assert {candidate.id for candidate in target.find(case.resource())} - others == {live.id}
    again = target.read(case.resource(live.id), live.outputs)
    assert again is not None and again.outputs == live.outputs


def test_a_record_of_an_unknown_zone_is_refused_by_the_api() -> None:
    with cloudflare("500", times=0) as target, pytest.raises(ProviderError, match=r"POST .*: 404: "):
        target.create(test_cloudflare.CASES["record"].resource(zoneId="0"))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_record_is_created_once(loss: str) -> None:
    with cloudflare(loss) as target:
        check_single_creation(target, test_cloudflare.CASES["record"])


@pytest.mark.parametrize("name", test_datadog.CASES)
def test_each_object_of_datadog_is_created_once(name: str) -> None:
    with datadog("reset") as target:
        check_single_creation(target, test_datadog.CASES[name])


def test_an_older_monitor_of_the_same_name_is_not_mistaken_for_the_new_one() -> None:
    case = test_datadog.CASES["metric monitor"]
    with datadog("502", times=2) as target:
        check_single_creation(target, case)
        check_single_creation(target, case)
        assert len(target.find(case.resource())) == 2


def test_a_request_that_always_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_sleep(monkeypatch, lambda _: None)
    with (
        serve(BrokenApi()) as url,
        pytest.raises(UnconfirmedError, match=r"^POST /api/v1/monitor: 500: lost$"),
    ):
        DatadogTarget(url).create(test_datadog.CASES["metric monitor"].resource())


class BrokenApi:
    """An empty API that refuses every creation."""

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        created = environ["REQUEST_METHOD"] == "POST"
        return Response('{"errors": ["lost"]}' if created else "[]", 500 if created else 200)(
            environ, start_response
        )
