"""Value types of a stack file: each knows what it allows and says so when it refuses."""

import re
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic import BaseModel as PydanticModel
from pydantic.alias_generators import to_camel


class Model(PydanticModel):
    """A topic of a stack file: frozen, camelCase keys, every key required, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


def _cidr(text: Any) -> str:
    try:
        return str(IPv4Network(text if isinstance(text, str) else ""))
    except ValueError as fault:
        raise ValueError("an IPv4 network such as 10.10.0.0/16, without host bits") from fault


Cidr = Annotated[str, BeforeValidator(_cidr)]
"""An IPv4 network in CIDR notation, host bits zero (RFC 4632)."""

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_SCALE = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T"))},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti")) if unit},
}


def quantity(text: str) -> Decimal:
    """The number a Kubernetes quantity stands for: cores for CPU, bytes for memory."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    return Decimal(match[1]) * _SCALE[match[2] or ""]


def _cpu(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*m|\d+(\.\d{1,3})?", text) or not quantity(text):
        raise ValueError('a CPU quantity such as "100m" or "0.5"')
    return text


def _memory(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*(Mi|Gi|M|G)", text):
        raise ValueError('a memory quantity such as "256Mi" or "1Gi"')
    return text


CpuQuantity = Annotated[str, AfterValidator(_cpu)]
"""CPU in cores or millicores, as Kubernetes writes it."""

MemoryQuantity = Annotated[str, AfterValidator(_memory)]
"""Memory in bytes with a unit, as Kubernetes writes it."""

Fqdn = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
        max_length=253,
    ),
]
"""A fully qualified host name in lower case, without the final dot (RFC 1123)."""

DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""One label of a host name (RFC 1123), starting with a letter."""

BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
"""An S3 bucket name without dots, since dots break TLS to the virtual host."""

Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
"""An AWS region such as ap-northeast-1."""

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
"""An AWS account: twelve digits, quoted."""

Arn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:(role|user)/.+$")]
"""The ARN of an IAM principal."""

Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]

Cron = Annotated[str, StringConstraints(pattern=r"^(\S+\s+){4}\S+$")]
"""Five fields: minute, hour, day, month, weekday; UTC."""

Days = Annotated[int, Field(ge=1, le=3650)]

LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""Days that CloudWatch Logs accepts as a retention (PutRetentionPolicy)."""


def _image(text: str) -> str:
    name, _, digest = text.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if digest:
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ValueError("a digest of the form sha256:<64 hexadecimal digits>")
    elif not tag or tag == "latest":
        raise ValueError('an image with a version or digest, such as "pipe/api:1.4.2" or "…@sha256:…"')
    return text


Image = Annotated[str, AfterValidator(_image)]
"""A container image with a version or a digest; `latest` and no tag are refused."""
