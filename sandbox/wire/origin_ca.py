"""An emulation of Cloudflare's Origin CA: a temporary certificate authority that signs requests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

KEYS: dict[str, type[object]] = {"origin-ecc": ec.EllipticCurvePublicKey, "origin-rsa": rsa.RSAPublicKey}
"""The class of the public key that each request type requires."""


class OriginCa:
    """A certificate authority whose key exists only in memory."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox Origin CA")])

    def sign(self, csr: str, kind: str, hosts: Sequence[str], days: int) -> tuple[str, datetime]:
        """Return a certificate for the hosts, in PEM, and its expiry time.

        `csr` is a certificate signing request in PEM; `kind` is its request type, such as `origin-rsa`.
        Raise ValueError if the request is malformed or has an invalid signature or the wrong type of key.
        """
        try:
            request = x509.load_pem_x509_csr(csr.encode())
        except ValueError as error:
            raise ValueError(f"this is not a certificate signing request in PEM: {error}") from error
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, KEYS.get(kind, object)):
            raise ValueError(f"the request's key does not fit {kind}, or the request's signature is invalid")
        begin = datetime.now(UTC).replace(microsecond=0)
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        certificate = (
            x509.CertificateBuilder(self._name, request.subject, key, x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=days))
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode(), begin + timedelta(days=days)
