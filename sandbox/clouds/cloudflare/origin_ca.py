"""Cloudflare's Origin CA as the sandbox has it: an authority of its own that signs what is asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

KEYS: dict[str, type[object]] = {"origin-ecc": ec.EllipticCurvePublicKey, "origin-rsa": rsa.RSAPublicKey}


class OriginCa:
    """An authority; its key is nowhere but in memory."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox Origin CA")])

    def sign(self, csr: str, kind: str, hosts: Sequence[str], days: int) -> tuple[str, datetime]:
        """A certificate in PEM and when it expires; ValueError: the request is none, or does not fit."""
        try:
            request = x509.load_pem_x509_csr(csr.encode())
        except ValueError as error:
            raise ValueError(f"this is no certificate signing request in PEM: {error}") from error
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, KEYS.get(kind, object)):
            raise ValueError(f"{kind} does not fit the request's key, or it did not sign the request")
        begin = datetime.now(UTC).replace(microsecond=0)
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        made = (
            x509.CertificateBuilder(self._name, request.subject, key, x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=days))
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode(), begin + timedelta(days=days)
