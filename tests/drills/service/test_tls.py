"""Tests of each stack's rendered configuration of the TLS proxy in a real nginx."""

import json
import random
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from tests.support.drills import program
from tests.support.drills.certificates import Authority
from tests.support.drills.fixtures import Measured
from tests.support.drills.proxy import Proxy, ask, trusting
from tests.support.drills.site import CLOUDFLARE, VISITOR

STACKS = ("dev", "stg", "prod")
OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]
GOOD = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
ANYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
CLAIMS = {
    "CF-Connecting-IP": "203.0.113.5",
    "X-Forwarded-For": "203.0.113.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Real-IP": "203.0.113.7",
    "True-Client-IP": "203.0.113.8",
    "Forwarded": "for=203.0.113.9",
}


@dataclass(frozen=True)
class Site:
    """The proxy of one stack, with the stack's settings and objects."""

    stack: str
    host: str
    settings: dict[str, Any]
    objects: dict[str, Any]
    authority: Authority
    proxy: Proxy


@pytest.fixture(scope="module", params=STACKS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    stack = request.param
    config = yaml.safe_load((program.ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    objects, authority, host = program.manifests(stack), Authority(), config["pipe:edge"]["host"]
    proxy = Proxy(objects, authority.issue(host)).ready()
    yield Site(stack, host, config["pipe:proxy"], objects, authority, proxy)
    proxy.stop()


def old_client(version: ssl.TLSVersion, ciphers: str = ANYTHING) -> ssl.SSLContext:
    """Return a client's context for one TLS version that accepts any certificate and offers `ciphers`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def get(site: Site, path: str = "/", source: str = VISITOR, **headers: str) -> tuple[int, Any, bytes]:
    with site.proxy.tls(trusting(site.authority), site.host, source) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(connection, "GET", path, {"Host": site.host, **named})


def test_nginx_accepts_the_configuration_without_warnings(site: Site) -> None:
    check = Proxy(site.objects, site.authority.issue(site.host), flags=("-t",))
    try:
        assert check.ended() == 0, check.log()
        assert "test is successful" in check.log()
        assert "[warn]" not in check.log() and "[emerg]" not in check.log()
    finally:
        check.stop()


@pytest.mark.parametrize("version", OLD)
def test_tls_1_0_and_1_1_are_refused(site: Site, version: ssl.TLSVersion) -> None:
    with pytest.raises(ssl.SSLError) as refused:
        site.proxy.tls(old_client(version), site.host)
    assert refused.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"  # The server sends the alert.


@pytest.mark.parametrize("version", GOOD)
def test_tls_1_2_and_1_3_are_accepted(site: Site, version: ssl.TLSVersion) -> None:
    client = trusting(site.authority, minimum_version=version, maximum_version=version)
    with site.proxy.tls(client, site.host) as connection:
        assert connection.version() == version.name.replace("_", ".")
        assert ask(connection, "GET", "/", {"Host": site.host})[0] == 200


def test_the_same_client_connects_to_a_careless_configuration(site: Site) -> None:
    """Check that only the configuration refuses old versions: client, library and certificate allow them."""
    careless = {
        r"ssl_protocols [^;]+;": "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;",
        r"ssl_ciphers [^;]+;": f"ssl_ciphers {ANYTHING};",
        r"ssl_reject_handshake on;": (
            "ssl_certificate /etc/pipe/tls/tls.crt; ssl_certificate_key /etc/pipe/tls/tls.key;"
        ),
    }
    proxy = Proxy(site.objects, site.authority.issue(site.host), rewrite=careless).ready()
    try:
        for version in OLD:
            proxy.tls(old_client(version), site.host).close()
        weak = old_client(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        proxy.tls(weak, site.host).close()
        proxy.tls(old_client(ssl.TLSVersion.TLSv1_2), "other.example").close()
    finally:
        proxy.stop()


def test_only_ciphers_with_forward_secrecy_and_authentication_are_accepted(site: Site) -> None:
    candidates = {cipher["name"] for cipher in old_client(ssl.TLSVersion.TLSv1_2).get_ciphers()}
    # TLS 1.3 has no weak ciphers; a client offers PSK and SRP ciphers only with a shared key.
    candidates = {
        name for name in candidates if not name.startswith("TLS_") and not {"PSK", "SRP"} & {*name.split("-")}
    }
    assert {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AECDH-NULL-SHA", "AES128-GCM-SHA256"} <= candidates
    accepted: set[str] = set()
    for name in candidates:
        try:
            client = old_client(ssl.TLSVersion.TLSv1_2, f"{name}:@SECLEVEL=0")
            site.proxy.tls(client, site.host).close()
            accepted.add(name)
        except ssl.SSLError as error:
            assert error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE", (name, error)
    # The certificate has an ECDSA key, so RSA ciphers cannot be negotiated.
    assert accepted == {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    }


def test_http_2_is_negotiated_by_alpn(site: Site) -> None:
    client = trusting(site.authority)
    client.set_alpn_protocols(["h2", "http/1.1"])
    with site.proxy.tls(client, site.host) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        settings = b"\0\0\0\4\0\0\0\0\0"
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        header = connection.recv(9)
        assert (header[3], header[5:9]) == (4, b"\0\0\0\0")  # The server's own SETTINGS frame.


def test_http_1_1_is_negotiated_with_clients_without_http_2(site: Site) -> None:
    client = trusting(site.authority)
    client.set_alpn_protocols(["http/1.1"])
    with site.proxy.tls(client, site.host) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert ask(connection, "GET", "/", {"Host": site.host})[0] == 200


@pytest.mark.parametrize("path", ["/", "/missing"])
def test_hsts_and_the_other_headers_are_sent_once_with_every_status(site: Site, path: str) -> None:
    status, headers, _ = get(site, path)
    assert status == (404 if path == "/missing" else 200)
    seconds = site.settings["hstsSeconds"]
    assert headers.get_all("Strict-Transport-Security") == [f"max-age={seconds}"]
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert headers.get_all("X-Frame-Options") == ["DENY"]
    assert headers["X-Own"] == "kept"
    assert "X-Powered-By" not in headers
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("name", ["other.example", "evil.pipe.dev", None])
def test_an_unknown_name_gets_no_handshake(site: Site, name: str | None) -> None:
    with pytest.raises(ssl.SSLError) as refused:
        site.proxy.tls(old_client(ssl.TLSVersion.TLSv1_3), name)
    assert refused.value.reason == "TLSV1_UNRECOGNIZED_NAME"


def test_a_host_header_that_differs_from_the_handshake_gets_status_421(site: Site) -> None:
    with site.proxy.tls(trusting(site.authority), site.host) as connection:
        status, _, body = ask(connection, "GET", "/", {"Host": "other.example"})
    assert status == 421
    assert b"headers" not in body


def test_health_is_plain_http_on_a_port_of_its_own(site: Site) -> None:
    assert site.proxy.ports == {"https": 8443, "health": 8081}
    assert site.proxy.plain("/healthz") == (200, b"ok\n")
    assert site.proxy.plain("/")[0] == 404
    status, _, _ = ask(site.proxy.connect(), "GET", "/healthz", {"Host": site.host})
    assert status == 400  # Plain HTTP on the TLS port.


def test_the_startup_probe_requests_the_apis_liveness_path(site: Site) -> None:
    status, body = site.proxy.plain("/startupz")
    request = json.loads(body)
    assert (status, request["path"], request["headers"]["host"]) == (200, "/livez", site.host)


def test_a_pod_that_cannot_reach_the_api_has_not_started() -> None:
    """Use an upstream address that no server listens on, as before network policies admit a pod."""
    unreachable = {r"(upstream api \{\s+server )[\w.-]+:3000;": r"\g<1>127.0.0.1:3999;"}
    objects, authority = program.manifests("prod"), Authority()
    pod = Proxy(objects, authority.issue("pipe.dev"), rewrite=unreachable).ready()
    try:
        assert pod.plain("/healthz")[0] == 200
        assert pod.plain("/startupz")[0] == 502
    finally:
        pod.stop()


def test_the_visitors_address_comes_from_cloudflare_and_the_host_is_forwarded(site: Site) -> None:
    _, _, body = get(site, "/path?q=1", CLOUDFLARE, CF_Connecting_IP="203.0.113.5", X_Custom="kept")
    seen = json.loads(body)
    assert seen["path"] == "/path?q=1"
    headers = seen["headers"]
    assert {headers[name] for name in ("cf-connecting-ip", "x-forwarded-for", "x-real-ip")} == {"203.0.113.5"}
    assert headers["host"] == headers["x-forwarded-host"] == site.host
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "443")
    assert headers["x-custom"] == "kept"


def test_forwarding_headers_of_other_clients_are_ignored(site: Site) -> None:
    _, _, body = get(site, "/", VISITOR, **{name.replace("-", "_"): value for name, value in CLAIMS.items()})
    headers = json.loads(body)["headers"]
    assert {headers[name] for name in ("cf-connecting-ip", "x-forwarded-for", "x-real-ip")} == {VISITOR}
    assert (headers["x-forwarded-host"], headers["x-forwarded-proto"]) == (site.host, "https")
    assert not {"true-client-ip", "forwarded"} & headers.keys()


def test_a_well_formed_request_id_is_forwarded_and_any_other_is_replaced(site: Site) -> None:
    for identifier, is_kept in (("a1b2c3d4-a1b2c3d4", True), ("short", False), ("x" * 65, False)):
        _, headers, body = get(site, "/", X_Request_Id=identifier)
        assert (headers["X-Request-Id"] == identifier) is is_kept
        assert json.loads(body)["headers"]["x-request-id"] == headers["X-Request-Id"]


def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    limit = int(site.settings["bodyLimit"].removesuffix("m")) << 20
    with site.proxy.tls(trusting(site.authority), site.host) as connection:
        declared = {"Host": site.host, "Content-Length": str(limit + 1)}
        assert ask(connection, "POST", "/", declared)[0] == 413


def logged(site: Site, path: str) -> dict[str, Any]:
    """Return the log's line of a request; nginx writes it only after it sent the response."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        # The last line may be half written.
        complete = site.proxy.log().rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in complete if line.startswith("{")]
        if matches := [line for line in lines if line["http"]["url_details"]["path"] == path]:
            assert len(matches) == 1, matches
            return matches[0]
        time.sleep(0.05)
    raise AssertionError(f"no line about {path} in the log:\n{site.proxy.log()}")


def test_the_access_log_is_json_without_the_query(site: Site) -> None:
    get(site, "/logged?token=not-for-logs", CLOUDFLARE, CF_Connecting_IP="203.0.113.5")
    line = logged(site, "/logged")
    assert (line["client"], line["peer"]) == ("203.0.113.5", CLOUDFLARE)
    assert line["http"]["status_code"] == 200
    assert "not-for-logs" not in site.proxy.log()


@dataclass
class Load:
    """A load from visitors who never pause, and the pods to which the load balancer sends it."""

    host: str
    client: ssl.SSLContext
    ready: list[Proxy]
    over: threading.Event = field(default_factory=threading.Event)
    served: list[bytes] = field(default_factory=list[bytes])
    """Server certificates of the requests that got a response, in order."""
    failed: list[str] = field(default_factory=list[str])

    def more(self, requests: int = 20) -> None:
        """Wait until as many more requests as `requests` have got a response."""
        enough, end = len(self.served) + requests, time.monotonic() + 120
        while len(self.served) < enough:
            assert time.monotonic() < end
            time.sleep(0.02)

    def visit(self) -> None:
        """Open connections with up to three requests each; a quarter of the requests are slow."""
        generator = random.Random(threading.get_ident())
        while not self.over.is_set():
            try:
                self._connection(generator)
            except (OSError, ssl.SSLError) as error:
                self.failed.append(repr(error))

    def _connection(self, generator: random.Random) -> None:
        with generator.choice(self.ready).tls(self.client, self.host) as connection:
            certificate = connection.getpeercert(binary_form=True)
            assert certificate
            for number in range(generator.randint(1, 3)):
                try:
                    path = "/slow" if generator.random() < 0.25 else "/"
                    status, headers, _ = ask(connection, "GET", path, {"Host": self.host})
                except (ConnectionError, ssl.SSLEOFError) as error:
                    if number:
                        return  # A server may close between two requests (RFC 9112, 9.3.1).
                    self.failed.append(repr(error))
                    return
                if status != 200:
                    self.failed.append(str(status))
                self.served.append(certificate)
                if headers["Connection"] == "close":
                    return


def test_a_new_certificate_drops_no_request(measured: Measured) -> None:
    """Replace pods as the Deployment does: a new pod is ready before an old pod ends."""
    objects, authority, host = program.manifests("prod"), Authority(), "pipe.dev"
    old, new = authority.issue(host), authority.issue(host)
    pods = [Proxy(objects, old).ready() for _ in range(2)]
    load = Load(host, trusting(authority), list(pods))
    visitors = [threading.Thread(target=load.visit) for _ in range(6)]
    try:
        for visitor in visitors:
            visitor.start()
        load.more()
        for leaving in list(pods):
            pods.append(Proxy(objects, new).ready())
            load.ready = [*(pod for pod in load.ready if pod is not leaving), pods[-1]]
            load.more()  # The pod is deregistered, but connections under way arrive.
            leaving.signal("SIGQUIT")
            assert leaving.ended() == 0, leaving.log()
        load.more()
        alone = len(load.served)
        load.more()
    finally:
        load.over.set()
        for visitor in visitors:
            visitor.join(20)
        for pod in pods:
            pod.stop()
    assert load.failed == []
    assert len(set(load.served)) == 2
    assert len(set(load.served[alone:])) == 1 and load.served[0] != load.served[-1]
    measured("requests during a change of certificate, none dropped", len(load.served), "")


def test_a_pod_that_is_killed_drops_requests() -> None:
    """Check that the drill above can fail: visitors notice a killed pod."""
    objects, authority = program.manifests("prod"), Authority()
    pod = Proxy(objects, authority.issue("pipe.dev")).ready()
    load = Load("pipe.dev", trusting(authority), [pod])
    visitors = [threading.Thread(target=load.visit) for _ in range(6)]
    try:
        for visitor in visitors:
            visitor.start()
        load.more()
        pod.signal("SIGTERM")
        end = time.monotonic() + 60
        while not load.failed and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        load.over.set()
        for visitor in visitors:
            visitor.join(20)
        pod.stop()
    assert load.failed
