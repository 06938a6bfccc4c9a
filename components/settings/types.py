"""Value types of a stack file: each says what it allows, to an editor and to a reader of a fault."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic import BaseModel as PydanticModel
from pydantic.alias_generators import to_camel


class Model(PydanticModel):
    """A topic of a stack file: frozen, camelCase keys, every key required, unknown keys refused.

    Strict, since "yes" is no boolean and 1.34 no version: what the engine passes is JSON with its types kept.
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
    """A string's field: `allowed` is what editors and faults say, `example` what a fault's command sets."""
    return Field(
        pattern=pattern,
        max_length=longest,
        examples=[example],
        json_schema_extra={"patternErrorMessage": allowed},
    )


def one_of(choices: Iterable[str], example: str) -> Any:
    """A string's field that takes one of the choices, for lists that are kept elsewhere."""
    return Field(
        pattern=f"^({'|'.join(map(re.escape, choices))})$",
        examples=[example],
        json_schema_extra={"enum": list(choices)},
    )


def _cidr(cidr: str) -> str:
    IPv4Network(cidr)
    return cidr


Cidr = Annotated[
    str,
    string(
        r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$",
        "an IPv4 network without host bits, such as 10.10.0.0/16",
        "10.10.0.0/16",
    ),
    AfterValidator(_cidr),
]
"""An IPv4 network in CIDR notation, host bits zero (RFC 4632)."""

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_SCALE = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T"))},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti")) if unit},
}


def quantity(written: str) -> Decimal:
    """The number a Kubernetes quantity stands for: cores for CPU, bytes for memory."""
    match = _QUANTITY.fullmatch(written)
    if match is None:
        raise ValueError(f"{written!r} is not a Kubernetes quantity")
    return Decimal(match[1]) * _SCALE[match[2] or ""]


def _more_than_zero(written: str) -> str:
    if not quantity(written):
        raise ValueError("zero")
    return written


CpuQuantity = Annotated[
    str,
    string(
        r"^([1-9][0-9]*m|[0-9]+(\.[0-9]{1,3})?)$", 'a CPU quantity in quotes, such as "100m" or "0.5"', "100m"
    ),
    AfterValidator(_more_than_zero),
]
"""CPU in cores or millicores, as Kubernetes writes it."""

MemoryQuantity = Annotated[
    str, string(r"^[1-9][0-9]*(Mi|Gi|M|G)$", "a memory quantity with its unit, such as 256Mi or 1Gi", "256Mi")
]
"""Memory in bytes with a unit, as Kubernetes writes it."""

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
        "lower-case letters, digits and hyphens, a letter first, at most 63",
        "dev",
    ),
]
"""One label of a host name (RFC 1123), starting with a letter."""

BucketName = Annotated[
    str,
    string(
        r"^[a-z0-9][a-z0-9-]{1,53}[a-z0-9]$",
        "3 to 55 lower-case letters, digits and hyphens, no dots",
        "pipe-backup-dev",
    ),
]
"""An S3 bucket name: no dots, since they break TLS to the virtual host, and eight short of S3's 63, so that a
suffix fits (the access-log bucket's)."""

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
        "arn:aws:iam::123456789012:role/pipe-operators",
    ),
]
"""The ARN of an IAM principal."""

_NUMBER = r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?"
Cron = Annotated[
    str,
    string(
        rf"^{_NUMBER}(,{_NUMBER})*( {_NUMBER}(,{_NUMBER})*){{4}}$",
        "five fields: minute, hour, day, month, weekday, in UTC, such as 0 18 * * *",
        "0 18 * * *",
    ),
]
"""Five fields: minute, hour, day, month, weekday; UTC."""

Metric = Annotated[
    str,
    string(
        r"^[a-z][A-Za-z0-9_.]*$", "a Datadog metric, such as aws.rds.cpuutilization", "aws.rds.cpuutilization"
    ),
]
"""A metric as Datadog names it."""

Days = Annotated[int, Field(ge=1, le=3650)]

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
"""Days that CloudWatch Logs accepts as a retention (PutRetentionPolicy)."""


def _image(image: str) -> str:
    if version(image) in ("", "latest") and "@" not in image:
        raise ValueError("neither version nor digest")
    return image


def version(image: str) -> str:
    """The tag of an image, empty where it has none: `17.7-alpine3.22`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


Image = Annotated[
    str,
    string(
        r"^[a-z0-9][a-z0-9._/:-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
        "an image with a version other than latest, or a digest (@sha256:<64 hexadecimal digits>)",
        "public.ecr.aws/nginx/nginx-unprivileged:1.28.3-alpine",
    ),
    AfterValidator(_image),
]
"""A container image with a version or a digest; `latest` and no tag are refused."""


def _distinct(items: Sequence[Any]) -> Sequence[Any]:
    if len(set(items)) < len(items):
        raise ValueError("an entry twice")
    return items


Distinct = AfterValidator(_distinct)
"""A list whose entries differ."""


def entries(least: int, most: int | None = None) -> Any:
    """A list's field: how many entries, no two the same."""
    return Field(min_length=least, max_length=most, json_schema_extra={"uniqueItems": True})
