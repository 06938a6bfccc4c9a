"""Tests of the origin certificate for connections from Cloudflare."""

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
    """Provide a function that declares a certificate and returns its outputs."""
    recorder.computed = {
        KEY: {"privateKeyPem": "the key"},
        REQUEST: {"certRequestPem": "the request"},
        CERTIFICATE: {"certificate": "the certificate"},
    }

    def run(hostnames: Sequence[str], days: int) -> dict[str, Any]:
        outputs: dict[str, Any] = {}

        def program() -> pulumi.Output[Any]:
            origin = OriginCertificate("origin", OriginCertificateArgs(hostnames=hostnames, days=days))
            is_secret = pulumi.Output.from_input(origin.private_key.is_secret())
            return pulumi.Output.all(
                certificate=origin.certificate, private_key=origin.private_key, is_secret=is_secret
            ).apply(outputs.update)

        evaluate(program)
        return outputs

    return run


def test_cloudflares_origin_ca_signs_a_secret_p256_key_for_the_stacks_hosts(
    declare: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    outputs = declare(["pipe.dev", "www.pipe.dev"], 90)
    assert outputs == {"certificate": "the certificate", "private_key": "the key", "is_secret": True}
    assert recorder.of_type(KEY) == {"origin": {"algorithm": "ECDSA", "ecdsaCurve": "P256"}}
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
