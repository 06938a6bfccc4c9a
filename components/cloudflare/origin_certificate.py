"""The TLS proxy's certificate for connections from Cloudflare."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_cloudflare as cloudflare
import pulumi_tls as tls


@dataclass(frozen=True, kw_only=True)
class OriginCertificateArgs:
    """Arguments of OriginCertificate."""

    hostnames: Sequence[str]
    """Host names in the certificate; the first one is its subject."""
    days: int
    """Validity in days: 7, 30, 90, 365, 730, 1095 or 5475 (Origin CA)."""


class OriginCertificate(pulumi.ComponentResource):
    """A private key, stored as a secret in the state, and its certificate from Cloudflare's Origin CA.

    Only Cloudflare trusts that CA, so a client that bypasses Cloudflare cannot verify the certificate. The
    certificate is not renewed automatically: the alert OriginCertificateExpiry links to the runbook, which
    creates a new key with `pulumi up --replace`.
    """

    certificate: pulumi.Output[str]
    """Certificate in PEM."""
    private_key: pulumi.Output[str]
    """Private key in PEM, a secret."""

    def __init__(
        self, name: str, args: OriginCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:edge:OriginCertificate", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        key = tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve="P256", opts=child)
        request = tls.CertRequest(
            name,
            private_key_pem=pulumi.Output.secret(key.private_key_pem),
            subject={"common_name": args.hostnames[0]},
            dns_names=args.hostnames,
            opts=child,
        )
        certificate = cloudflare.OriginCaCertificate(
            name,
            csr=request.cert_request_pem,
            hostnames=args.hostnames,
            request_type="origin-ecc",
            requested_validity=args.days,
            opts=child,
        )

        self.certificate = certificate.certificate
        self.private_key = pulumi.Output.secret(key.private_key_pem)
        self.register_outputs({"certificate": self.certificate, "private_key": self.private_key})
