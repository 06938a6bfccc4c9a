"""Keys and requests are real ones."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from sandbox.errors import RefusedError
from sandbox.providers.target import LiveResource, Resource
from sandbox.providers.tls.target import KEY, REQUEST, TlsTarget
from sandbox.wire.values import UNKNOWN

TLS = TlsTarget()
ECDSA = {"algorithm": "ECDSA", "ecdsaCurve": "P256"}


def create(token: str, inputs: dict[str, Any]) -> LiveResource:
    return TLS.create(Resource("urn:pulumi:dev::pipe::it::it", token, inputs))


def test_a_key_is_one_in_every_format():
    made = create(KEY, ECDSA).outputs
    public = load_pem_public_key(made["publicKeyPem"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1"
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        assert load_pem_private_key(made[name].encode(), None).public_key() == public
    assert create(KEY, ECDSA).id != create(KEY, ECDSA).id


def test_a_request_says_what_was_asked_for():
    asked = {
        "privateKeyPem": create(KEY, ECDSA).outputs["privateKeyPem"],
        "subject": {"commonName": "pipe.dev", "organization": "Pipe"},
        "dnsNames": ["pipe.dev", "*.pipe.dev"],
    }
    made = create(REQUEST, asked).outputs
    request = x509.load_pem_x509_csr(made["certRequestPem"].encode())
    assert request.is_signature_valid and isinstance(request.public_key(), ec.EllipticCurvePublicKey)
    assert request.subject.rfc4514_string() == "O=Pipe,CN=pipe.dev"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["pipe.dev", "*.pipe.dev"]
    assert made["keyAlgorithm"] == "ECDSA"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        KEY,
        {"algorithm": "RSA"},
        "algorithm, ecdsaCurve: the sandbox cannot make keys of ('RSA', None); it makes ECDSA on P256",
    ),
    (REQUEST, {"uris": []}, "uris: the sandbox makes requests with a subject and dnsNames only"),
    (REQUEST, {"privateKeyPem": "hunter2"}, "privateKeyPem: this is not a private key in PEM"),
    ("tls:index/locallySignedCert:LocallySignedCert", {}, f"it makes {KEY} and {REQUEST}"),
]


@pytest.mark.parametrize(("token", "inputs", "said"), REFUSED)
def test_what_cannot_be_made_is_refused(token: str, inputs: dict[str, Any], said: str):
    with pytest.raises(RefusedError) as error:
        create(token, inputs)
    assert str(error.value).endswith(said)


def test_what_was_made_stays_in_the_state_alone():
    made = create(KEY, ECDSA)
    own = Resource("urn:pulumi:dev::pipe::it::it", KEY, made.inputs, {}, made.id)
    assert TLS.find(own) == []
    assert TLS.read(own, made.outputs) == made
    assert TLS.plan(own)["privateKeyPem"] is UNKNOWN
    with pytest.raises(RefusedError, match="cannot change; it is replaced"):
        TLS.update(own, made)
    TLS.delete(own)
