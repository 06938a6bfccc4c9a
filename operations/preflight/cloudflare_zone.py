"""Questions to Cloudflare: the token, the zone, and objects in it that conflict with the stack's own."""

import fnmatch
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import cloudflare

from components.common import ruleset_phases
from operations.lib.services import release_names
from operations.preflight.answers import Answer, NotAsked, Question, no, skipped, yes
from operations.preflight.subject import Subject
from operations.preflight.unanswered import DENIED, TOKENS, cloudflare_messages

TOKEN = "CLOUDFLARE_API_TOKEN"
SET_TOKEN = f"set {TOKEN}, in a real stack to the deployment token ({TOKENS})"
TIMEOUT_SECONDS = 10.0
MANAGED = "managed by pulumi"
"""Part of the comment of each record and of the description of each ruleset that the program declares, in
lower case.
"""


class Zone:
    """The zone of the stack, as the token sees it.

    The first question that needs the zone looks it up, for all questions.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._lock = threading.Lock()
        self._zone: Any = None
        self._api: cloudflare.Cloudflare | None = None

    @property
    def api(self) -> cloudflare.Cloudflare:
        """Client with the caller's token; raise NotAsked without one."""
        if not self._subject.is_sandbox and not os.environ.get(TOKEN):
            raise NotAsked(f"{TOKEN} is not set", SET_TOKEN)
        with self._lock:
            if self._api is None:
                client = release_names.client(self._subject.options)
                self._api = client.with_options(timeout=TIMEOUT_SECONDS, max_retries=1)
        return self._api

    @property
    def zone(self) -> Any:
        """The zone; raise NotAsked if the token does not see exactly one zone of this name."""
        name, api = self._subject.settings.edge.zone_name, self.api
        with self._lock:
            if self._zone is None:
                zones = list(api.zones.list(name=name))
                if len(zones) != 1:
                    raise NotAsked(f"the token sees {len(zones)} zones named {name}", TOKENS)
                self._zone = zones[0]
        return self._zone

    @property
    def id(self) -> str:
        return self.zone.id


@dataclass(frozen=True)
class Permission:
    """A permission of the deployment token (docs/tokens.md), and a harmless request that needs it."""

    name: str
    request: Callable[[Zone], object]
    is_of_owner: bool = False
    """True if only the stack that owns the zone needs the permission."""


def _validate_phase(phase: str) -> Callable[[Zone], object]:
    """Return a request that succeeds only if the token may change a phase's ruleset.

    The request is a dry run, which needs the same permission as the change itself (Cloudflare, Ruleset
    Engine, "Validate rule changes before deployment"). It sends the current rules, so even without the dry
    run it would change nothing.
    """

    def request(zone: Zone) -> None:
        path, api = f"/zones/{zone.id}/rulesets/phases/{phase}/entrypoint", zone.api
        try:
            rules: list[Any] = cast(Any, api.get(path, cast_to=object))["result"].get("rules") or []
        except cloudflare.NotFoundError:
            rules = []
        body: dict[str, Any] = {"rules": rules}
        api.put(path, cast_to=object, body=body, options={"params": {"dry_run": "true"}})

    return request


PERMISSIONS = (
    Permission("Zone · Zone", lambda zone: zone.zone),
    Permission("Zone · DNS", lambda zone: next(iter(zone.api.dns.records.list(zone_id=zone.id)), None)),
    Permission(
        "Zone · SSL and Certificates",
        lambda zone: next(iter(zone.api.origin_ca_certificates.list(zone_id=zone.id)), None),
    ),
    Permission(
        "Zone · Zone Settings", lambda zone: zone.api.zones.settings.get("ssl", zone_id=zone.id), True
    ),
    Permission("Zone · Zone WAF", _validate_phase(ruleset_phases.RATE_LIMIT_PHASE), True),
    Permission("Zone · Cache Rules", _validate_phase(ruleset_phases.CACHE_PHASE), True),
)


def questions(subject: Subject) -> list[Question]:
    """Return the questions about the zone."""
    zone = Zone(subject)
    return [
        Question("Cloudflare", "token", "token", lambda: ask_token(zone)),
        Question("Cloudflare", "token", "permission", lambda: ask_permissions(subject, zone)),
        Question("Cloudflare", "zone", "zone", lambda: ask_zone(subject, zone)),
        Question("Cloudflare", "records", "DNS records", lambda: ask_records(subject, zone)),
        Question("Cloudflare", "rulesets", "rulesets", lambda: ask_rulesets(subject, zone)),
        Question("Cloudflare", "rulesets", "page rules", lambda: ask_page_rules(subject, zone)),
        Question("Cloudflare", "dnssec", "DNSSEC", lambda: ask_dnssec(subject, zone)),
    ]


def ask_token(zone: Zone) -> Answer:
    """Check that the token is active.

    A user's token and an account's token are verified at different addresses (Cloudflare API).
    """
    try:
        try:
            token: Any = zone.api.user.tokens.verify()
        except cloudflare.APIStatusError:
            token = zone.api.accounts.tokens.verify(account_id=zone.zone.account.id)
    except cloudflare.APIStatusError as error:
        if error.status_code >= 500:
            raise
        return no(f"Cloudflare does not accept the token: {cloudflare_messages(error)}", SET_TOKEN)
    if token is None or token.status != "active":
        return no(f"the token is {token.status if token else 'unknown'}", SET_TOKEN)
    end = f" until {token.expires_on:%Y-%m-%d}" if token.expires_on else ""
    return yes(f"the token is active{end}")


def ask_permissions(subject: Subject, zone: Zone) -> Iterator[Answer]:
    """Check each permission of the token with a harmless request.

    The permission to write is checked only for rulesets, since Cloudflare has no other dry run.
    """
    owned = subject.settings.edge.zone.owned
    granted: list[str] = []
    for permission in PERMISSIONS:
        if permission.is_of_owner and not owned:
            continue
        try:
            permission.request(zone)
        except cloudflare.APIStatusError as error:
            if error.status_code not in DENIED:
                raise
            text = f"the token lacks it: {cloudflare_messages(error)}"
            yield no(text, f"add the permission to the token ({TOKENS})", part=permission.name)
            continue
        granted.append(permission.name)
    if granted:
        yield yes(f"the token has {', '.join(granted)}")


def ask_zone(subject: Subject, zone: Zone) -> Answer:
    """Check that the zone is active and has the plan of the stack file."""
    name, expected, actual = subject.settings.edge.zone_name, subject.settings.edge.zone.plan, zone.zone
    if actual.status != "active":
        servers = ", ".join(actual.name_servers or ())
        return no(f"{name} is {actual.status}", f"set its name servers at the registrar: {servers}")
    plan = actual.plan.legacy_id
    if plan != expected:
        fix = f"pulumi config set --path pipe:edge.zone.plan {plan} --stack {subject.name}, in all stacks"
        return no(f"{name} has the plan {plan}, and the stack file says {expected}", fix)
    return yes(f"{name} is active, with the plan {plan}")


def ask_records(subject: Subject, zone: Zone) -> Iterator[Answer]:
    """Look for existing records that the stack would create again and that are not in its state yet."""
    edge, collisions = subject.settings.edge, 0
    names: dict[str, str] = {edge.host: "edge", edge.frontend_host: "edge-frontend"}
    taken: set[str] = set()
    for record in cast("Iterator[Any]", zone.api.dns.records.list(zone_id=zone.id)):
        if _is_own(record.comment):
            continue
        if record.type in release_names.ADDRESSES and record.name in names:
            resource = names[record.name]
        elif record.type == "CAA" and edge.zone.owned and record.name == edge.zone_name:
            authority = record.data.value if record.data.tag == "issue" else ""
            if authority not in edge.zone.certificate_authorities:
                continue
            resource = f"edge-caa-{authority}"
        else:
            continue
        collisions += 1
        kind = "cloudflare:index/dnsRecord:DnsRecord"
        fix = _import_command(subject, kind, resource, f"{zone.id}/{record.id}")
        if resource in taken:
            fix = "delete it, since a CNAME allows no other address record of its name"
        taken.add(resource)
        yield no(f"exists as a record of type {record.type}", fix, part=record.name)
    if not collisions:
        yield yes("no record has a name of the stack's records")


def ask_rulesets(subject: Subject, zone: Zone) -> Iterator[Answer]:
    """Look for rulesets that are not in the stack's state, since a phase of a zone has at most one."""
    if not subject.settings.edge.zone.owned:
        yield skipped("another stack owns the zone")
        return
    collisions = 0
    for ruleset in zone.api.rulesets.list(zone_id=zone.id):
        is_of_phase = ruleset.kind == "zone" and ruleset.phase in ruleset_phases.PHASES
        if not is_of_phase or _is_own(ruleset.description):
            continue
        collisions += 1
        resource = ruleset_phases.logical_name("edge", ruleset.phase)
        kind, ident = "cloudflare:index/ruleset:Ruleset", f"zones/{zone.id}/{ruleset.id}"
        fix = _import_command(subject, kind, resource, ident)
        yield no("the phase has a ruleset", f"{fix} (or delete the ruleset)", part=ruleset.phase)
    if not collisions:
        yield yes("no phase has a ruleset that the program does not manage")


def ask_page_rules(subject: Subject, zone: Zone) -> Iterator[Answer]:
    """Look for active page rules on the stack's hosts, which override the zone's settings.

    The request needs the permission Zone Read. The program declares no page rules, so none can be imported.
    """
    edge = subject.settings.edge
    own = [edge.host, edge.frontend_host]
    hosts = [*edge.zone.hosts, *edge.zone.cached_hosts] if edge.zone.owned else own
    collisions = 0
    for rule in zone.api.page_rules.list(zone_id=zone.id, status="active") or ():
        for target in rule.targets:
            pattern = target.constraint.value if target.constraint else ""
            if not any(_is_match(pattern, host) for host in hosts):
                continue
            collisions += 1
            fix = "delete it in the dashboard (Rules, Page Rules); the program declares no page rules"
            yield no("the page rule overrides settings of the stack", fix, part=pattern)
    if not collisions:
        yield yes("none applies to the stack's hosts")


def _is_match(pattern: str, host: str) -> bool:
    """Return True if a page rule, such as one for `*.pipe.dev/images/*`, may match URLs of a host."""
    return fnmatch.fnmatchcase(host, pattern.rpartition("://")[2].partition("/")[0])


def ask_dnssec(subject: Subject, zone: Zone) -> Answer:
    """Compare the state of DNSSEC with the stack file."""
    wanted = subject.settings.edge.zone.dnssec
    if not subject.settings.edge.zone.owned:
        return skipped("another stack owns the zone")
    state: Any = zone.api.dns.dnssec.get(zone_id=zone.id)
    status = state.status if state else "unknown"
    if wanted and status == "pending":
        fix = f"give the registrar the record {state.ds}"
        return no("Cloudflare signs the zone, and the registrar lacks its DS record", fix)
    if wanted and status != "active":
        return yes(f"{status}; the next up signs the zone")
    if not wanted and status in ("active", "pending"):
        fix = "set pipe:edge.zone.dnssec to true in all stack files; the program never ends DNSSEC"
        return no(f"it is {status}, and the stack file says that it is off", fix)
    return yes(status)


def _is_own(description: str | None) -> bool:
    return MANAGED in (description or "").lower()


def _import_command(subject: Subject, kind: str, name: str, ident: str) -> str:
    """Return the command that imports an existing object into the state, below the component `edge`."""
    component = f"urn:pulumi:{subject.name}::{subject.settings.naming.service}::pipe:edge:Edge::edge"
    return f'pulumi import {kind} {name} "{ident}" --parent "edge={component}" --stack {subject.name}'
