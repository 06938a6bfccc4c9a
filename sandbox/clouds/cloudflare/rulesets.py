"""Rulesets of a zone (developers.cloudflare.com/ruleset-engine)."""

from uuid import uuid4

from sandbox.clouds.cloudflare.account import CloudflareRequest, emulates, refuses, stores, without
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse, timestamp
from sandbox.wire.values import Json

FIXED_MEMBERS = ("kind", "name", "phase")
"""Members of a ruleset that an update request may omit."""

SERVER_MEMBERS = ("id", "version", "last_updated")
"""Members that the API adds to a ruleset and its rules. The plugin sends them back in updates."""


def _own_members() -> Json:
    return {"id": uuid4().hex}


RULESETS = Collection(
    name="ruleset",
    path="/zones/<zone>/rulesets",
    missing=(404, "could not find ruleset", 10001),
    own=_own_members,
    defaults={"description": ""},
)


def _entry_points(request: CloudflareRequest) -> list[Json]:
    """Return the entry point ruleset of the phase in the path, if there is one."""
    rulesets = request.api.collection("ruleset", request.scope["zone"]).values()
    expected = (request.scope["phase"], "zone")
    return [ruleset for ruleset in rulesets if (ruleset["phase"], ruleset["kind"]) == expected]


@emulates("GET /zones/<zone>/rulesets/phases/<phase>/entrypoint")
def read_entry_point(request: CloudflareRequest) -> Json:
    """Return the entry point ruleset of a phase."""
    if rulesets := _entry_points(request):
        return rulesets[0]
    message = f"could not find entrypoint ruleset in the {request.scope['phase']} phase"
    raise ErrorResponse(404, message, 10003)


@emulates("PUT /zones/<zone>/rulesets/phases/<phase>/entrypoint")
def replace_entry_point(request: CloudflareRequest) -> Json:
    """Return the ruleset that would replace the entry point of a phase. Refuse a request without dry_run."""
    if request.http.args.get("dry_run") != "true":
        raise ErrorResponse(405, "the sandbox emulates only the dry run of this request", 10405)
    before = next(iter(_entry_points(request)), Json())
    sent: Json = {"kind": "zone", "name": "default", "phase": request.scope["phase"]} | request.body()
    scope, own = {"zone": request.scope["zone"]}, {"id": before.get("id", uuid4().hex)}
    return request.api.build(
        "ruleset", CloudflareRequest(request.api, request.http, scope, sent, own, before)
    )


@stores(RULESETS)
def put_ruleset(request: CloudflareRequest) -> Json:
    """Return the ruleset with the members that the API adds to it and to its rules."""
    before = request.before
    fixed = {key: before[key] for key in FIXED_MEMBERS if key in before}
    ruleset = fixed | without(request.sent, *SERVER_MEMBERS)
    rules = [without(rule, *SERVER_MEMBERS[1:]) for rule in ruleset.get("rules", [])]
    request.check("ruleset", ruleset | {"rules": rules})
    # The plugin does not send the IDs of the rules that it changes; the rules' refs identify them.
    ids = {rule["ref"]: rule["id"] for rule in before.get("rules", [])}
    return ruleset | {
        "version": str(int(before.get("version", "0")) + 1),
        "rules": [_stored_rule(rule, ids) for rule in rules],
        "last_updated": timestamp(),
    }


def _stored_rule(sent: Json, ids: Json) -> Json:
    """Return a rule with the members that the API adds; `ids` are the IDs of the stored rules by ref."""
    ident = ids.get(sent.get("ref", "")) or sent.get("id") or uuid4().hex
    rule = {"enabled": True, "ref": ident} | sent | {"id": ident, "version": "1", "last_updated": timestamp()}
    if sent["action"] == "execute":
        rule["action_parameters"] = {"version": "latest"} | sent.get("action_parameters", {})
    if "ratelimit" in sent:
        rule["ratelimit"] = {"requests_to_origin": False} | sent["ratelimit"]
    return rule


@refuses("ruleset:put")
def repeated_ref(request: CloudflareRequest) -> None:
    """Refuse two rules with the same ref."""
    refs = [rule["ref"] for rule in request.built["rules"]]
    if len({*refs}) < len(refs):
        raise ErrorResponse(400, "/rules: two rules have the same ref", 20217)


@refuses("ruleset:put")
def changed_phase(request: CloudflareRequest) -> None:
    """Refuse another kind or phase for an existing ruleset."""
    before, after = request.before, request.built
    if before and (before["kind"], before["phase"]) != (after["kind"], after["phase"]):
        raise ErrorResponse(400, "kind and phase of a ruleset cannot be changed", 20025)


@refuses("ruleset:put")
def second_entry_point(request: CloudflareRequest) -> None:
    """Refuse a second ruleset of the kind zone for a phase."""
    if request.built["kind"] == "zone" and request.find_same("kind", "phase"):
        limit = f"exceeded maximum number of zone rulesets for phase {request.built['phase']}"
        message = f"'zone' is not a valid value for kind because {limit}"
        raise ErrorResponse(400, message, 20217)
