"""Public endpoint of a stack's cluster, which an operator outside the VPC needs.

A real cluster usually accepts connections only from its VPC (`pipe:cluster.endpoint`). EKS can open a public
endpoint to a list of addresses; the caller still needs the credentials of an operator.
"""

import argparse
import ipaddress
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes.cluster import wait
from operations.lib.run_log import RunLog

ADDRESS_URL = "https://checkip.amazonaws.com"
"""Service of AWS that returns the caller's public address."""
CONNECT_SECONDS = 5.0
"""Seconds within which the endpoint must accept a connection."""
UPDATE_SECONDS = 1800.0
"""Seconds within which EKS must change the endpoint and publish its new address in DNS."""
EVERY = 5.0


def status(options: Options, cluster: str) -> str:
    """Return the cluster's state, such as ACTIVE; empty if the cluster does not exist."""
    try:
        return _describe(options, cluster)["status"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
            raise
        return ""


def reach(log: RunLog, options: Options, cluster: str, caller: str | None) -> None:
    """Make the cluster's endpoint accept connections from here; open it to `caller` if it does not.

    `caller` is an address or a block of addresses; None stands for the public address of this machine. Raises
    FailedError if the endpoint still accepts no connection after UPDATE_SECONDS.
    """
    try:
        described = _describe(options, cluster)
        host = str(urlsplit(str(described["endpoint"])).hostname)
        if accepts(host):
            log.line(f"{host} accepts connections from here")
            return
        blocks = _allowed(described, block(caller or public_address()))
        if options.dry_run:
            log.plan(f"would open the endpoint of {cluster} to {', '.join(blocks)}")
            return
        log.line(f"opening the endpoint of {cluster} to {', '.join(blocks)}")
        change: dict[str, Any] = {"endpointPublicAccess": True, "publicAccessCidrs": blocks}
        update(options, cluster, resourcesVpcConfig=change)
    except (BotoCoreError, ClientError) as error:
        raise FailedError(f"the endpoint of {cluster} was not opened: {error}") from None
    wait(f"{host} accepts connections from {blocks[-1]}", lambda: accepts(host), UPDATE_SECONDS, EVERY)


def differs(options: Options, cluster: str, change: dict[str, Any]) -> bool:
    """Return True if the cluster's endpoint differs from this part of a configuration."""
    network = _describe(options, cluster)["resourcesVpcConfig"]
    return any(network.get(key) != value for key, value in change.items())


def update(options: Options, cluster: str, **change: Any) -> None:
    """Change one part of the cluster's configuration, and wait until EKS has applied it.

    An earlier update must end first, since EKS refuses a second one (EKS API, ResourceInUseException). EKS
    also refuses an update that changes nothing (InvalidParameterException).
    """
    eks = sandbox_targets.aws(options, "eks")
    wait(f"{cluster} is ACTIVE", lambda: status(options, cluster) == "ACTIVE", UPDATE_SECONDS, EVERY)
    identifier = eks.update_cluster_config(name=cluster, **change)["update"]["id"]

    def has_ended() -> bool:
        described = eks.describe_update(name=cluster, updateId=identifier)["update"]
        if described["status"] in ("Failed", "Cancelled"):
            raise FailedError(f"EKS did not update {cluster}: {json.dumps(described.get('errors', []))}")
        return described["status"] == "Successful"

    wait(f"EKS has updated {cluster}", has_ended, UPDATE_SECONDS, EVERY)


def accepts(host: str) -> bool:
    """Return True if the host accepts a connection to port 443 from this machine."""
    try:
        socket.create_connection((host, 443), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def public_address() -> str:
    """Return this machine's public address; raise FailedError if AWS's service does not respond."""
    try:
        with urllib3.PoolManager(retries=2, timeout=CONNECT_SECONDS) as pool:
            return pool.request("GET", ADDRESS_URL).data.decode().strip()
    except urllib3.exceptions.HTTPError as error:
        raise FailedError(
            f"{ADDRESS_URL} does not answer: {error}; name the address: --from ADDRESS"
        ) from None


def add_caller_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --from, whose value `block` checks."""
    parser.add_argument(
        "--from",
        dest="caller",
        metavar="ADDRESS",
        help="address or block to which the cluster's endpoint is opened; default: this machine's address",
    )


def block(caller: str) -> str:
    """Return an IPv4 address or block as a block; refuse more than 256 addresses, and any other text."""
    try:
        network = ipaddress.IPv4Network(caller)
    except ValueError:
        raise RefusedError(
            f"--from {caller}: must be an IPv4 address or block, such as 203.0.113.7"
        ) from None
    if network.prefixlen < 24:
        raise RefusedError(f"--from {caller}: has more than 256 addresses; name the caller's own address")
    return str(network)


def _allowed(described: dict[str, Any], own: str) -> list[str]:
    """Return the blocks that may connect after the change: the present ones, if any, and `own` last."""
    network = described["resourcesVpcConfig"]
    blocks: list[str] = network.get("publicAccessCidrs", []) if network["endpointPublicAccess"] else []
    return [*(other for other in blocks if other != own), own]


def _describe(options: Options, cluster: str) -> dict[str, Any]:
    return sandbox_targets.aws(options, "eks").describe_cluster(name=cluster)["cluster"]
