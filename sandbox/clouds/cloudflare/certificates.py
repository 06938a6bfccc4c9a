"""Certificates of the Origin CA (developers.cloudflare.com/ssl/origin-configuration/origin-ca)."""

from uuid import uuid4

from sandbox.clouds.cloudflare.account import CloudflareRequest, is_within, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

DEFAULT_DAYS = 5475


def _own_members() -> Json:
    return {"id": str(uuid4().int)}


CERTIFICATES = Collection(
    name="certificate",
    path="/certificates",
    missing=(404, "Certificate does not exist", 1003),
    own=_own_members,
    verbs=("DELETE",),
    gone="id",
)


@stores(CERTIFICATES)
def put_certificate(request: CloudflareRequest) -> Json:
    """Return the certificate for a request, signed by the account's authority."""
    sent: Json = {"requested_validity": DEFAULT_DAYS} | request.sent
    request.check("certificate", sent)
    zones = request.api.zones
    foreign = [host for host in sent["hostnames"] if not any(is_within(host, zone) for zone in zones)]
    if foreign:
        raise ErrorResponse(400, f"the account has no zone that contains {', '.join(foreign)}", 1010)
    try:
        certificate, end = request.api.origin_ca.sign(
            sent["csr"], sent["request_type"], sent["hostnames"], int(sent["requested_validity"])
        )
    except ValueError as error:
        raise ErrorResponse(400, f"Failed to validate the CSR: {error}", 1010) from error
    expires = end.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    return sent | {"certificate": certificate, "expires_on": expires}
