"""State of the parts that a request passes, from the visitor to the database."""

import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from operations.lib import health, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.diagnosis import service_path
from operations.lib.diagnosis.collectors import questions
from operations.lib.diagnosis.service_path import Observation, Record
from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import Cluster
from operations.lib.run_log import RunLog
from operations.lib.services import release_names

VISIT_SECONDS = 10.0
"""Seconds without a successful response after which the site counts as down."""


def collect_service_path(log: RunLog, cluster: Cluster, options: Options) -> tuple[Observation, list[str]]:
    """Return the state of each part of a request's path, and an error for each part that did not respond."""
    unanswered: list[str] = []
    ask = partial(questions.ask, unanswered)
    observation = Observation(
        outputs=ask("the program's outputs", lambda: sandbox_targets.outputs(log.runner, options)),
        visit=visit(options),
        records=ask("Cloudflare", lambda: records(options)) if has_cloudflare(options) else None,
        objects={name: cluster.find(name) for name in service_path.OBJECTS},
        endpoints={name: health.endpoints(cluster, name) for name in service_path.WORKLOADS},
        databases=ask("RDS", lambda: databases(options)),
    )
    return observation, unanswered


def visit(options: Options) -> str | None:
    """Return `200` or the error of a request to the health path; None in a sandbox, which has no site."""
    if options.target == "sandbox":
        return None
    try:
        return health.answer(health.url(options), seconds=VISIT_SECONDS)
    except FailedError as error:
        return str(error)


def has_cloudflare(options: Options) -> bool:
    """Return True if Cloudflare's records can be read: in a sandbox, or with a token."""
    return options.target == "sandbox" or bool(os.environ.get("CLOUDFLARE_API_TOKEN"))


def records(options: Options) -> dict[str, list[Record]]:
    """Return the address records of the stack's hosts."""
    edge = options.settings["edge"]
    client = release_names.client(options)
    zone = release_names.find_zone(client, edge["zoneName"])
    addresses: dict[str, list[Record]] = {edge["host"]: [], edge["frontendHost"]: []}
    listed: Iterable[Any] = client.dns.records.list(zone_id=zone)
    for record in listed:
        if record.type in release_names.ADDRESSES and record.name in addresses:
            addresses[record.name].append(Record(type=record.type, content=str(record.content)))
    return addresses


def databases(options: Options) -> dict[str, str]:
    """Return the RDS state of each database in the stack's region, by the database's address."""
    pages = sandbox_targets.aws(options, "rds").get_paginator("describe_db_instances").paginate()
    instances: list[dict[str, Any]] = [instance for page in pages for instance in page["DBInstances"]]
    return {
        instance.get("Endpoint", {}).get("Address") or instance["DBInstanceIdentifier"]: instance[
            "DBInstanceStatus"
        ]
        for instance in instances
    }
