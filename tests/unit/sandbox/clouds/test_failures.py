"""Tests of simulated failures."""

import time
from collections.abc import Generator

import pytest
import urllib3

from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.clouds.web import Json
from tests.support.sandbox.clouds.local_api import Client, serve

ZONES = "/client/v4/zones?name=pipe.dev"


@pytest.fixture
def api() -> Generator[Client]:
    with serve(CloudflareApi(["pipe.dev"])) as url:
        yield Client(url, Authorization="Bearer it")


def test_no_request_fails_by_default(api: Client):
    assert api("GET", ZONES)[0] == 200
    assert api("GET", "/_sandbox/failures")[1]["kind"] is None


@pytest.mark.parametrize(("kind", "status"), [("throttle", 429), ("error", 500), ("outage", 503)])
def test_a_failure_has_its_status_and_the_format_of_the_api(api: Client, kind: str, status: int):
    api.fail(kind=kind)
    response_status, body = api("GET", ZONES)
    assert (response_status, body["success"]) == (status, False)
    assert body["errors"] == [{"code": 10000, "message": f"failure on demand: {kind}"}]
    api.fail()
    assert api("GET", ZONES)[0] == 200


def test_a_429_has_a_retry_after_header(api: Client):
    api.fail(kind="throttle", retry_after=7)
    response = urllib3.request("GET", api.url + ZONES, retries=False)
    assert response.headers["Retry-After"] == "7"


def test_only_the_given_number_of_requests_fails(api: Client):
    api.fail(kind="error", requests=2)
    assert [api("GET", ZONES)[0] for _ in range(3)] == [500, 500, 200]
    assert api("GET", "/_sandbox/failures")[1]["failed"] == 2
    api.fail(kind="error")
    assert api("GET", "/_sandbox/failures")[1]["failed"] == 0


def test_an_outage_ends_after_its_seconds(api: Client):
    api.fail(kind="outage", seconds=0.3)
    assert api("GET", ZONES)[0] == 503
    time.sleep(0.35)
    assert api("GET", ZONES)[0] == 200


def test_a_reset_disconnects_the_client(api: Client):
    api.fail(kind="reset", requests=1)
    with pytest.raises(urllib3.exceptions.ProtocolError, match=r"reset|aborted"):
        api("GET", ZONES)
    assert api("GET", ZONES)[0] == 200


def test_the_body_of_a_failed_request_does_not_garble_the_next_one(api: Client):
    api.fail(kind="error", requests=1)
    body: Json = {"name": "a" * 5000}
    assert api("POST", "/client/v4/zones", body)[0] == 500
    assert api("GET", ZONES)[0] == 200


def test_a_latency_delays_the_response(api: Client):
    api.fail(latency=0.3)
    begin = time.monotonic()
    assert api("GET", ZONES)[0] == 200
    assert time.monotonic() - begin >= 0.3


def test_a_client_that_ends_during_a_latency_leaves_a_performed_request(api: Client):
    zone_id = api("GET", ZONES)[1]["result"][0]["id"]
    records = f"/client/v4/zones/{zone_id}/dns_records"
    api.fail(latency=5)
    body = {"name": "it.pipe.dev", "type": "A", "content": "203.0.113.1", "ttl": 300}
    with pytest.raises(urllib3.exceptions.TimeoutError):
        urllib3.request(
            "POST",
            api.url + records,
            json=body,
            headers={"Authorization": "Bearer it"},
            timeout=1,
            retries=False,
        )
    api.fail()
    assert [record["name"] for record in api("GET", records)[1]["result"]] == ["it.pipe.dev"]


def test_only_requests_with_a_matching_path_fail(api: Client):
    api.fail(kind="error", path="/dns_records")
    assert api("GET", ZONES)[0] == 200
    assert api("GET", "/client/v4/zones/x/dns_records")[0] == 500
    api.fail(kind="error", path="/zones$")
    assert api("GET", ZONES)[0] == 500
    assert api("GET", "/client/v4/zones/x/dns_records")[0] != 500


@pytest.mark.parametrize(
    "switches", [{"kind": "flood"}, {"sort": "error"}, {"latency": "1"}, {"requests": 0}]
)
def test_an_unknown_switch_is_refused(api: Client, switches: Json):
    status, body = api("PUT", "/_sandbox/failures", switches)
    assert (status, body[0]["loc"]) == (400, [next(iter(switches))])
    assert api("GET", ZONES)[0] == 200


def test_an_api_without_an_error_format_throttles_with_a_503():
    def plain(environ: object, start_response: object) -> list[bytes]:
        raise AssertionError("not reached")

    with serve(plain) as url:
        api = Client(url)
        api.fail(kind="throttle")
        assert api("GET", "/") == (503, None)
