"""Page rules. The program declares none, but somebody may have created some by hand."""

from uuid import uuid4

from sandbox.clouds.cloudflare.account import CloudflareRequest, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import timestamp
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"id": uuid4().hex, "created_on": timestamp(), "modified_on": timestamp()}


PAGE_RULES = Collection(
    name="page_rule",
    path="/zones/<zone>/pagerules",
    missing=(404, "Page Rule not found", 1002),
    own=_own_members,
    defaults={"status": "disabled", "priority": 1},
    gone="id",
)


@stores(PAGE_RULES)
def put_page_rule(request: CloudflareRequest) -> Json:
    """Return the page rule with the changed members."""
    return request.before | request.sent
