"""Assumptions about the use of each stack, from usage.yaml.

The engine knows what a stack declares, but not how much it is used. These settings state it, and the report
repeats the ones that an estimate depends on.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from review.plain_data import is_map

FILE = Path(__file__).with_name("usage.yaml")

Amount = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
ByName = Mapping[str, Amount]
"""Amounts by the logical name of a resource; `others` is the amount of every resource that is not named."""

OTHERS = "others"


class Usage(BaseModel):
    """Use of a stack in a month. GB are gigabytes of a bill (2^30 bytes)."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    scaling: Share = Field(description="position of each Deployment between its fewest (0) and most pods (1)")
    system_nodes: Amount = Field(description="nodes of EKS's own pool `system`, which only add-ons use")
    job_node_hours: Amount = Field(description="hours of one more node, for Jobs")
    load_balancer_units: Amount = Field(description="average capacity units (NLCU) of a load balancer")
    nat_gb: Amount = Field(description="GB through all NAT gateways")
    endpoint_gb: Amount = Field(description="GB through an interface endpoint")
    internet_gb: Amount = Field(
        description="GB from AWS to the internet, beyond the free 100 GB of an account"
    )
    zones_gb: Amount = Field(description="GB between zones, which AWS bills at both ends")
    flow_log_gb: Amount = Field(description="GB of flow logs that AWS delivers to S3")
    log_gb: ByName = Field(description="GB of events that arrive in a log group, by the group's name")
    bucket_gb: ByName = Field(description="GB in a bucket, by the bucket's name")
    bucket_writes: Amount = Field(description="thousands of writes and lists of a bucket")
    bucket_reads: Amount = Field(description="thousands of reads of a bucket")
    replicated_gb: Amount = Field(description="GB that a bucket or a registry copies to another region")
    database_backup_gb: Amount = Field(description="GB of backups; as many GB as the storage are free")
    database_credits: Amount = Field(description="vCPU hours above the baseline of a T class")
    key_requests: Amount = Field(description="ten thousands of requests to a key")
    key_rotations: Annotated[int, Field(ge=0, le=2, strict=True)] = Field(
        description="yearly rotations of a key so far; AWS bills the first two"
    )
    build_minutes: Amount = Field(description="minutes of builds")
    image_gb: Amount = Field(description="GB of images in a repository")
    vault_database_gb: Amount = Field(description="GB of database snapshots in a vault")
    vault_bucket_gb: Amount = Field(description="GB of backups of buckets in a vault")
    datadog_log_gb: Amount = Field(description="GB of logs that Datadog receives")
    datadog_log_events: Amount = Field(description="millions of log events that Datadog keeps for 15 days")
    datadog_metrics: Amount = Field(description="custom metrics beyond the 100 of each host")
    cloudflare_plan: Literal["free", "pro"] = Field(description="plan of the zone, where the stack owns it")
    guard_duty_events: Amount = Field(description="millions of CloudTrail's management events")
    guard_duty_network_gb: Amount = Field(description="GB of flow and DNS logs that GuardDuty reads")
    guard_duty_audit_events: Amount = Field(description="millions of audit events of Kubernetes")
    guard_duty_node_cpus: Amount = Field(description="vCPUs of nodes with runtime monitoring")
    guard_duty_database_cpus: Amount = Field(description="vCPUs of databases")
    guard_duty_bucket_events: Amount = Field(description="millions of S3 data events")

    def of(self, field: str, name: str = "") -> float:
        """Return an amount; for an amount by name, that of `name` or of the others."""
        value: Any = getattr(self, field)
        return float(value.get(name, value.get(OTHERS, 0.0)) if is_map(value) else value)

    def describe(self, field: str, name: str = "") -> str:
        """Return an assumption as text: its setting, its value and its meaning."""
        description = type(self).model_fields[field].description
        value: Any = getattr(self, field)
        if is_map(value):
            named = name if name in value else OTHERS
            return f"{to_camel(field)}.{named} {self.of(field, name):g}: {description}"
        return f"{to_camel(field)} {value if isinstance(value, str) else format(value, 'g')}: {description}"


def load(file: Path = FILE) -> Mapping[str, Usage]:
    """Return the use of each stack in a file, and the defaults under an empty name.

    A stack overrides defaults; of an amount by name, it overrides single names. Raises ValueError with the
    file, the stack and the key if a key is unknown or a value is not allowed.
    """
    content: Any = yaml.safe_load(file.read_text())
    if not is_map(content) or content.keys() != {"defaults", "stacks"}:
        raise ValueError(f"{file.name} has to have exactly the keys defaults and stacks")
    defaults: dict[str, Any] = content["defaults"]
    usages = {"": _validate(file, "defaults", defaults)}
    for stack, changes in content["stacks"].items():
        usages[stack] = _validate(file, stack, dict(_override(defaults, changes)))
    return usages


def _validate(file: Path, stack: str, values: Mapping[str, Any]) -> Usage:
    try:
        return Usage.model_validate(values)
    except ValueError as error:
        raise ValueError(f"{file.name}, {stack}: {error}") from error


def _override(defaults: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in {**defaults, **changes}:
        default, change = defaults.get(key), changes.get(key)
        if is_map(default) and is_map(change):
            yield key, {**default, **change}
        else:
            yield key, default if change is None else change


@cache
def usages() -> Mapping[str, Usage]:
    """Return the use of each stack in usage.yaml."""
    return load()


def usage_of(stack: str) -> Usage:
    """Return the use of a stack; the defaults for a stack that usage.yaml does not name."""
    return usages().get(stack, usages()[""])
