import json
import shutil
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from policies.engine.catalog import RULES
from policies.engine.evaluation import evaluate
from policies.engine.rule import Rule
from sandbox.toolchain.builds import WITHOUT_DEBUG_INFORMATION
from tests.support.policies.fixtures import KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import MessagesOf, changed, resource
from tests.support.policies.random_pods import Maker
from tests.support.policies.truth import cases
from tests.support.rows import each_row

PSS = [rule for rule in RULES if rule.name.startswith("pod-security-")]
POD_TYPE = kind("Pod")


@cache
def random_pods() -> list[dict[str, Any]]:
    """Return 3,000 pods, which are the same in every run."""
    return [Maker(seed, (0.02, 0.05, 0.15)[seed % 3]).pod() for seed in range(3000)]


@pytest.fixture(scope="session")
def admission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide Kubernetes' own admission plugin, built from its published module."""
    go = shutil.which("go")
    assert go, "Go builds Kubernetes' admission plugin, with which the verdicts are compared"
    binary = tmp_path_factory.mktemp("admission") / "admission"
    source = Path(__file__).parents[4] / "support" / "policies" / "admission"
    # Most of its packages are in Go's cache, since the control plane has them, too.
    command = [go, "build", WITHOUT_DEBUG_INFORMATION, "-o", str(binary), "."]
    subprocess.run(command, cwd=source, check=True)
    return binary


@pytest.fixture(scope="session")
def admitted(admission: Path) -> list[tuple[bool, bool]]:
    """Provide the plugin's verdicts on each kind of random pod, by the baseline and restricted standards."""
    objects = [{"kind": name, **around(name, pod)[0]} for pod in random_pods() for name in ADMITTED]
    lines = "\n".join(json.dumps(item) for item in objects)
    answer = subprocess.run([admission], input=lines, text=True, check=True, stdout=subprocess.PIPE)
    verdicts = [line == "true" for line in answer.stdout.split()]
    return list(zip(verdicts[::2], verdicts[1::2], strict=True))


ADMITTED = ("Pod", "Deployment", "CronJob")
BASELINE = {rule.name for rule in PSS if rule.controls[0].startswith("PSS baseline: ")}


def replaced(pod: dict[str, Any]) -> bool:
    """Return True if checks of the restricted standard may allow a pod that three baseline checks deny.

    The checks of the restricted standard replace these three. They exempt Windows, and accept a volume with
    an allowed type even if it also has a denied type. The rules do the same.
    """
    spec = pod["spec"]
    return spec.get("os") == {"name": "windows"} or any(len(item) > 2 for item in spec.get("volumes", ()))


@pytest.mark.drill
@pytest.mark.parametrize("name", ADMITTED)
def test_the_verdicts_agree_with_kubernetes_own_admission_plugin(
    admitted: list[tuple[bool, bool]], name: str
) -> None:
    subjects = [resource(kind(name), around(name, pod)[0]) for pod in random_pods()]
    violated = [{rule.name for rule in PSS if evaluate(rule, subject).findings} for subject in subjects]
    expected = admitted[ADMITTED.index(name) :: len(ADMITTED)]
    restricted = [not rules for rules in violated]
    assert restricted == [allowed for _, allowed in expected]
    assert 500 < sum(restricted) < 2500

    baseline = [not rules & BASELINE for rules in violated]
    comparable = [index for index, pod in enumerate(random_pods()) if not replaced(pod)]
    assert [baseline[index] for index in comparable] == [expected[index][0] for index in comparable]
    assert len(comparable) > 2000
    assert sum(restricted) < sum(baseline) < 2900


def violating_pod(rule: str) -> dict[str, Any]:
    """Return the first pod in the truth table that a rule refuses."""
    case = next(case for case in cases() if case.rule == rule and case.verdict == "violation")
    props = deepcopy(case.resources[0].props.plain())
    return props if case.type == POD_TYPE else props["spec"]["template"]


@pytest.mark.parametrize("rule", PSS, ids=lambda rule: rule.name)
@each_row("name", KINDS)
def test_every_rule_checks_every_kind_and_every_container(
    messages_of: MessagesOf, rule: Rule, name: str
) -> None:
    assert messages_of(rule.name, kind(name), around(name, POD)[0]) == []
    pod = violating_pod(rule.name)
    containers = pod["spec"].pop("containers", [])
    for field in ("containers", "initContainers", "ephemeralContainers"):
        props, path = around(name, changed(pod, **{f"spec__{field}": containers}))
        first = messages_of(rule.name, kind(name), props)[0]
        assert first.startswith(path.removesuffix("spec"))
        listed = messages_of(rule.name, kind(name, "List"), {"items": [{"kind": name, **props}]})
        assert listed[0] == f"items[0].{first}"


def test_windows_pods_are_exempt_where_linux_is_meant(messages_of: MessagesOf) -> None:
    bare = {"name": "api", "image": "a:1", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
    windows = {
        "spec": {"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": True}, "containers": [bare]}
    }
    for rule in PSS:
        assert messages_of(rule.name, POD_TYPE, windows) == []
