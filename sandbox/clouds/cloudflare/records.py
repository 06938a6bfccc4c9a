"""DNS records (developers.cloudflare.com/dns/manage-dns-records)."""

from uuid import uuid4

from sandbox.clouds.cloudflare.account import CloudflareRequest, is_within, refuses, stores, without
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse, timestamp
from sandbox.wire.request_bodies.cloudflare.records import PROXIABLE
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"id": uuid4().hex, "created_on": timestamp(), "meta": Json()}


RECORDS = Collection(
    name="record",
    path="/zones/<zone>/dns_records",
    missing=(404, "Record does not exist.", 81044),
    own=_own_members,
    defaults={"proxied": False, "tags": [], "settings": {}},
    gone="id",
)


@stores(RECORDS)
def put_record(request: CloudflareRequest) -> Json:
    """Return the record with its full name and its content."""
    # In an update, the plugin also sends the content that the API has derived from the data.
    sent = without(request.sent, "content") if "data" in request.sent else request.sent
    request.check("record", sent)
    apex = request.api.require("zone", request.scope["zone"])["name"]
    name = sent["name"].lower().rstrip(".")
    if name == "@":
        name = apex
    elif not is_within(name, apex):
        name = f"{name}.{apex}"
    record: Json = {"comment": None} | sent | {"name": name, "content": _content(sent)}
    request.check("record", sent, record)
    record |= {"comment_modified_on": timestamp()} if "comment" in sent else {}
    return record | {"proxiable": record["type"] in PROXIABLE, "modified_on": timestamp()}


def _content(record: Json) -> str:
    """Return a record's content. For a structured record, the API derives the content from `data`."""
    data = {key: str(value) for key, value in record.get("data", {}).items()}
    if record["type"] == "CAA" and data:
        return f'{data.get("flags")} {data.get("tag")} "{data.get("value")}"'
    return str(record.get("content", "")) or " ".join(data.values())


@refuses("record:put")
def alias_of_itself(request: CloudflareRequest) -> None:
    """Refuse a CNAME whose content is its own name."""
    record = request.built
    if record["type"] == "CNAME" and record["content"].lower().rstrip(".") == record["name"]:
        raise ErrorResponse(400, "CNAME content cannot reference itself.", 9039)


@refuses("record:put")
def duplicate_record(request: CloudflareRequest) -> None:
    """Refuse a record with the name, type and content of another."""
    if request.find_same("name", "type", "content"):
        raise ErrorResponse(400, "An identical record already exists.", 81058)


@refuses("record:put")
def alias_beside_addresses(request: CloudflareRequest) -> None:
    """Refuse a CNAME beside another record with an address for the same name, and the reverse."""
    if not request.built["proxiable"]:
        return
    types = {request.built["type"], *(other["type"] for other in request.find_same("name", "proxiable"))}
    if "CNAME" in types and request.find_same("name", "proxiable"):
        message = "An A, AAAA, or CNAME record with that host already exists."
        raise ErrorResponse(400, message, 81053)
