"""A temporary certificate authority, with which the sandbox answers for a server that cannot be reached."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

VALID = timedelta(days=1)
"""The validity of each certificate; the authority exists only while a command runs."""


class Authority:
    """A certificate authority whose key exists only in memory."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Sandbox Chart Repository CA")
        self._certificate = _certificate(self._name, self._name, self._key.public_key(), ca=True).sign(
            self._key, hashes.SHA256()
        )

    def bundle(self) -> str:
        """Return this machine's trusted certificates and the authority's own one, in PEM."""
        trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
        own = self._certificate.public_bytes(Encoding.PEM).decode()
        return "".join(map(ssl.DER_cert_to_PEM_cert, trusted)) + own

    def server_context(self, host: str, folder: Path) -> ssl.SSLContext:
        """Return the TLS settings of a server for a host name; `folder` gets a file with the server's key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = (
            _certificate(_name(host), self._name, key.public_key(), ca=False)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = folder / f"{host}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.touch(mode=0o600)
        file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _name(common_name: str) -> x509.Name:
    # A common name has at most 64 characters (RFC 5280, appendix A.1: ub-common-name).
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - timedelta(minutes=1)
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + VALID)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
    )
