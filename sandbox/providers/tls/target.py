"""The target of the tls provider, whose keys and certificate requests exist only in the engine's state."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.providers.plan import Plan
from sandbox.providers.resource_types import digits, table
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, merge, plain, show

KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"


class TlsTarget(Plan):
    """A target that generates keys and certificate requests. After a killed run, it generates new ones."""

    def plan(self, resource: Resource) -> Json:
        _generator(resource)
        return super(Plan, self).plan(resource)

    def create(self, resource: Resource) -> LiveResource:
        outputs = _generator(resource)(resource)
        if self._recognizable:
            # The provider adds nothing to inputs, since it asks no API.
            computed = self.computed(replace(resource, inputs=resource.known), {})
            outputs = {name: computed[name] for name in computed if name not in resource.inputs} | outputs
        return LiveResource(digits(str(outputs), 40), resource.inputs, merge(outputs, resource.inputs))

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        raise ProviderError(f"{resource.type} cannot be changed in place; it is replaced")


def _generator(resource: Resource) -> Callable[[Resource], Json]:
    generators = {KEY: _generate_key, REQUEST: _generate_request}
    if resource.type not in generators:
        raise ProviderError(f"the sandbox cannot generate {resource.type}, only {KEY} and {REQUEST}")
    return generators[resource.type]


def _check_algorithm(inputs: Json) -> None:
    """Raise ProviderError unless the key is an ECDSA key on P256. The message contains no secret value."""
    settings = {name: inputs.get(name) for name in ("algorithm", "ecdsaCurve")}
    if plain(settings) != {"algorithm": "ECDSA", "ecdsaCurve": "P256"}:
        shown = "; ".join(f"{name} is {show(value)}" for name, value in settings.items() if value is not None)
        raise ProviderError(f"{shown}: the sandbox generates only ECDSA keys on P256")


def _generate_key(resource: Resource) -> Json:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    _check_algorithm(resource.inputs)
    key = ec.generate_private_key(ec.SECP256R1())
    formats, pem = serialization.PrivateFormat, serialization.Encoding.PEM

    def private_key(private_format: serialization.PrivateFormat) -> str:
        return key.private_bytes(pem, private_format, serialization.NoEncryption()).decode()

    public_key = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    public_openssh = key.public_key().public_bytes(*openssh).decode()
    content = base64.b64decode(public_openssh.split()[1])
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return {
        # The forms are those of golang.org/x/crypto/ssh, which terraform-provider-tls uses.
        "publicKeyOpenssh": f"{public_openssh}\n",
        "publicKeyFingerprintMd5": md5.hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
        "privateKeyOpenssh": private_key(formats.OpenSSH),
        "privateKeyPem": private_key(formats.TraditionalOpenSSL),
        "privateKeyPemPkcs8": private_key(formats.PKCS8),
        "publicKeyPem": public_key.decode(),
    }


def _generate_request(resource: Resource) -> Json:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    inputs = resource.known
    if others := ", ".join(sorted(inputs.keys() - {"privateKeyPem", "subject", "dnsNames"})):
        raise ProviderError(f"{others}: the sandbox generates requests with only a subject and dnsNames")
    try:
        key: Any = load_pem_private_key(str(inputs.get("privateKeyPem")).encode(), None)
    except (ValueError, TypeError) as error:
        raise ProviderError("privateKeyPem: this is not a private key in PEM") from error
    subject = cast(Json, inputs.get("subject") or {})
    attributes = [
        x509.NameAttribute(getattr(x509.NameOID, name), str(subject[member]))
        for member, name in table("tls")["subject"].items()
        if member in subject
    ]
    hosts = x509.SubjectAlternativeName([x509.DNSName(host) for host in inputs.get("dnsNames", ())])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    request = builder.add_extension(hosts, critical=False).sign(key, hashes.SHA256())
    return {"certRequestPem": request.public_bytes(Encoding.PEM).decode(), "keyAlgorithm": "ECDSA"}
