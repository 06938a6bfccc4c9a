from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pytest

from components.cloudflare.origin_certificate import OriginCertificate, OriginCertificateArgs
from tests.support.components.fixtures import Recorder, evaluate, secret

KEY, REQUEST = "tls:index/privateKey:PrivateKey", "tls:index/certRequest:CertRequest"
CERTIFICATE = "cloudflare:index/originCaCertificate:OriginCaCertificate"


@pytest.fixture
def declare(recorder: Recorder) -> Callable[..., dict[str, Any]]:
    """Declares a certificate and returns what it offers."""
    recorder.computed = {
        KEY: {"privateKeyPem": "the key"},
        REQUEST: {"certRequestPem": "the request"},
        CERTIFICATE: {"certificate": "the certificate"},
    }

    def run(hostnames: Sequence[str] = ("pipe.dev",), days: int = 365) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def program() -> pulumi.Output[Any]:
            made = OriginCertificate("origin", OriginCertificateArgs(hostnames=hostnames, days=days))
            secret = pulumi.Output.from_input(made.private_key.is_secret())
            return pulumi.Output.all(
                certificate=made.certificate, private_key=made.private_key, secret=secret
            ).apply(seen.update)

        evaluate(program)
        return seen

    return run


def test_the_key_is_an_elliptic_curve_key_and_stays_secret(
    declare: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    offered = declare()
    assert recorder.of_type(KEY) == {"origin": {"algorithm": "ECDSA", "ecdsaCurve": "P256"}}
    assert offered == {"certificate": "the certificate", "private_key": "the key", "secret": True}


def test_cloudflares_origin_ca_signs_it_for_the_stacks_hosts(
    declare: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    declare(hostnames=["pipe.dev", "www.pipe.dev"], days=90)
    request = recorder.of_type(REQUEST)["origin"]
    assert request["privateKeyPem"] == secret("the key")
    assert request["dnsNames"] == ["pipe.dev", "www.pipe.dev"]
    assert request["subject"] == {"commonName": "pipe.dev"}
    assert recorder.of_type(CERTIFICATE)["origin"] == {
        "csr": "the request",
        "hostnames": ["pipe.dev", "www.pipe.dev"],
        "requestType": "origin-ecc",
        "requestedValidity": 90,
    }
