"""Tests of the YAML loader that follows the engine's rules."""

import pytest
import yaml

from components.common.strict_yaml import load_yaml


def test_only_true_and_false_are_booleans() -> None:
    assert load_yaml("[true, False, on, yes, n]") == [True, False, "on", "yes", "n"]


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "{outer: {a: 1, a: 2}}"])
def test_a_repeated_key_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="the key a occurs twice"):
        load_yaml(text)
