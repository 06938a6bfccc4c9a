"""What is behind the tls provider: keys and requests are made here, and kept in the engine's state alone."""

import base64
import ipaddress
from typing import Any, cast

from sandbox.providers.kinds import digits
from sandbox.providers.target import Live, Refused, Resource, Target
from sandbox.providers.values import UNKNOWN, Json, merge

KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"

KEY_OUTPUTS = (
    "privateKeyPem",
    "privateKeyPemPkcs8",
    "privateKeyOpenssh",
    "publicKeyPem",
    "publicKeyOpenssh",
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
)


class TlsTarget(Target):
    """Makes keys and requests; what an engine that was killed did not write down is made anew."""

    def find(self, resource: Resource) -> list[Live]:
        return []

    def plan(self, resource: Resource) -> Json:
        return super().plan(resource) | dict.fromkeys(self._outputs(resource), UNKNOWN)

    def _outputs(self, resource: Resource) -> tuple[str, ...]:
        names = {KEY: KEY_OUTPUTS, REQUEST: ("certRequestPem", "keyAlgorithm")}.get(resource.type)
        if names is None:
            raise Refused(f"the sandbox makes no {resource.type}; it makes {KEY} and {REQUEST}")
        return names

    def create(self, resource: Resource) -> Live:
        self._outputs(resource)
        made = _key(resource.known) if resource.type == KEY else _request(resource.known)
        return Live(digits(str(made), 40), resource.inputs, merge(made, resource.inputs))

    def read(self, resource: Resource, state: Json) -> Live | None:
        return Live(resource.id, resource.inputs, state)

    def update(self, resource: Resource, before: Live) -> Live:
        raise Refused(f"a {resource.type} cannot change; it is replaced")

    def delete(self, resource: Resource) -> None:
        pass


def _key(given: Json) -> Json:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    curves = {"P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}
    match given["algorithm"]:
        case "RSA":
            key = rsa.generate_private_key(65537, int(given.get("rsaBits", 2048)))
        case "ED25519":
            key = ed25519.Ed25519PrivateKey.generate()
        case _:
            curve = given.get("ecdsaCurve", "P224")
            if curve not in curves:
                raise Refused(
                    f"ecdsaCurve: the sandbox makes no keys on {curve}; it knows {', '.join(curves)}"
                )
            key = ec.generate_private_key(curves[curve]())

    def private(form: PrivateFormat) -> str:
        return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    traditional = PrivateFormat.PKCS8 if given["algorithm"] == "ED25519" else PrivateFormat.TraditionalOpenSSL
    public = key.public_key()
    ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    md5 = serialization.ssh_key_fingerprint(public, hashes.MD5()).hex(":")
    sha256 = base64.b64encode(serialization.ssh_key_fingerprint(public, hashes.SHA256())).decode().rstrip("=")
    values = (
        private(traditional),
        private(PrivateFormat.PKCS8),
        private(PrivateFormat.OpenSSH),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        f"{ssh}\n",
        md5,
        f"SHA256:{sha256}",
    )
    return dict(zip(KEY_OUTPUTS, values, strict=True))


def _request(given: Json) -> Json:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
    from cryptography.x509.oid import NameOID

    names = {
        "commonName": NameOID.COMMON_NAME,
        "organization": NameOID.ORGANIZATION_NAME,
        "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "country": NameOID.COUNTRY_NAME,
        "province": NameOID.STATE_OR_PROVINCE_NAME,
        "locality": NameOID.LOCALITY_NAME,
        "postalCode": NameOID.POSTAL_CODE,
        "serialNumber": NameOID.SERIAL_NUMBER,
    }
    algorithms = {
        "ECDSA": ec.EllipticCurvePrivateKey,
        "ED25519": ed25519.Ed25519PrivateKey,
        "RSA": rsa.RSAPrivateKey,
    }
    try:
        key: Any = load_pem_private_key(str(given.get("privateKeyPem")).encode(), None)
    except (ValueError, TypeError) as error:
        raise Refused("privateKeyPem: this is no private key in PEM") from error
    algorithm = next(name for name, kind in algorithms.items() if isinstance(key, kind))
    subject = cast(Json, given.get("subject") or {})
    try:
        parts = [
            x509.NameAttribute(oid, str(subject[name])) for name, oid in names.items() if name in subject
        ]
        others: list[x509.GeneralName] = [x509.DNSName(name) for name in given.get("dnsNames", ())]
        others += [x509.IPAddress(ipaddress.ip_address(one)) for one in given.get("ipAddresses", ())]
        others += [x509.UniformResourceIdentifier(one) for one in given.get("uris", ())]
    except ValueError as error:
        raise Refused(f"the certificate request cannot be made: {error}") from error
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    made = builder.sign(key, None if algorithm == "ED25519" else hashes.SHA256())
    return {"certRequestPem": made.public_bytes(Encoding.PEM).decode(), "keyAlgorithm": algorithm}
