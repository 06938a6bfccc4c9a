"""Tests of the value types: accepted and refused values."""

from decimal import Decimal
from functools import cache
from ipaddress import IPv4Network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from components.common.image_reference import parse_image_reference
from components.common.quantity import parse_quantity
from components.settings.types import (
    Cidr,
    CpuQuantity,
    Cron,
    Fqdn,
    Image,
    MemoryQuantity,
)
from tests.support.rows import each_row

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAME = st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
DIGEST = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def is_accepted(kind: Any, value: object) -> bool:
    try:
        return adapter(kind).validate_python(value, strict=True) == value
    except ValidationError:
        return False


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_a_network_has_no_host_bits(address: int, prefix: int) -> None:
    network = IPv4Network((address, prefix), strict=False)
    assert is_accepted(Cidr, str(network))
    if address != int(network.network_address):
        assert not is_accepted(Cidr, f"{IPv4Network(address)}".replace("/32", f"/{prefix}"))


@given(st.text())
def test_any_other_text_is_refused_as_a_network(text: str) -> None:
    try:
        expected = str(IPv4Network(text)) == text
    except ValueError:
        expected = False
    assert is_accepted(Cidr, text) == expected


@given(st.integers(1, 10**6))
def test_cpu_in_cores_equals_cpu_in_millicores(millicores: int) -> None:
    cores = f"{Decimal(millicores) / 1000:f}"
    assert is_accepted(CpuQuantity, f"{millicores}m") and is_accepted(CpuQuantity, cores)
    assert parse_quantity(f"{millicores}m") == parse_quantity(cores)


@given(st.integers(1, 10**6))
def test_memory_in_binary_units_is_more_than_in_decimal_ones(amount: int) -> None:
    assert (
        parse_quantity(f"{amount}Gi") == 1024 * parse_quantity(f"{amount}Mi") > parse_quantity(f"{amount}G")
    )
    assert all(is_accepted(MemoryQuantity, f"{amount}{unit}") for unit in ("M", "Mi", "G", "Gi"))


@each_row("text", ["", "0", "0m", "00", "-1", "1e3", "100M", "1.2345", " 1", "1\n", "٣", 1])
def test_an_invalid_cpu_quantity_is_refused(text: object) -> None:
    assert not is_accepted(CpuQuantity, text)


@each_row("text", ["", "0Mi", "512", "1.5Gi", "-1Mi", "1Ki", "512m", "1 Gi", "1Gi\n", 512])
def test_an_invalid_memory_quantity_is_refused(text: object) -> None:
    assert not is_accepted(MemoryQuantity, text)


@given(NAME, TAG)
def test_an_image_has_a_version_that_is_not_latest(name: str, tag: str) -> None:
    assert is_accepted(Image, f"{name}:{tag}") == (tag != "latest")
    assert parse_image_reference(f"registry:5000/{name}:{tag}").tag == tag


@given(NAME, st.none() | TAG, DIGEST)
def test_an_image_with_a_digest_needs_no_version(name: str, tag: str | None, digest: str) -> None:
    image = name if tag is None else f"{name}:{tag}"
    assert is_accepted(Image, f"{image}@{digest}")
    assert not is_accepted(Image, f"{image}@{digest[:-1]}")
    assert parse_image_reference(f"{image}@{digest}").tag == (tag or "")


@given(NAME, st.integers(1, 65535))
def test_the_port_of_a_registry_is_not_a_version(name: str, port: int) -> None:
    assert not is_accepted(Image, f"localhost:{port}/{name}")


@given(st.lists(LABEL, min_size=1, max_size=4))
def test_a_host_name_has_labels_and_a_top_level_domain(labels: list[str]) -> None:
    host = ".".join([*labels, "dev"])
    assert is_accepted(Fqdn, host)
    assert (
        not is_accepted(Fqdn, f"{host}.")
        and not is_accepted(Fqdn, host.upper())
        and not is_accepted(Fqdn, f"-{host}")
    )


@each_row("schedule", ["0 18 * * *", "*/5 * * * *", "0 1-5/2 * * 1,3", "30 17 1 * 0"])
def test_a_schedule_has_five_fields(schedule: str) -> None:
    assert is_accepted(Cron, schedule)
    assert not is_accepted(Cron, f"{schedule} *") and not is_accepted(Cron, schedule.rpartition(" ")[0])


@each_row("schedule", ["@daily", "0 18 * * MON", "0  18 * * *", "100 18 * * *"])
def test_an_invalid_schedule_is_refused(schedule: str) -> None:
    assert not is_accepted(Cron, schedule)
