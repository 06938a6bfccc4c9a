"""The tls provider's target: it makes keys and requests, which only the engine's state holds."""

from typing import Any, cast

from sandbox.errors import RefusedError
from sandbox.providers.plan import Plan
from sandbox.providers.resource_types import digits, table
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, merge

KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"


class TlsTarget(Plan):
    """A target that makes keys and requests; after a killed run it makes new ones."""

    def plan(self, resource: Resource) -> Json:
        _maker(resource)
        return super(Plan, self).plan(resource)

    def create(self, resource: Resource) -> LiveResource:
        made = _maker(resource)(resource.known)
        return LiveResource(digits(str(made), 40), resource.inputs, merge(made, resource.inputs))

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        raise RefusedError(f"a {resource.type} cannot change; it is replaced")


def _maker(resource: Resource) -> Any:
    makers = {KEY: _key, REQUEST: _request}
    if resource.type not in makers:
        raise RefusedError(f"the sandbox makes no {resource.type}; it makes {KEY} and {REQUEST}")
    return makers[resource.type]


def _key(given: Json) -> Json:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if (asked := (given["algorithm"], given.get("ecdsaCurve"))) != ("ECDSA", "P256"):
        raise RefusedError(
            f"algorithm, ecdsaCurve: the sandbox makes no keys of {asked}; it makes ECDSA on P256"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    public, form, pem = key.public_key(), serialization.PrivateFormat, serialization.Encoding.PEM

    def private(wanted: serialization.PrivateFormat) -> str:
        return key.private_bytes(pem, wanted, serialization.NoEncryption()).decode()

    return {
        "privateKeyPem": private(form.TraditionalOpenSSL),
        "privateKeyPemPkcs8": private(form.PKCS8),
        "publicKeyPem": public.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
    }


def _request(given: Json) -> Json:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    if others := ", ".join(sorted(given.keys() - {"privateKeyPem", "subject", "dnsNames"})):
        raise RefusedError(f"{others}: the sandbox makes requests with a subject and dnsNames only")
    try:
        key: Any = load_pem_private_key(str(given.get("privateKeyPem")).encode(), None)
    except (ValueError, TypeError) as error:
        raise RefusedError("privateKeyPem: this is no private key in PEM") from error
    subject = cast(Json, given.get("subject") or {})
    parts = [
        x509.NameAttribute(getattr(x509.NameOID, name), str(subject[key]))
        for key, name in table("tls")["subject"].items()
        if key in subject
    ]
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in given.get("dnsNames", ())])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    return {"certRequestPem": made.public_bytes(Encoding.PEM).decode(), "keyAlgorithm": "ECDSA"}
