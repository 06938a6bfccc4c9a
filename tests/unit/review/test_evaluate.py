"""Tests of the report on an evaluation."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from review import evaluate
from review.findings import unknown_values
from review.jail.messages import AGAIN, WITHOUT_SECRETS
from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import MASK
from sandbox.wire.sentinels import UNKNOWN
from tests.support.review.stacks import set_outputs


@pytest.fixture(autouse=True)
def _without_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each command of the sandbox, which most tests replace, in place of a fork."""
    monkeypatch.setattr(evaluate, "FEWEST_FORKED", 1000)


@pytest.mark.parametrize(
    "changed",
    [["requirements.txt"], ["requirements-dev.txt"], ["requirements.txt", "requirements-dev.txt"]],
)
def test_other_packages_of_the_program_or_the_deployment_are_a_caveat(
    changed: list[str], tmp_path: Path
) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree in trees:
        tree.mkdir()
        for name in ("requirements.txt", "requirements-dev.txt"):
            (tree / name).write_text("pulumi-aws==7.0.0\n")
    assert evaluate.build_report(trees, ("base", "head"), {}, tmp_path).notes == []
    for name in changed:
        (trees[1] / name).write_text("pulumi-aws==7.0.1\n")
    report = evaluate.build_report(trees, ("base", "head"), {}, tmp_path)
    start = f"Not comparable: the packages of {' and '.join(changed)} change"
    assert [note.partition(",")[0] for note in report.notes] == [start]
    assert "the effects of the package change are not in this report" in report.verdict


@pytest.mark.parametrize(
    ("value", "sides"), [("a", ["base", "head"]), (UNKNOWN, ["base", "head", "control"])]
)
def test_a_preview_of_the_base_shows_what_is_unknown_in_the_base_too(
    value: str, sides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def run_side(_stack: str, side: str, _trees: Any, folder: Path, *_others: Any) -> None:
        runs.append(side)
        kind = "aws:sns/topic:Topic"
        state: dict[str, Any] = {"urn": f"urn:pulumi:dev::pipe::{kind}::it", "type": kind, "custom": True}
        before, after = (state | {"inputs": {"name": name}} for name in ("a", value))
        plan = {"steps": [{"op": "update", "oldState": before, "newState": after}]}
        (folder / f"{side}-engine.log").write_text(json.dumps(plan))
        (folder / f"{side}.code").write_text("0")

    monkeypatch.setattr(evaluate, "_run_side", run_side)
    evaluate.run((tmp_path, tmp_path), {"dev": (tmp_path, tmp_path)}, tmp_path / "work", 1, salt="")
    assert runs == sides
    folder = evaluate.stack_folder(tmp_path / "work", "dev")
    reviewed = evaluate.read_stack("dev", (tmp_path, tmp_path), (None, None), folder)
    assert bool(reviewed.control) == ("control" in sides)


def test_the_simulated_values_of_both_sides_depend_on_the_salt_of_the_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    salts: list[str] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        salts.extend(part for part in command if part.startswith("--salt="))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    trees = tmp_path, tmp_path
    evaluate.run(trees, {"dev": trees}, tmp_path / "work", 1, salt="a1")
    assert salts == ["--salt=a1"] * 2


def test_only_the_program_of_the_head_runs_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[tuple[str, str]] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        if "--program-again" in command:
            again.append((command[3], command[command.index("--program-again") + 1]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    sides = {side: tmp_path / side for side in ("base", "head", AGAIN)}
    trees = tmp_path, tmp_path
    evaluate.run(trees, {"dev": trees}, tmp_path / "work", 1, sockets={"dev": sides}, salt="")
    assert again == [("preview", str(sides[AGAIN]))]


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_changed_program_of_the_head_runs_with_other_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_changed: bool
) -> None:
    folders: list[str] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        if "--program-other-secrets" in command:
            folders.append(command[command.index("--program-other-secrets") + 1])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    sides = {side: tmp_path / side for side in ("base", "head", AGAIN, WITHOUT_SECRETS)}
    trees = tmp_path / "a", tmp_path / "b"
    for tree, text in zip(trees, ("", "x" * is_changed), strict=True):
        tree.mkdir()
        (tree / "template.txt").write_text(text)
        (tree / "Pulumi.dev.yaml").write_text("config: {}\n")
    evaluate.run(trees, {"dev": trees}, tmp_path / "work", 1, sockets={"dev": sides}, salt="")
    assert folders == [str(sides[WITHOUT_SECRETS])] * is_changed


@pytest.mark.parametrize(("code", "is_trouble"), [("0", True), ("255", False)])
def test_settings_that_cannot_be_read_are_trouble_unless_the_run_has_the_reason(
    code: str, is_trouble: bool, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "head-engine.log").write_text(json.dumps({"steps": []}))
    (work / "head.code").write_text(code)
    (work / "head.errors").write_text("Pulumi.dev.yaml is not YAML" if code != "0" else "")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: [\n")
    reviewed = evaluate.read_stack("dev", (tmp_path, tmp_path), (None, tmp_path), work)
    assert ("the settings of Pulumi.dev.yaml cannot be read" in reviewed.trouble) == is_trouble
    assert bool(reviewed.head and reviewed.head.errors) != is_trouble


@pytest.mark.parametrize(
    ("op", "kind", "name", "evaluated"),
    [
        ("create", "aws:sns/topic:Topic", "new", ["other/dev"]),
        ("replace", "aws:sns/topic:Topic", "new", ["other/dev"]),
        ("update", "aws:sns/topic:Topic", "new", []),
        ("create", "kubernetes:core/v1:ConfigMap", "new", []),
        # All stacks may have one account of this provider.
        ("create", "datadog:index/monitor:Monitor", "new", ["other/dev", "other/prod"]),
        # A provider replaces it because of its name, which no table tells.
        ("update", "aws:cloudwatch/metricAlarm:MetricAlarm", "new", ["other/dev"]),
        ("update", "aws:cloudwatch/metricAlarm:MetricAlarm", "old", []),
    ],
)
def test_another_stack_of_the_account_is_evaluated_if_the_head_creates_an_object(
    op: str, kind: str, name: str, evaluated: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def run_side(stack: str, side: str, _trees: Any, folder: Path, *_others: Any) -> None:
        if side == evaluate.NEIGHBOUR:
            runs.append(stack)
        state: dict[str, Any] = {"urn": f"urn:pulumi:dev::pipe::{kind}::it", "type": kind, "custom": True}
        old, new = (state | {"inputs": {"name": text}} for text in ("old", name))
        plan = {"steps": [{"op": op, "oldState": old, "newState": new}]}
        (folder / f"{side}-engine.log").write_text(json.dumps(plan))
        (folder / f"{side}.code").write_text("0")

    monkeypatch.setattr(evaluate, "_run_side", run_side)
    projects = {"dev": (tmp_path, tmp_path)}
    neighbours = ["other/dev", "other/prod"]
    evaluate.run((tmp_path, tmp_path), projects, tmp_path / "work", 1, neighbours=neighbours, salt="")
    assert runs == evaluated


@pytest.mark.parametrize(
    ("changed", "stack", "sides"),
    [
        ("other.yaml", "dev", []),
        ("Pulumi.stg.yaml", "dev", []),
        ("Pulumi.dev.yaml", "dev", ["head"]),
        ("Pulumi.yaml", "dev", ["head"]),
        ("base/Pulumi.dev.yaml", "base/dev", ["head"]),
        ("Pulumi.dev.yaml", "base/dev", []),
    ],
)
def test_both_parsers_read_the_files_that_the_head_changes(
    changed: str, stack: str, sides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree in trees:
        for folder in (tree, tree / "base"):
            folder.mkdir()
            for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.stg.yaml", "other.yaml"):
                (folder / name).write_text("name: a\n")
    (trees[1] / changed).write_text("name: a \n")
    compared: list[str] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        compared.extend([{"up": "base", "preview": "head"}[command[3]]] * ("--compare-parsers" in command))
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(subprocess, "run", run)
    projects = tuple(tree / stack.rpartition("/")[0] for tree in trees)
    evaluate.run(trees, {stack: (projects[0], projects[1])}, tmp_path / "work", 1, salt="")
    assert compared == sides


SCHEMA = {"properties": {"config": {"properties": {"pipe:token": {"writeOnly": True}}}}}


@pytest.mark.parametrize(
    ("needs", "base", "head", "runs", "is_needed"),
    [
        # A deployment of this base has no value either.
        ("", "", "# x", ["base", "head"], True),
        # The base's file has the secret, so a deployment of the head has none.
        ("", "pipe:token: {secure: v1:a}", "", ["base", "head"], True),
        (
            "base head",
            "",
            "# x",
            ["base", "base pipe:token", "head pipe:token", "without-secrets"],
            True,
        ),
        ("base", "", "# x", ["base", "base pipe:token", "head pipe:token", "without-secrets"], False),
    ],
)
def test_only_secrets_that_the_base_needs_are_invented(
    needs: str,
    base: str,
    head: str,
    runs: list[str],
    is_needed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree, config in zip(trees, (base, head), strict=True):
        (tree / "schemas").mkdir(parents=True)
        (tree / "schemas" / "stack-file.schema.json").write_text(json.dumps(SCHEMA))
        (tree / "Pulumi.yaml").write_text("name: pipe\n")
        (tree / "Pulumi.dev.yaml").write_text(f"config:\n  a: b\n  {config}\n")
    sides: list[str] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        invented = next(part.partition("=")[2] for part in command if part.startswith("--random-secrets="))
        of_base = command[3] == "up"
        is_last = not of_base and sides[-1].startswith("head")
        sides.append(f"{'base' if of_base else 'without-secrets' if is_last else 'head'} {invented}".strip())
        fails = ("base" if of_base else "head") in needs.split() and not invented
        return subprocess.CompletedProcess(command, 255 if fails else 0)

    def read_run(side: str, tree: Path, folder: Path, _base: Path) -> EngineRun | None:
        file = folder / f"{side}.code"
        engine = EngineRun(tree)
        engine.phase.errors += ["it fails"] if file.exists() and file.read_text() != "0" else []
        return engine if file.exists() else None

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(evaluate, "_read_run", read_run)
    evaluate.run(trees, {"dev": trees}, tmp_path / "work", 1, salt="")
    assert sides == runs
    reviewed = evaluate.read_stack("dev", trees, trees, evaluate.stack_folder(tmp_path / "work", "dev"))
    assert reviewed.without_invented == ("" if is_needed else "the program evaluates without it")
    findings = [*unknown_values.find_unneeded_secrets(reviewed)]
    assert [(finding.name, finding.blocks) for finding in findings] == [("setting pipe:token", True)] * (
        not is_needed
    )


@pytest.mark.parametrize(("after", "files"), [("a = 2", ["__main__.py"]), ("a = 1", None)])
def test_only_the_second_run_of_the_head_records_what_it_executes_of_changed_files(
    after: str, files: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree, text in zip(trees, ("a = 1", after), strict=True):
        tree.mkdir()
        (tree / "Pulumi.yaml").write_text("name: pipe\n")
        (tree / "Pulumi.dev.yaml").write_text("config: {}\n")
        (tree / "__main__.py").write_text(text)
    recorded: dict[str, list[str] | None] = {}

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        file = command[command.index("--recorded-files") + 1] if "--recorded-files" in command else None
        recorded[command[3]] = json.loads(Path(file).read_text()) if file else None
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    sockets = {"dev": {"base": tmp_path, "head": tmp_path, "again": tmp_path}}
    [stack] = evaluate.run(trees, {"dev": trees}, tmp_path / "work", 1, sockets=sockets, salt="")
    expected = files and [str(trees[1] / file) for file in files]
    assert recorded == {"up": None, "preview": expected}
    assert stack.executed is None, "the program has failed"


def test_a_stack_with_the_name_of_a_projects_folder_leaves_the_files_of_that_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, work = tmp_path / "tree", tmp_path / "work"
    (tree / "schemas").mkdir(parents=True)
    (tree / "schemas" / "stack-file.schema.json").write_text(json.dumps(SCHEMA))
    (tree / "Pulumi.yaml").write_text("name: pipe\n")
    (tree / "Pulumi.foundation.yaml").write_text("config: {}\n")
    (tree / "foundation").mkdir()

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        # The base of the root's stack fails without a secret, so its files are deleted.
        fails = "foundation" in command and "--random-secrets=" in command
        return subprocess.CompletedProcess(command, 1 if fails else 0)

    monkeypatch.setattr(subprocess, "run", run)
    for stack, project in (("foundation/dev", tree / "foundation"), ("foundation", tree)):
        evaluate.run((tree, tree), {stack: (project, project)}, work, 1, salt="")
    assert (evaluate.stack_folder(work, "foundation/dev") / "base.code").read_text() == "0"
    assert (evaluate.stack_folder(work, "foundation") / "invented-secrets.json").exists()


MISSING = "Pulumi.dev.yaml: 2 faults\n  pipe:token is missing\n  pipe:key is missing"
"""The error of a base that needs two secrets."""

FRAMES = 'Traceback (most recent call last):\n  File "{}", line {}, in <module>\n    {}\n'


@pytest.mark.parametrize(
    ("base", "head", "refused", "message"),
    [
        (MISSING, MISSING, "", ""),
        (MISSING, "Pulumi.dev.yaml: 1 faults\n  pipe:key is missing", "", ""),
        (
            f"{FRAMES.format('a.py', 1, 'start()')}ValueError: no token",
            f"{FRAMES.format('b.py', 22, 'begin()')}ValueError: no token",
            "",
            "",
        ),
        # A failure that only the isolation causes, which a deployment does not have.
        (MISSING, "OSError: No space left on device", "", "OSError: No space left on device"),
        (MISSING, f"{MISSING}\nOSError: No space left on device", "", "otherwise than the base"),
        (MISSING, "the program under review has failed", "", "otherwise than the base"),
        # A call that a deployment answers.
        (MISSING, MISSING, '{"refused": "StartDebugging"}', "otherwise than the base"),
        (MISSING, "", "", "evaluates without it"),
    ],
)
def test_only_the_failure_of_the_base_proves_that_a_secret_is_needed(
    base: str, head: str, refused: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed = _read_without_secrets({"dev": base}, "dev", head, refused, tmp_path, monkeypatch)
    assert message in reviewed.without_invented
    assert bool(message) == bool(reviewed.without_invented)


def test_a_program_that_only_logs_the_error_of_the_base_does_not_need_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "without-secrets.code").write_text("0")
    reviewed = _read_without_secrets({"dev": MISSING}, "dev", MISSING, "", tmp_path, monkeypatch)
    assert reviewed.without_invented == "the program evaluates without it"


@pytest.mark.parametrize("op", ["create", "same", "delete"])
@pytest.mark.parametrize("kind", ["aws:iam/role:Role", "pulumi:providers:aws"])
def test_a_program_that_declares_something_before_it_fails_is_not_hidden(
    kind: str, op: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"
    states = [
        {"urn": urn, "type": urn.split("::")[2], "custom": True}
        for urn in (stack, f"urn:pulumi:dev::pipe::{kind}::support")
    ]
    steps = {op: states[:1]}
    reviewed = _read_without_secrets({"dev": MISSING}, "dev", MISSING, "", tmp_path, monkeypatch, steps)
    assert not reviewed.without_invented
    steps = {"same": states[:1], op: states[1:]}
    reviewed = _read_without_secrets({"dev": MISSING}, "dev", MISSING, "", tmp_path, monkeypatch, steps)
    assert reviewed.without_invented == "without it, the program declares something before it fails: support"


@pytest.mark.parametrize(
    "row",
    [
        {"lookup": "aws:ec2/getVpc:getVpc", "args": {}, "answer": []},
        {"lookup": "aws:ec2/getVpc:getVpc", "args": {}, "error": "there is none"},
    ],
)
def test_a_program_that_looks_something_up_before_it_fails_is_not_hidden(
    row: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "without-secrets.code").write_text("1")
    (tmp_path / "dev" / "without-secrets.errors").write_text(MISSING)
    (tmp_path / "dev" / "without-secrets-lookups.jsonl").write_text(json.dumps(row))
    (tmp_path / "dev" / "invented-secrets.json").write_text(
        json.dumps({"settings": ["pipe:token"], "errors": [MISSING]})
    )
    reviewed = evaluate.read_stack("dev", (tmp_path, tmp_path), (tmp_path, tmp_path), tmp_path / "dev")
    assert reviewed.without_invented == (
        "without it, the program looks something up before it fails: aws:ec2/getVpc:getVpc; read it before"
    )


@pytest.mark.parametrize(
    ("other", "head", "is_needed"),
    [
        (MISSING.replace("dev", "stg"), MISSING, True),
        (MISSING.replace("dev", "stg"), "OSError", False),
        ("", MISSING, False),
    ],
)
def test_a_new_stack_has_to_fail_as_the_other_stacks_of_its_project_do(
    other: str, head: str, is_needed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed = _read_without_secrets({"dev": "", "stg": other}, "dev", head, "", tmp_path, monkeypatch)
    assert bool(reviewed.without_invented) == (not is_needed)


def _read_without_secrets(
    base_errors: dict[str, str],
    stack: str,
    error: str,
    refused: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: Mapping[str, Sequence[dict[str, Any]]] = MappingProxyType({}),
) -> Stack:
    """Read a stack whose head ended with `error` without the invented secrets.

    `base_errors` has the error of each base without them, which is empty for a base that lacks the stack.
    `steps` has the states of the resources on which the head then has a step, by operation.
    """

    def read_run(side: str, tree: Path, _folder: Path, _base: Path) -> EngineRun:
        engine = EngineRun(tree)
        engine.phase.errors += [error] if error and side == "without-secrets" else []
        for op, state in ((op, state) for op, states in steps.items() for state in states):
            sides = (Resource(state), None) if op == "delete" else (None, Resource(state))
            engine.steps[state["urn"]] = Step(op, *sides)
        return engine

    monkeypatch.setattr(evaluate, "_read_run", read_run)
    for name, text in base_errors.items():
        (folder / name).mkdir(exist_ok=True)
        content = {"settings": ["pipe:token"], "errors": [text] if text else []}
        (folder / name / "invented-secrets.json").write_text(json.dumps(content))
    (folder / stack / "without-secrets-failed-calls.jsonl").write_text(refused)
    projects = (folder if base_errors[stack] else None, folder)
    return evaluate.read_stack(stack, (folder, folder), projects, folder / stack)


def test_a_further_stack_of_the_account_is_evaluated_with_invented_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "stack-file.schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "Pulumi.yaml").write_text("name: pipe\n")
    (tmp_path / "other" / "Pulumi.dev.yaml").write_text("config: {}\n")
    secrets: dict[str, str] = {}

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        [secrets[command[4]]] = [part.partition("=")[2] for part in command if "--random-secrets=" in part]
        return subprocess.CompletedProcess(command, 0)

    def creates(*_arguments: object) -> bool:
        return True

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(evaluate, "creates_object_of", creates)
    trees = tmp_path, tmp_path
    evaluate.run(trees, {"dev": trees}, tmp_path / "work", 1, neighbours=["other/dev"], salt="")
    assert secrets == {"dev": "", "other/dev": "pipe:token"}


@pytest.mark.parametrize(("code", "error"), [("0", ""), ("1", ""), ("1", "invalid syntax")])
def test_an_unreadable_ledger_is_an_error_unless_the_run_has_one(
    code: str, error: str, tmp_path: Path
) -> None:
    violation = {
        "policyName": "tags-missing",
        "enforcementLevel": "mandatory",
        "resourceUrn": "urn:pulumi:dev::pipe::aws:sns/topic:Topic::it",
        "message": "tags is not set",
    }
    events: list[dict[str, Any]] = [{"sequence": 1, "policyEvent": violation}]
    events += [{"diagnosticEvent": {"severity": "error", "message": error}}] if error else []
    (tmp_path / "head-engine.log").write_text(json.dumps({"steps": []}))
    (tmp_path / "head-events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (tmp_path / "head-ledger.jsonl").write_text('{"run": "comp')
    (tmp_path / "head-summary.json").write_text(json.dumps({"errors": []}))
    (tmp_path / "head.code").write_text(code)
    reviewed = evaluate.read_stack("dev", (tmp_path, tmp_path), (None, None), tmp_path)
    assert reviewed.head
    assert reviewed.head.errors == [error or "head-ledger.jsonl cannot be read; run the review again"]


@pytest.mark.parametrize(
    ("files", "run", "error", "trouble"),
    [
        (("plan", "events", "ledger"), "complete", "", ""),
        (("events", "ledger"), "complete", "", "the preview's --json output is missing"),
        (("plan", "ledger"), "complete", "", "the preview's event log"),
        (("plan", "events"), "complete", "", "the ledger of the policies (PIPE_POLICY_LEDGER) is missing"),
        (("plan", "events", "ledger"), "aborted", "", "the ledger of the policies is incomplete"),
        # The program's error says why there are no verdicts.
        (("plan", "events"), "complete", "invalid syntax", ""),
    ],
)
def test_a_real_preview_without_all_verdicts_is_no_complete_report(
    files: Sequence[str], run: str, error: str, trouble: str, tmp_path: Path
) -> None:
    topic = "aws:sns/topic:Topic"
    urn = f"urn:pulumi:dev::pipe::{topic}::it"
    state: dict[str, Any] = {"urn": urn, "type": topic, "custom": True, "inputs": {}}
    diagnostics = [{"severity": "error", "message": error, "urn": urn}] if error else []
    plan: dict[str, Any] = {"steps": [{"op": "create", "newState": state}], "diagnostics": diagnostics}
    event = {"op": "create", "urn": urn, "type": topic, "new": state | {"parent": ""}, "old": None}
    verdict = {"urn": urn, "policy": "tags-missing", "verdict": "pass", "level": "", "detail": ""}
    contents: dict[str, list[Any]] = {
        "plan": [plan],
        "events": [{"sequence": 1, "resourcePreEvent": {"metadata": event}}],
        "ledger": [{"run": run}, verdict],
    }
    for name in files:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in contents[name]))
    report = evaluate.report_preview([tmp_path / name for name in files], tmp_path, [], "head")
    assert (report.code == 2) == bool(trouble)
    messages = [finding.message for finding in report.findings if finding.policy == "does-not-evaluate"]
    assert len(messages) == bool(error or trouble) and all((trouble or error) in text for text in messages)


@pytest.mark.parametrize("fault", ["time", "base", "silent", "plan"])
def test_a_further_stack_of_the_account_without_a_complete_run_is_named(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        (folder / "Pulumi.yaml").write_text("name: pipe\n")
        (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    topic = "aws:sns/topic:Topic"
    state: dict[str, Any] = {
        "urn": f"urn:pulumi:dev::pipe::{topic}::it",
        "type": topic,
        "custom": True,
        "inputs": {},
    }

    def run_side(_stack: str, side: str, _trees: Any, folder: Path, *_others: Any) -> None:
        is_neighbour = side == evaluate.NEIGHBOUR
        if is_neighbour and fault == "time":
            raise subprocess.TimeoutExpired("sandbox", 1)
        if not is_neighbour or fault != "plan":
            plan = {"steps": [{"op": "create", "newState": state}]}
            (folder / f"{side}-engine.log").write_text(json.dumps(plan))
        (folder / f"{side}.errors").write_text("invalid syntax" if fault == "base" else "")
        (folder / f"{side}.code").write_text("1" if is_neighbour and fault in ("base", "silent") else "0")

    monkeypatch.setattr(evaluate, "_run_side", run_side)
    trees, projects, work = (tmp_path, tmp_path), {"dev": (tmp_path, tmp_path)}, tmp_path / "work"
    lines: list[str] = []
    evaluate.run(
        trees, projects, work, 1, lambda line: lines.append(line.text), neighbours=["other/dev"], salt=""
    )
    report = evaluate.build_report(trees, ("base", "head"), projects, work, neighbours=["other/dev"])
    [finding] = [finding for finding in report.findings if finding.name == "other/dev"]
    reasons = {
        "time": "stopped after 1 minutes, the time limit",
        "base": "invalid syntax",
        "silent": "the command ended with 1 and without a reason",
        "plan": "the preview's plan (engine.log) cannot be read; run the review again",
    }
    assert finding.blocks and finding.message.endswith(reasons[fault])
    assert report.code == (2 if fault in ("time", "plan") else 1)
    assert (f"other/dev: base {reasons['time']}" in lines) == (fault == "time")


@pytest.mark.parametrize(
    ("side", "code", "summary", "errors"),
    [
        ("head", "1", True, []),
        ("head", "1", False, ["the disk is full"]),
        ("head", "2", True, ["the disk is full"]),
        ("head", "-9", False, ["the disk is full"]),
        ("control", "1", True, []),
        ("base", "1", True, ["the disk is full"]),
        ("base", "0", True, []),
    ],
)
def test_a_mandatory_violation_hides_no_other_reason_of_a_failure(
    side: str, code: str, summary: bool, errors: list[str], tmp_path: Path
) -> None:
    event = {"policyName": "p", "enforcementLevel": "mandatory", "resourceUrn": "u", "message": "m"}
    (tmp_path / f"{side}-events.jsonl").write_text(json.dumps({"sequence": 1, "policyEvent": event}))
    (tmp_path / f"{side}.code").write_text(code)
    (tmp_path / f"{side}.errors").write_text("the disk is full")
    if summary:
        (tmp_path / f"{side}-summary.json").write_text(json.dumps({"errors": []}))
    run = evaluate._read_run(side, tmp_path, tmp_path, tmp_path)  # pyright: ignore[reportPrivateUsage]
    assert run and run.errors == errors


def test_an_unexpected_error_is_described_without_the_values_in_its_messages() -> None:
    secrets = [f"{side}-sesame" for side in ("first", "second")]

    def fail() -> None:
        try:
            int(secrets[0])
        except ValueError as error:
            raise KeyError(secrets[1]) from error

    with pytest.raises(KeyError) as caught:
        fail()
    text = evaluate.describe_places(caught.value)
    assert not any(secret in text for secret in secrets)
    left_out = "(its message is left out, since it may have a secret)"
    assert text.splitlines()[-1] == f"KeyError {left_out}"
    assert text.index("int(secrets[0])") < text.index(f"ValueError {left_out}")


@pytest.mark.parametrize("side", ["base", "head", "control", "without-secrets", "neighbour"])
def test_a_secret_that_a_provider_has_generated_in_any_run_is_masked(side: str, tmp_path: Path) -> None:
    lines = "MHcCAQEEINonuxOr", "AwEHoUQDQgAEw2=="
    key = "\n".join(("-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----", ""))
    name = "other/dev" if side == evaluate.NEIGHBOUR else "dev"
    folder = evaluate.stack_folder(tmp_path / "work", name)
    folder.mkdir(parents=True)
    row = {"generated": "urn", "texts": [key, "a-token-of-the-api", "b"]}
    (folder / f"{side}-lookups.jsonl").write_text(f'{{"lookup": "a:b:c", "args": {{}}}}\n{json.dumps(row)}\n')
    base, head = EngineRun(tmp_path), EngineRun(tmp_path)
    set_outputs(base, {"text": f"a\n{lines[0]}\nb"})
    set_outputs(head, {"key": key, "text": f"a\n{lines[1]}\nb", "url": "https://a-token-of-the-api@b"})
    report = evaluate.build_report(
        (tmp_path, tmp_path),
        ("base", "head"),
        {"dev": (tmp_path, tmp_path)},
        tmp_path / "work",
        neighbours=["other/dev"] if name != "dev" else [],
        evaluated=[Stack("dev", head, base, predicted=True)],
    )
    [change] = report.changes
    shown = f"{MASK} (not secret)"
    assert [(item.path, item.before, item.after) for item in change.properties] == [
        ("output key", None, shown),
        ("output text › line 2", shown, shown),
        ("output url", None, f"https://{MASK}@b (not secret)"),
    ]
