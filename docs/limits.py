"""How far a stack grows, and what stops it, from its file."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any


def cores(text: str) -> Decimal:
    """CPU as Kubernetes writes it, in cores."""
    return Decimal(text[:-1]) / 1000 if text.endswith("m") else Decimal(text)


def mebibytes(text: str) -> int:
    """Memory as Kubernetes writes it, in MiB."""
    return int(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]]


def _most(of: dict[str, Any], key: str, read: Callable[[str], Any]) -> Any:
    """The sum of a limit over API and proxy at their largest, and one pod more of each while they roll."""
    sums = ((part["replicas"]["max"] + 1) * read(part["resources"][key]) for part in (of["api"], of["proxy"]))
    return sum(sums)


def _pods(of: dict[str, Any], part: str) -> str:
    replicas = of[part]["replicas"]
    return f"{replicas['min']} to {replicas['max']} at {replicas['targetCpuPercent']} % CPU"


LIMITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "API: pods": lambda of: _pods(of, "api"),
    "API: a pod's CPU, request / limit": lambda of: "{cpuRequest} / {cpuLimit}".format(
        **of["api"]["resources"]
    ),
    "API: CPU per pod at which pods are added": lambda of: (
        f"{cores(of['api']['resources']['cpuRequest']) * 10 * of['api']['replicas']['targetCpuPercent']:.0f}m"
    ),
    "Proxy: pods": lambda of: _pods(of, "proxy"),
    "CPU limits at the maximum, rolling / quota": lambda of: (
        f"{_most(of, 'cpuLimit', cores)} / {of['kubernetes']['quotaCpu']}"
    ),
    "Memory limits at the maximum, rolling / quota": lambda of: (
        f"{_most(of, 'memoryLimit', mebibytes)} MiB / {mebibytes(of['kubernetes']['quotaMemory'])} MiB"
    ),
    "Pods at the maximum, rolling / quota": lambda of: (
        f"{of['api']['replicas']['max'] + of['proxy']['replicas']['max'] + 2}"
        f" / {of['kubernetes']['quotaPods']}"
    ),
    "Zones": lambda of: len(of["network"]["subnets"]["private"]),
    "Addresses for nodes and pods": lambda of: sum(
        2 ** (32 - int(cidr.partition("/")[2])) - 5 for cidr in of["network"]["subnets"]["private"]
    ),
    "Database": lambda of: (
        of["database"]["instanceClass"] + (", Multi-AZ" if of["database"]["multiAz"] else "")
    ),
    "Database: storage, grows to": lambda of: "{storageGib} GiB, {maxStorageGib} GiB".format(
        **of["database"]
    ),
    "Database: connections / for each API pod at the maximum": lambda of: (
        f"{of['database']['maxConnections']}"
        f" / {of['database']['maxConnections'] // of['api']['replicas']['max']}"
    ),
    "One address at the edge": lambda of: "{requests} requests in {periodSeconds} s".format(
        **of["edge"]["zone"]["rateLimit"]
    ),
}
"""Of each line of the table of limits its title, and what reads its value from a stack file's topics."""
