"""Tests of networks, quantities, required keys, strict YAML and names of secrets."""

import pytest
import yaml

from policies.model import strict_yaml
from policies.model.kubernetes import quantities
from policies.model.networks import is_world
from policies.model.property_values import Value
from policies.model.secrets import is_secret, names_secret
from policies.model.tag_checks import required_keys
from tests.support.rows import each_row


@each_row(
    ("text", "expected"),
    [
        ("0.0.0.0/0", True),
        ("198.51.100.7/0", True),
        ("128.0.0.0/1", True),
        ("64.0.0.0/2", False),
        ("::/0", True),
        ("2000::/4", True),
        ("2000::/5", True),
        ("2800::/5", False),
        ("3000::/4", False),
        ("fc00::/7", False),
        ("world", False),
    ],
)
def test_half_of_the_internet_is_the_world(text: str, expected: bool) -> None:
    assert is_world(text) is expected


@each_row(
    ("texts", "expected"),
    [
        ((), False),
        (("0.0.0.0/2", "64.0.0.0/2"), True),
        (("0.0.0.0/3", "64.0.0.0/2", "128.0.0.0/3"), True),
        (("0.0.0.0/2", "0.0.0.0/2", "0.0.0.0/3"), False),
        (("2400::/6", "2800::/5"), True),
        (("2400::/6", "2800::/6", "2c00::/7"), True),
        (("2400::/6", "fc00::/7", "3000::/6", "::/8"), False),
        (("0.0.0.0/2", "2800::/5", "world"), False),
    ],
)
def test_networks_count_together_and_once(texts: tuple[str, ...], expected: bool) -> None:
    assert is_world(*texts) is expected


@each_row(
    ("value", "number"),
    [("1e3", 1000), ("2E2", 200), ("100m", 0.1), ("1Ki", 1024), (2, 2), (True, None), ("1x", None)],
)
def test_a_quantity_is_a_number_with_a_suffix_or_an_exponent(value: object, number: float | None) -> None:
    parsed = quantities.parse(value)
    assert (None if parsed is None else float(parsed)) == number


def test_the_option_for_required_keys_has_its_default_and_description() -> None:
    option = required_keys(["env"], "Keys of tags.")
    assert option.default == ["env"]
    assert option.schema["description"] == "Keys of tags."


def test_a_key_that_is_there_twice_is_refused_unless_it_merges() -> None:
    for text in (
        "a: {x: 1}\nb:\n  <<: {x: 1}\n",
        "b: {'<<': {x: 1}}",
        "1: a",
        "~: a",
        "[[a]: b]",
        "a: {on: b}",
    ):
        with pytest.raises(yaml.YAMLError, match="a key is not a string, or is a merge key"):
            strict_yaml.read(text)
    assert strict_yaml.read("day: 2026-13-01") == {"day": "2026-13-01"}
    with pytest.raises(yaml.YAMLError, match="duplicate key 'a'"):
        strict_yaml.read("a: 1\na: 2\n")


@each_row(
    ("name", "text", "expected"),
    [
        ("API_KEY", "q8Zt4w", True),
        ("API_KEYS", "q8Zt4w", True),
        ("API_KEY_2", "q8Zt4w", True),
        ("API_KEY_FOO_ID", "q8Zt4w", False),
        ("CACHE_KEY", "q8Zt4w", False),
        ("KMS_KEY_ID", "0b7a5c3e-1f2d-4a6b-9c8d-7e6f5a4b3c2d", False),
        ("ARTIFACT_KEY", "builds-2026.zip", False),
        ("DEPLOY_KEY", "http://example.com/key", False),
        ("DEPLOY_KEY", "https://example.com/key", False),
        ("DB_PASSWORD_PROD", "https://q8Zt4w", True),
        ("REDIS_AUTH", "q8Zt4w", True),
        ("REDIS_AUTH", "basic", False),
        ("TOKEN_URL", "q8Zt4w", False),
        ("SECRET_ID", "prod/shop/db", False),
        ("SECRET_ID", "2c1e4f7a-90b3-4d6e-8f1a-5b7c9d0e2f34", True),
        ("DB_PASSWORD", "prod/shop/db", True),
    ],
)
def test_the_name_of_a_setting_tells_that_its_value_is_a_secret(name: str, text: str, expected: bool) -> None:
    assert names_secret(name, text) is expected
    assert is_secret(name, Value(text)) is expected
