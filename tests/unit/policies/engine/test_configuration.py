"""Tests of the rules' settings: valid defaults, and messages with a remedy for meaningless settings."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from policies.engine.catalog import BY_NAME, RULES
from policies.engine.configuration import faults
from policies.engine.rule import Option
from tests.support.rows import each_row

OPTIONS = [(rule.name, key, option) for rule in RULES for key, option in rule.options.items()]
CONFIG = Path(__file__).parents[4] / "policies" / "config"
CLOSING = re.compile(
    r"tls-|pod-security-|.*-secret-in-|.*-port-open-to-world|container-privileged|security-group-prefix-list-"
)
CEILING = "workload-limit-above-ceiling"
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "string": str,
}


@each_row(("rule", "key", "option"), OPTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_default_is_what_its_own_schema_asks_for(rule: str, key: str, option: Option) -> None:
    assert set(option.schema) <= {
        "type",
        "items",
        "description",
        "enum",
        "minimum",
        "maximum",
        "additionalProperties",
    }
    assert isinstance(option.default, TYPES[option.schema["type"]])
    for item in cast("list[object]", option.default) if option.schema["type"] == "array" else ():
        assert isinstance(item, TYPES[option.schema["items"]["type"]])
    assert option.schema["description"].endswith(".")
    assert faults(BY_NAME, {rule: {key: option.default}}) == []


@each_row(
    "charts",
    [{"datadog": "http://a.example"}, {"datadog": ""}, {"": "https://a.example"}, {"oci://a/b": "https://a"}],
)
def test_a_chart_has_an_https_repository_or_is_in_a_registry(charts: dict[str, str]) -> None:
    [fault] = faults(BY_NAME, {"helm-chart-not-allowed": {"charts": charts}})
    assert fault.startswith(f"helm-chart-not-allowed.charts is {charts}; set it to charts with https://")
    allowed = {"datadog": "https://helm.datadoghq.com", "oci://a.example/agent": ""}
    assert faults(BY_NAME, {"helm-chart-not-allowed": {"charts": allowed}}) == []


@pytest.mark.parametrize("value", ["much", "0", "-1", ""])
@each_row("key", ["cpu", "memory"])
def test_a_ceiling_is_a_quantity_above_zero(key: str, value: str) -> None:
    assert faults(BY_NAME, {CEILING: {key: value}}) == [
        f"{CEILING}.{key} is {value!r}; set it to a Kubernetes quantity above zero"
    ]
    assert faults(BY_NAME, {CEILING: {key: "1m"}}) == []


@each_row(
    ("config", "fault"),
    [
        (
            {"workload-image-lates": {}},
            'there is no policy "workload-image-lates"; did you mean workload-image-latest',
        ),
        ({"zzz": {}}, 'there is no policy "zzz"; see docs/policies.md'),
        ({CEILING: {"disk": "1"}}, f'{CEILING} has no setting "disk"; it has cpu, memory'),
        ({CEILING: {"mem": "1"}}, f'{CEILING} has no setting "mem"; did you mean memory?'),
        ({"all": {"cpu": "1"}}, '"all" takes an enforcement level only, not cpu'),
    ],
)
def test_an_unknown_name_is_refused_with_the_names_that_exist(config: dict[str, Any], fault: str) -> None:
    [message] = faults(BY_NAME, config)
    assert message.startswith(fault)


@each_row("stack", ["dev", "stg", "prod"])
def test_the_file_of_each_stack_is_accepted(stack: str) -> None:
    content: dict[str, Any] = json.loads((CONFIG / f"{stack}.json").read_text())
    settings = {name: cast("dict[str, Any]", value) for name, value in content.items() if name != "all"}
    configuration = {
        name: {key: item for key, item in values.items() if key != "enforcementLevel"}
        for name, values in settings.items()
        if not isinstance(values, str)
    }
    assert configuration
    assert faults(BY_NAME, configuration) == []


@pytest.mark.parametrize("stack", ["dev", "stg"])
@each_row("name", [rule.name for rule in RULES if CLOSING.match(rule.name)])
def test_policies_that_keep_an_environment_closed_are_mandatory_in_every_stack(stack: str, name: str) -> None:
    """Compare with docs/decisions/0008-policy-levels.md; prod uses the defaults of the rules."""
    config = json.loads((CONFIG / f"{stack}.json").read_text())
    setting = config[name]
    level = setting if isinstance(setting, str) else setting["enforcementLevel"]
    assert level == BY_NAME[name].level.value == "mandatory"
