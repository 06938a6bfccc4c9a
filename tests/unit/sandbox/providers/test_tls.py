"""Tests of the keys and certificate requests of the tls stand-in."""

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
    ssh_key_fingerprint,
)

from sandbox.errors import ProviderError
from sandbox.providers.target import LiveResource, Resource
from sandbox.providers.tls.target import KEY, REQUEST, TlsTarget
from sandbox.wire.schema import properties, resource_class
from sandbox.wire.values import UNKNOWN, Secret

TLS = TlsTarget()
ECDSA = {"algorithm": "ECDSA", "ecdsaCurve": "P256"}


def create(token: str, inputs: dict[str, Any]) -> LiveResource:
    return TLS.create(Resource("urn:pulumi:dev::pipe::it::it", token, inputs))


def test_every_format_has_the_same_key():
    key = create(KEY, ECDSA).outputs
    public = load_pem_public_key(key["publicKeyPem"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1"
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        assert load_pem_private_key(key[name].encode(), None).public_key() == public
    assert load_ssh_private_key(key["privateKeyOpenssh"].encode(), None).public_key() == public
    ssh = load_ssh_public_key(key["publicKeyOpenssh"].encode())
    assert ssh == public
    assert isinstance(ssh, ec.EllipticCurvePublicKey) and key["publicKeyOpenssh"].endswith("\n")
    assert key["publicKeyFingerprintMd5"] == ssh_key_fingerprint(ssh, hashes.MD5()).hex(":")
    sha256 = base64.b64encode(ssh_key_fingerprint(ssh, hashes.SHA256())).decode()
    assert f"{key['publicKeyFingerprintSha256']}=" == f"SHA256:{sha256}"
    assert create(KEY, ECDSA).id != create(KEY, ECDSA).id


def test_a_review_knows_every_output_of_a_key():
    names = ("a", "b")
    target = TlsTarget(recognizable=True)
    keys = [
        target.create(Resource(f"urn:pulumi:dev::pipe::it::{name}", KEY, ECDSA)).outputs for name in names
    ]
    declared = {name for name, prop in properties(resource_class(KEY)).items() if prop.required}
    assert declared <= keys[0].keys()
    assert all(keys[0][name] != keys[1][name] for name in declared - ECDSA.keys())


def test_a_request_has_the_subject_and_the_hosts_of_the_inputs():
    inputs = {
        "privateKeyPem": create(KEY, ECDSA).outputs["privateKeyPem"],
        "subject": {"commonName": "pipe.dev", "organization": "Pipe"},
        "dnsNames": ["pipe.dev", "*.pipe.dev"],
    }
    outputs = create(REQUEST, inputs).outputs
    request = x509.load_pem_x509_csr(outputs["certRequestPem"].encode())
    assert request.is_signature_valid and isinstance(request.public_key(), ec.EllipticCurvePublicKey)
    assert request.subject.rfc4514_string() == "O=Pipe,CN=pipe.dev"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["pipe.dev", "*.pipe.dev"]
    assert outputs["keyAlgorithm"] == "ECDSA"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        KEY,
        {"algorithm": "RSA"},
        'algorithm is "RSA", a string: the sandbox generates only ECDSA keys on P256',
    ),
    (
        KEY,
        {"algorithm": Secret("hunter2"), "ecdsaCurve": "P256"},
        'algorithm is (a secret) a string; ecdsaCurve is "P256", a string: '
        "the sandbox generates only ECDSA keys on P256",
    ),
    (REQUEST, {"uris": []}, "uris: the sandbox generates requests with only a subject and dnsNames"),
    (REQUEST, {"privateKeyPem": "hunter2"}, "privateKeyPem: this is not a private key in PEM"),
    ("tls:index/locallySignedCert:LocallySignedCert", {}, f"only {KEY} and {REQUEST}"),
]


@pytest.mark.parametrize(("token", "inputs", "message"), REFUSED)
def test_unsupported_inputs_are_refused(token: str, inputs: dict[str, Any], message: str):
    with pytest.raises(ProviderError) as error:
        create(token, inputs)
    assert str(error.value).endswith(message)


def test_a_key_exists_only_in_the_state():
    live = create(KEY, ECDSA)
    key = Resource("urn:pulumi:dev::pipe::it::it", KEY, live.inputs, {}, live.id)
    assert TLS.find(key) == []
    assert TLS.read(key, live.outputs) == live
    assert TLS.plan(key)["privateKeyPem"] is UNKNOWN
    with pytest.raises(ProviderError, match="cannot be changed in place; it is replaced"):
        TLS.update(key, live)
    TLS.delete(key)
