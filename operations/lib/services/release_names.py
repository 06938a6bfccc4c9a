"""Deletion of a lost stack's DNS records and rulesets at Cloudflare, whose names a new stack needs."""

import os
from collections.abc import Iterator
from typing import Any

import cloudflare

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog

ADDRESSES = ("A", "AAAA", "CNAME")


def release(log: RunLog, options: Options) -> str:
    """Delete the lost stack's resources at Cloudflare, and return the final message."""
    edge, api = options.settings["edge"], client(options)
    options.confirm(f"Deleting DNS records and rulesets of {edge['host']}")
    with log.step(f"Cloudflare: {edge['host']}, {edge['frontendHost']}"):
        try:
            release_cloudflare(log, api, edge)
        except cloudflare.CloudflareError as error:
            raise FailedError(f"Cloudflare: {error}") from None
    return "the names are free; pulumi up creates the resources again"


def find_zone(api: cloudflare.Cloudflare, name: str) -> str:
    """Return the ID of a Cloudflare zone; raise FailedError unless exactly one has the name."""
    zones = list(api.zones.list(name=name))
    if len(zones) != 1:
        raise FailedError(f"Cloudflare has {len(zones)} zones named {name}; exactly one is expected")
    return zones[0].id


def release_cloudflare(log: RunLog, api: cloudflare.Cloudflare, edge: dict[str, Any]) -> None:
    """Delete the records of the two hosts; if the stack owns the zone, also its rulesets and CAA records.

    A dry run only shows them.
    """
    zone = find_zone(api, edge["zoneName"])
    for record in records(api, zone, edge):
        report(log, f"{record.type} {record.name}")
        if not log.options.dry_run:
            api.dns.records.delete(record.id, zone_id=zone)
    if not edge["zone"]["owned"]:
        return
    rulesets = [ruleset for ruleset in api.rulesets.list(zone_id=zone) if ruleset.kind == "zone"]
    for ruleset in rulesets:
        report(log, f"ruleset {ruleset.phase}")
        if not log.options.dry_run:
            api.rulesets.delete(ruleset.id, zone_id=zone)


def report(log: RunLog, text: str) -> None:
    """Log that a resource is deleted, or that a real run would delete it."""
    if log.options.dry_run:
        log.plan(f"would delete {text}")
    else:
        log.line(text)


def records(api: cloudflare.Cloudflare, zone: str, edge: dict[str, Any]) -> Iterator[Any]:
    """Yield the records to delete: addresses of the two hosts, and CAA records of a zone that is owned."""
    for record in list(api.dns.records.list(zone_id=zone)):
        of_host = record.name in (edge["host"], edge["frontendHost"]) and record.type in ADDRESSES
        of_zone = edge["zone"]["owned"] and record.name == edge["zoneName"] and record.type == "CAA"
        if of_host or of_zone:
            yield record


def client(options: Options) -> cloudflare.Cloudflare:
    """Return a client of Cloudflare's API, with the token of the environment or of the sandbox.

    Refuse an environment without a token.
    """
    if options.target == "sandbox":
        from sandbox.toolchain import plugins

        variables = plugins.client_environment(sandbox_targets.running(options))
        url, token = variables["CLOUDFLARE_BASE_URL"], variables["CLOUDFLARE_API_TOKEN"]
        return cloudflare.Cloudflare(api_token=token, base_url=url)
    if not os.environ.get("CLOUDFLARE_API_TOKEN"):
        raise RefusedError(
            "CLOUDFLARE_API_TOKEN is not set; docs/tokens.md lists the permissions of the token"
        )
    return cloudflare.Cloudflare()
