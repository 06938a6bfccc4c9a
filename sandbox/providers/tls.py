"""What is behind the tls provider: keys and requests are made here, and kept in the engine's state alone."""

import base64
import ipaddress
from typing import Any, cast

from sandbox.providers.kinds import digits, table
from sandbox.providers.target import Live, Refused, Resource, Target
from sandbox.providers.values import Json, merge

KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"


class TlsTarget(Target):
    """Makes keys and requests; what an engine that was killed did not write down is made anew."""

    def find(self, resource: Resource) -> list[Live]:
        return []

    def plan(self, resource: Resource) -> Json:
        _maker(resource)
        return super().plan(resource)

    def create(self, resource: Resource) -> Live:
        made = _maker(resource)(resource.known)
        return Live(digits(str(made), 40), resource.inputs, merge(made, resource.inputs))

    def read(self, resource: Resource, state: Json) -> Live | None:
        return Live(resource.id, resource.inputs, state)

    def update(self, resource: Resource, before: Live) -> Live:
        raise Refused(f"a {resource.type} cannot change; it is replaced")

    def delete(self, resource: Resource) -> None:
        pass


def _maker(resource: Resource) -> Any:
    makers = {KEY: _key, REQUEST: _request}
    if resource.type not in makers:
        raise Refused(f"the sandbox makes no {resource.type}; it makes {KEY} and {REQUEST}")
    return makers[resource.type]


def _key(given: Json) -> Json:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    algorithm, curve = given["algorithm"], given.get("ecdsaCurve", "P224")
    curves = {"P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}
    if algorithm == "ECDSA" and curve not in curves:
        raise Refused(f"ecdsaCurve: the sandbox makes no keys on {curve}; it knows {', '.join(curves)}")
    key: Any = {
        "RSA": lambda: rsa.generate_private_key(65537, int(given.get("rsaBits", 2048))),
        "ED25519": ed25519.Ed25519PrivateKey.generate,
        "ECDSA": lambda: ec.generate_private_key(curves[curve]()),
    }[algorithm]()
    public, form, pem = key.public_key(), serialization.PrivateFormat, serialization.Encoding.PEM

    def private(wanted: serialization.PrivateFormat) -> str:
        return key.private_bytes(pem, wanted, serialization.NoEncryption()).decode()

    def fingerprint(kind: Any) -> bytes:
        return serialization.ssh_key_fingerprint(public, kind)

    ssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    sha256 = base64.b64encode(fingerprint(hashes.SHA256())).decode().rstrip("=")
    return {
        "privateKeyPem": private(form.PKCS8 if algorithm == "ED25519" else form.TraditionalOpenSSL),
        "privateKeyPemPkcs8": private(form.PKCS8),
        "privateKeyOpenssh": private(form.OpenSSH),
        "publicKeyPem": public.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": f"{ssh}\n",
        "publicKeyFingerprintMd5": fingerprint(hashes.MD5()).hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
    }


def _request(given: Json) -> Json:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    try:
        key: Any = load_pem_private_key(str(given.get("privateKeyPem")).encode(), None)
    except (ValueError, TypeError) as error:
        raise Refused("privateKeyPem: this is no private key in PEM") from error
    edwards = isinstance(key, ed25519.Ed25519PrivateKey)
    subject = cast(Json, given.get("subject") or {})
    try:
        parts = [
            x509.NameAttribute(getattr(x509.NameOID, name), str(subject[key]))
            for key, name in table("tls")["subject"].items()
            if key in subject
        ]
        others: list[x509.GeneralName] = [x509.DNSName(name) for name in given.get("dnsNames", ())]
        others += [x509.IPAddress(ipaddress.ip_address(one)) for one in given.get("ipAddresses", ())]
        others += [x509.UniformResourceIdentifier(one) for one in given.get("uris", ())]
    except ValueError as error:
        raise Refused(f"the certificate request cannot be made: {error}") from error
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    made = builder.sign(key, None if edwards else hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = "ED25519" if edwards else "ECDSA" if elliptic else "RSA"
    return {"certRequestPem": made, "keyAlgorithm": algorithm}
