"""Tests of the assumptions about the use of stacks, and of the price table."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from review.cost import price_table, usage

DEFAULTS = yaml.safe_load(usage.FILE.read_text())["defaults"]


def load(folder: Path, stacks: object, **defaults: object) -> usage.Usage:
    """Return the use of dev in a file with these stacks and changed defaults."""
    file = folder / "usage.yaml"
    file.write_text(yaml.safe_dump({"defaults": DEFAULTS | defaults, "stacks": stacks}))
    return usage.load(file)["dev"]


def test_a_stack_overrides_defaults_and_single_names(tmp_path: Path) -> None:
    dev = load(tmp_path, {"dev": {"natGb": 7.0, "logGb": {"runner": 2.0}}})
    assert (dev.nat_gb, dev.endpoint_gb) == (7, DEFAULTS["endpointGb"])
    assert [dev.of("log_gb", name) for name in ("runner", "cluster-logs", "new")] == [2, 10, 0.1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"natGb": -1.0}, "natGb\n  Input should be greater than or equal to 0"),
        ({"natGb": "30"}, "natGb\n  Input should be a valid number"),
        ({"natGb": True}, "natGb\n  Input should be a valid number"),
        ({"natGB": 1.0}, "natGB\n  Extra inputs are not permitted"),
        ({"scaling": 1.5}, "scaling\n  Input should be less than or equal to 1"),
        ({"keyRotations": 3}, "keyRotations\n  Input should be less than or equal to 2"),
        ({"cloudflarePlan": "enterprise"}, "cloudflarePlan\n  Input should be 'free' or 'pro'"),
        ({"logGb": {"runner": -1.0}}, "logGb.runner\n  Input should be greater than or equal to 0"),
        ({"bucketGb": 5.0}, "bucketGb\n  Input should be a valid dictionary"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_its_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=r"usage\.yaml, dev: ") as error:
        load(tmp_path, {"dev": change})
    assert message in str(error.value)


def test_a_missing_default_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "usage.yaml"
    file.write_text(yaml.safe_dump({"defaults": {}, "stacks": {}}))
    with pytest.raises(ValueError, match=r"usage\.yaml, defaults: (?s:.)*natGb\n  Field required"):
        usage.load(file)
    file.write_text("defaults: {}\n")
    with pytest.raises(ValueError, match="exactly the keys defaults and stacks"):
        usage.load(file)


def test_a_stack_that_the_file_does_not_name_has_the_defaults() -> None:
    assert usage.usage_of("another") == usage.usages()[""]


def test_an_assumption_is_described_with_setting_value_and_meaning() -> None:
    dev = usage.usages()[""]
    assert dev.describe("nat_gb") == "natGb 30: GB through all NAT gateways"
    assert dev.describe("cloudflare_plan").startswith("cloudflarePlan pro: ")
    assert dev.describe("log_gb", "cluster-logs").startswith("logGb.cluster-logs 10: ")
    assert dev.describe("log_gb", "new").startswith("logGb.others 0.1: ")


@pytest.mark.parametrize(
    "price",
    [
        {"usd": -1},
        {"source": ""},
        {"trust": "guessed"},
        {"date": "yesterday"},
        {"comment": "no such field"},
    ],
)
def test_a_price_without_a_source_or_with_a_wrong_field_is_refused(
    tmp_path: Path, price: dict[str, object]
) -> None:
    valid = {"name": "a", "region": "global", "unit": "hour", "usd": 1, "source": "a list", "trust": "weak"}
    file = tmp_path / "prices.yaml"
    file.write_text(yaml.safe_dump({"prices": [valid], "free": []}))
    assert price_table.load(file).prices[0].month == 730
    file.write_text(yaml.safe_dump({"prices": [valid | price], "free": []}))
    with pytest.raises(ValidationError):
        price_table.load(file)


def test_a_thing_has_one_price_in_a_region() -> None:
    keys = [(price.name, price.region) for price in price_table.TABLE.prices]
    assert len(keys) == len(set(keys))
