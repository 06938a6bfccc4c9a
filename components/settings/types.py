"""Value types of a stack file, each with a description of its allowed values for editors and faults."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic import BaseModel as PydanticModel
from pydantic.alias_generators import to_camel

from components.common.image_reference import parse_image_reference
from components.common.quantity import parse_quantity


class Model(PydanticModel):
    """A map in a stack file, as a frozen model: camelCase keys, all required, unknown keys refused.

    Validation is strict: the engine passes JSON with its types, so "yes" is not a boolean and 1.34 is not a
    version.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        defer_build=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


def string(pattern: str, allowed: str, example: str, *, longest: int | None = None) -> Any:
    """Return the field for a string that matches a pattern.

    Editors and faults show `allowed`, and the command in a fault sets the key to `example`. `longest` is the
    largest number of characters, by default without a limit.
    """
    return Field(
        pattern=pattern,
        max_length=longest,
        examples=[example],
        json_schema_extra={"patternErrorMessage": allowed},
    )


def one_of(choices: Iterable[str], example: str) -> Any:
    """Return the field for a string that is one of the choices."""
    return Field(
        pattern=f"^({'|'.join(map(re.escape, choices))})$",
        examples=[example],
        json_schema_extra={"enum": list(choices)},
    )


def _checked_cidr(cidr: str) -> str:
    IPv4Network(cidr)
    return cidr


Cidr = Annotated[
    str,
    string(
        r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$",
        "an IPv4 network without host bits, such as 10.10.0.0/16",
        "10.10.0.0/16",
    ),
    AfterValidator(_checked_cidr),
]
"""An IPv4 network in CIDR notation, with all host bits zero (RFC 4632)."""


def _above_zero(quantity: str) -> str:
    if not parse_quantity(quantity):
        raise ValueError("zero")
    return quantity


CpuQuantity = Annotated[
    str,
    string(
        r"^([1-9][0-9]*m|[0-9]+(\.[0-9]{1,3})?)$",
        'a CPU quantity above 0 in quotes, such as "100m" or "0.5"',
        "100m",
    ),
    AfterValidator(_above_zero),
]
"""CPU in cores or millicores, in the notation of Kubernetes."""

MemoryQuantity = Annotated[
    str,
    string(
        r"^[1-9][0-9]*(Mi|Gi|M|G)$", "a whole number with the unit Mi, Gi, M or G, such as 256Mi", "256Mi"
    ),
]
"""Memory with a unit, in the notation of Kubernetes."""

Fqdn = Annotated[
    str,
    string(
        r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
        "a host name in lower case, such as dev.pipe.dev",
        "dev.pipe.dev",
        longest=253,
    ),
]
"""A fully qualified host name in lower case, without the final dot (RFC 1123)."""

DnsLabel = Annotated[
    str,
    string(
        r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        "at most 63 lower-case letters, digits and hyphens, a letter first and no hyphen last",
        "dev",
    ),
]
"""One label of a host name (RFC 1123), starting with a letter."""

BucketName = Annotated[
    str,
    string(
        r"^[a-z0-9][a-z0-9-]{1,53}[a-z0-9]$",
        "3 to 55 lower-case letters, digits and hyphens, no hyphen first or last",
        "pipe-backup-dev",
    ),
]
"""An S3 bucket name without dots, since dots break TLS verification of virtual-hosted addresses.

The limit is eight characters below the 63 that S3 allows, which leaves room for the suffix of the access-log
bucket."""

Region = Annotated[
    str, string(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "an AWS region, such as ap-northeast-1", "ap-northeast-1")
]
"""An AWS region such as ap-northeast-1."""

AccountId = Annotated[str, string(r"^[0-9]{12}$", "an AWS account: twelve digits, in quotes", "123456789012")]
"""An AWS account: twelve digits, quoted."""

Arn = Annotated[
    str,
    string(
        r"^arn:aws:iam::[0-9]{12}:(role|user)/.+$",
        "the ARN of an IAM role or user",
        "arn:aws:iam::123456789012:role/pipe-dev-operators",
    ),
]
"""The ARN of an IAM principal."""

_CRON_NUMBER = r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?"
Cron = Annotated[
    str,
    string(
        rf"^{_CRON_NUMBER}(,{_CRON_NUMBER})*( {_CRON_NUMBER}(,{_CRON_NUMBER})*){{4}}$",
        "five numeric fields (minute, hour, day, month, weekday; UTC), such as 0 18 * * *",
        "0 18 * * *",
    ),
]
"""A schedule of five fields in UTC: minute, hour, day, month, weekday."""

Metric = Annotated[
    str,
    string(
        r"^[a-z][A-Za-z0-9_.]*$", "a Datadog metric, such as aws.rds.cpuutilization", "aws.rds.cpuutilization"
    ),
]
"""The name of a metric in Datadog."""

Days = Annotated[int, Field(ge=1, le=3650)]
"""A number of days, up to ten years."""

LogRetentionDays = Annotated[
    Literal[
        1,
        3,
        5,
        7,
        14,
        30,
        60,
        90,
        120,
        150,
        180,
        365,
        400,
        545,
        731,
        1096,
        1827,
        2192,
        2557,
        2922,
        3288,
        3653,
    ],
    Field(examples=[30]),
]
"""Retention periods that CloudWatch Logs accepts, in days (PutRetentionPolicy)."""


def _pinned_image(image: str) -> str:
    reference = parse_image_reference(image)
    if reference.tag in ("", "latest") and not reference.digest:
        raise ValueError("neither version nor digest")
    return image


Image = Annotated[
    str,
    string(
        r"^[a-z0-9][a-z0-9._/:-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
        "an image with a version other than latest, or a digest (@sha256:<64 hexadecimal digits>)",
        "public.ecr.aws/nginx/nginx-unprivileged:1.28.3-alpine",
    ),
    AfterValidator(_pinned_image),
]
"""A container image with a tag other than `latest`, or with a digest."""


def _distinct(items: Sequence[Any]) -> Sequence[Any]:
    if len(set(items)) < len(items):
        raise ValueError("an entry twice")
    return items


Distinct = AfterValidator(_distinct)
"""A list without repeated entries."""


def entries(least: int, most: int | None = None) -> Any:
    """Return the field for a list with `least` to `most` entries; None sets no upper limit."""
    return Field(min_length=least, max_length=most, json_schema_extra={"uniqueItems": True})
