"""State of the nodes, the load balancer, the origin certificate, the copies of dumps, and the monitors."""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from cryptography import x509

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.diagnosis.collectors import questions
from operations.lib.diagnosis.collectors.service_path import has_cloudflare
from operations.lib.diagnosis.infrastructure import Infrastructure
from operations.lib.kubernetes.cluster import Cluster, Manifest
from operations.lib.run_log import RunLog
from operations.lib.services import datadog, load_balancers, release_names

CLAIMS = "nodeclaims.karpenter.sh"
"""Kind of EKS Auto Mode's requests for nodes (EKS user guide, Troubleshoot EKS Auto Mode)."""


def collect_infrastructure(
    log: RunLog,
    cluster: Cluster,
    options: Options,
    balancer: str,
    readable: Mapping[str, x509.Certificate],
) -> tuple[Infrastructure, list[str]]:
    """Return the state of the infrastructure, and an error for each part of it that did not respond."""
    unanswered: list[str] = []
    ask = partial(questions.ask, unanswered)
    cloudflare = has_cloudflare(options) and bool(readable)
    backups = options.settings["backups"]
    replica = backups["replica"]
    copied, where = replica["enabled"], {"bucket": replica["bucket"], "region": replica["region"]}
    return Infrastructure(
        nodes=ask("nodes", lambda: cluster.list("nodes", "")) or (),
        claims=ask("node claims", lambda: claims(cluster)) or (),
        unhealthy_targets=ask("load balancer", lambda: unhealthy_targets(options, balancer)) or {},
        certificates=readable,
        issued=ask("Cloudflare's origin certificates", lambda: issued(options)) if cloudflare else None,
        dumps=(ask("dumps", lambda: dumps(options, backups["bucket"])) or {}) if copied else {},
        copies=ask("copies of dumps", lambda: dumps(options, **where)) if copied else None,
        silent=ask("Datadog", lambda: silent(log, options)) or {},
    ), unanswered


def claims(cluster: Cluster) -> list[Manifest]:
    """Return EKS Auto Mode's requests for nodes; empty without Auto Mode, as in a sandbox."""
    kinds = cluster.read("api-resources", "--api-group=karpenter.sh", "--output=name").split()
    return cluster.list(CLAIMS, "") if CLAIMS in kinds else []


def unhealthy_targets(options: Options, address: str) -> Mapping[str, str]:
    """Return the targets that the load balancer with this address does not use, with the reasons."""
    name = f"pipe-{options.settings['service']['environment']}"
    balancers = load_balancers.of_cluster(options, name) if address else []
    return {
        target: reason
        for balancer in balancers
        if balancer.address == address
        for target, reason in load_balancers.unhealthy_targets(options, balancer).items()
    }


def issued(options: Options) -> frozenset[int]:
    """Return the serial numbers of the zone's certificates at Cloudflare's Origin CA that are not revoked."""
    client = release_names.client(options)
    zone = release_names.find_zone(client, options.settings["edge"]["zoneName"])
    listed: Iterable[Any] = client.origin_ca_certificates.list(zone_id=zone)
    pems = [str(entry.certificate) for entry in listed if entry.certificate]
    return frozenset(x509.load_pem_x509_certificate(pem.encode()).serial_number for pem in pems)


def dumps(options: Options, bucket: str, region: str = "") -> dict[str, datetime]:
    """Return the time of each object in a bucket, by default of the stack's region."""
    s3 = sandbox_targets.aws(options, "s3", region)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", ())}


def silent(log: RunLog, options: Options) -> dict[str, list[str]]:
    """Return the metrics without data by the name of the monitor; empty if Datadog is not asked."""
    if options.target == "sandbox":
        log.line("Datadog was not asked: pods of a sandbox send no metrics")
        return {}
    if missing := [name for name in datadog.KEYS if not os.environ.get(name)]:
        log.line(f"Datadog was not asked, because these variables are not set: {', '.join(missing)}")
        return {}
    return datadog.Datadog(options).silent()
