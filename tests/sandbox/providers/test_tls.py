"""Keys and requests are real ones, whatever the algorithm."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from sandbox.providers.target import Live, Refused, Resource
from sandbox.providers.tls import KEY, REQUEST, TlsTarget
from sandbox.providers.values import UNKNOWN

TLS = TlsTarget()
KINDS: list[tuple[dict[str, Any], type, str]] = [
    ({"algorithm": "RSA", "rsaBits": 2048}, rsa.RSAPublicKey, "RSA"),
    ({"algorithm": "ED25519"}, ed25519.Ed25519PublicKey, "ED25519"),
    ({"algorithm": "ECDSA", "ecdsaCurve": "P384"}, ec.EllipticCurvePublicKey, "ECDSA"),
]


def create(token: str, inputs: dict[str, Any]) -> Live:
    return TLS.create(Resource("urn:pulumi:dev::pipe::it::it", token, inputs))


@pytest.mark.parametrize(("inputs", "kind", "algorithm"), KINDS)
def test_a_key_is_one_in_every_format(inputs: dict[str, Any], kind: type, algorithm: str):
    made = create(KEY, inputs).outputs
    public = load_pem_public_key(made["publicKeyPem"].encode())
    assert isinstance(public, kind)
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        assert load_pem_private_key(made[name].encode(), None).public_key() == public
    assert load_ssh_private_key(made["privateKeyOpenssh"].encode(), None).public_key() == public
    assert load_ssh_public_key(made["publicKeyOpenssh"].encode()) == public
    assert len(made["publicKeyFingerprintMd5"].split(":")) == 16
    assert made["publicKeyFingerprintSha256"].startswith("SHA256:")
    assert create(KEY, inputs).id != create(KEY, inputs).id


@pytest.mark.parametrize(("inputs", "kind", "algorithm"), KINDS)
def test_a_request_says_what_was_asked_for(inputs: dict[str, Any], kind: type, algorithm: str):
    asked = {
        "privateKeyPem": create(KEY, inputs).outputs["privateKeyPem"],
        "subject": {"commonName": "pipe.dev", "organization": "Pipe"},
        "dnsNames": ["pipe.dev", "*.pipe.dev"],
        "ipAddresses": ["10.0.0.1"],
        "uris": ["spiffe://pipe"],
    }
    made = create(REQUEST, asked).outputs
    request = x509.load_pem_x509_csr(made["certRequestPem"].encode())
    assert request.is_signature_valid and isinstance(request.public_key(), kind)
    assert request.subject.rfc4514_string() == "O=Pipe,CN=pipe.dev"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["pipe.dev", "*.pipe.dev", "10.0.0.1", "spiffe://pipe"]
    assert made["keyAlgorithm"] == algorithm


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (KEY, {"algorithm": "ECDSA"}, "ecdsaCurve: the sandbox makes no keys on P224; it knows P256, P384, P521"),
    (REQUEST, {"privateKeyPem": "hunter2"}, "privateKeyPem: this is no private key in PEM"),
    ("tls:index/locallySignedCert:LocallySignedCert", {}, f"it makes {KEY} and {REQUEST}"),
]


@pytest.mark.parametrize(("token", "inputs", "said"), REFUSED)
def test_what_cannot_be_made_is_refused(token: str, inputs: dict[str, Any], said: str):
    with pytest.raises(Refused) as error:
        create(token, inputs)
    assert str(error.value).endswith(said)


def test_a_wrong_address_is_refused():
    key = create(KEY, KINDS[2][0]).outputs["privateKeyPem"]
    with pytest.raises(Refused, match=r"^the certificate request cannot be made: 'x' does not appear"):
        create(REQUEST, {"privateKeyPem": key, "ipAddresses": ["x"]})


def test_what_was_made_stays_in_the_state_alone():
    made = create(KEY, KINDS[2][0])
    own = Resource("urn:pulumi:dev::pipe::it::it", KEY, made.inputs, {}, made.id)
    assert TLS.find(own) == []
    assert TLS.read(own, made.outputs) == made
    assert TLS.plan(own)["privateKeyPem"] is UNKNOWN
    with pytest.raises(Refused, match="cannot change; it is replaced"):
        TLS.update(own, made)
    TLS.delete(own)
