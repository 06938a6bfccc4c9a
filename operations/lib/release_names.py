"""What there can be only one of, at Cloudflare and Datadog, and a stack whose region is lost still has."""

import os
from collections.abc import Iterator
from typing import Any, cast

import cloudflare
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v2.api.aws_integration_api import AWSIntegrationApi

from operations.lib import datadog, sandbox_targets
from operations.lib.command_runner import Failed
from operations.lib.options import Options, Refused
from operations.lib.run_log import Steps

ADDRESSES = ("A", "AAAA", "CNAME")


def take(steps: Steps, chosen: Options) -> str:
    """Deletes it; what has gone already is no failure, so that it can be run again."""
    edge, monitoring = chosen.settings["edge"], chosen.settings["monitoring"]
    api = client(chosen)
    chosen.confirm(f"Deleting DNS records and rulesets of {edge['host']}")
    with steps.step(f"Cloudflare: {edge['host']}, {edge['frontendHost']}"):
        try:
            cloudflares(steps, api, edge)
        except cloudflare.CloudflareError as error:
            raise Failed(f"Cloudflare: {error}") from None
    if monitoring["integration"]:
        with steps.step("Datadog: the integration of the AWS account"):
            try:
                datadogs(steps, chosen)
            except ApiException as error:
                raise Failed(f"Datadog answers {cast(Any, error).status}") from None
    return "nothing stands in the way any more; pulumi up makes it again"


def cloudflares(steps: Steps, api: cloudflare.Cloudflare, edge: dict[str, Any]) -> None:
    """The records of the two hosts; of a stack that owns the zone, its rulesets and CAA records, too."""
    zones = list(api.zones.list(name=edge["zoneName"]))
    if len(zones) != 1:
        raise Failed(f"Cloudflare knows {len(zones)} zones called {edge['zoneName']}")
    zone = zones[0].id
    for record in records(api, zone, edge):
        report(steps, f"{record.type} {record.name}")
        if not steps.options.dry_run:
            api.dns.records.delete(record.id, zone_id=zone)
    if not edge["zone"]["owned"]:
        return
    for ruleset in [each for each in api.rulesets.list(zone_id=zone) if each.kind == "zone"]:
        report(steps, f"ruleset {ruleset.phase}")
        if not steps.options.dry_run:
            api.rulesets.delete(ruleset.id, zone_id=zone)


def report(steps: Steps, text: str) -> None:
    """Name what is deleted, or what would be."""
    if steps.options.dry_run:
        steps.plan(f"would delete {text}")
    else:
        steps.line(text)


def records(api: cloudflare.Cloudflare, zone: str, edge: dict[str, Any]) -> Iterator[Any]:
    for record in list(api.dns.records.list(zone_id=zone)):
        of_host = record.name in (edge["host"], edge["frontendHost"]) and record.type in ADDRESSES
        of_zone = edge["zone"]["owned"] and record.name == edge["zoneName"] and record.type == "CAA"
        if of_host or of_zone:
            yield record


def datadogs(steps: Steps, chosen: Options) -> None:
    """The AWS account, as Datadog knows it; its role is of the lost stack."""
    api, account = AWSIntegrationApi(datadog.client(chosen)), chosen.settings["service"]["account"]
    for each in cast(Any, api.list_aws_accounts(aws_account_id=account)).data:
        report(steps, f"AWS account {account}")
        if not steps.options.dry_run:
            api.delete_aws_account(aws_account_config_id=each.id)


def client(chosen: Options) -> cloudflare.Cloudflare:
    """Cloudflare's API; its token comes from the environment."""
    if chosen.target == "sandbox":
        from sandbox.toolchain import plugins

        found = plugins.clients(sandbox_targets.running(chosen))
        url, token = found["CLOUDFLARE_BASE_URL"], found["CLOUDFLARE_API_TOKEN"]
        return cloudflare.Cloudflare(api_token=token, base_url=url)
    if not os.environ.get("CLOUDFLARE_API_TOKEN"):
        raise Refused("CLOUDFLARE_API_TOKEN is not in the environment")
    return cloudflare.Cloudflare()
