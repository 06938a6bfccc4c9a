"""Rules on Cloudflare records: proxy, wildcards, comments and tags."""

import re

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.patterns import patterns
from policies.engine.rule import Finding, Option, Options, Resource, Verdicts, expected
from policies.engine.topics import CLOUDFLARE
from policies.model.cloudflare.zones import RECORDS

AWS_NAME = re.compile(r"\.(amazonaws\.com|awsglobalaccelerator\.com|on\.aws)\.?$", re.IGNORECASE)
"""Ends of the names of load balancers, accelerators and endpoints in AWS (AWS General Reference, service
endpoints)."""


@CLOUDFLARE.rule(
    "cloudflare-record-not-proxied",
    types=RECORDS,
    severity=Severity.HIGH,
    controls=("Cloudflare DNS: proxy status",),
    remediation="Set proxied to true, so that the origin's address stays hidden behind the proxy.",
    url="https://developers.cloudflare.com/dns/proxy-status/",
    options={
        "unproxied": Option(
            default=[r".*\.(acm-validations\.aws|dkim\.amazonses\.com|vercel-dns(-\d+)?\.com)\.?"],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Regular expressions for targets that visitors may reach without the proxy.",
            },
            valid=lambda value: patterns(value) is not None,
            wanted="a list of regular expressions",
        )
    },
)
def proxied(resource: Resource, options: Options) -> Verdicts:
    """Require the Cloudflare proxy for records that point to an origin.

    A CNAME record whose name begins with `_` belongs to a service such as a check of ownership, unless its
    target is of this stack or in AWS.
    """
    record_type, value = resource["type"].text(), resource["proxied"]
    if record_type not in ("A", "AAAA", "CNAME") or value.flag() is True:
        return
    path = "content" if resource["value"].absent else "value"
    target = resource[path].text() or ""
    is_service = record_type == "CNAME" and (resource["name"].text() or "").startswith("_")
    is_origin = bool(resource.property_dependencies.get(path)) or AWS_NAME.search(target)
    allowed = patterns(options["unproxied"]) or []
    if not any(pattern.fullmatch(target) for pattern in allowed) and (is_origin or not is_service):
        yield expected(value, "true")


@CLOUDFLARE.rule(
    "cloudflare-wildcard-record",
    types=RECORDS,
    severity=Severity.MEDIUM,
    controls=("Cloudflare: wildcard records",),
    remediation="Name each host: a wildcard sends every name, even a forgotten one, to the origin.",
    url="https://developers.cloudflare.com/dns/manage-dns-records/reference/wildcard-dns-records/",
)
def wildcard(resource: Resource, _: Options) -> Verdicts:
    """Refuse wildcard records that point to an origin."""
    name = resource["name"]
    addressed = resource["type"].text() in ("A", "AAAA", "CNAME")
    if addressed and ((name.text() or "") == "*" or (name.text() or "").startswith("*.")):
        yield expected(name, "the name of one host")


@CLOUDFLARE.rule(
    "cloudflare-record-unexplained",
    types=RECORDS,
    severity=Severity.LOW,
    controls=("Design: one source of tags",),
    remediation=(
        "State the purpose of the record in `comment`, which every plan supports; tags need a paid plan."
    ),
    url="https://developers.cloudflare.com/dns/manage-dns-records/reference/record-attributes/",
    level=EnforcementLevel.ADVISORY,
    options={
        "tags": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Tags that every record must have besides a comment; tags need a paid plan.",
            },
        )
    },
)
def unexplained(resource: Resource, options: Options) -> Verdicts:
    """Require a comment on every DNS record, and the tags that the policy configuration lists."""
    comment = resource["comment"]
    if not (comment.text() or "").strip():
        yield expected(comment, "a sentence on what the record is for")
    own = resource["tags"]
    present = {tag.partition(":")[0] for tag in own.texts()} if options["tags"] else set[str]()
    missing = [str(key) for key in options["tags"] if key not in present]
    if missing:
        added = ", ".join(f"{key}:…" for key in missing)
        yield Finding(own.path, own.shown(), f"add {added}", own.absent)
