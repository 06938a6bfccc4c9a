"""Tests of the options that all commands share, and of the confirmation."""

import argparse
import sys
from typing import Any

import pytest

from operations.__main__ import command_module
from operations.lib import command_line
from operations.lib.errors import RefusedError


def arguments(stack: str = "prod", **changes: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"stack": stack, "dry_run": False, "yes": False} | changes)


@pytest.fixture(autouse=True)
def target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TARGET", raising=False)


def test_an_unknown_stack_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RefusedError, match="no stack is called 'live'; stacks: dev, prod, stg"):
        command_line.read_options(arguments("live"))


def test_an_unknown_target_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET", "cloud")
    with pytest.raises(RefusedError, match="TARGET is 'cloud'; allowed: real, sandbox"):
        command_line.read_options(arguments())


def test_the_namespace_is_that_of_the_stack_file() -> None:
    assert command_line.read_options(arguments()).namespace == "pipe"


@pytest.mark.parametrize(("typed", "confirmed"), [("prod", True), ("y", False), ("", False)])
def test_a_protected_stack_asks_for_its_name(
    monkeypatch: pytest.MonkeyPatch, typed: str, confirmed: bool
) -> None:
    prompts: list[str] = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)

    def answer(text: str) -> str:
        prompts.append(text)
        return typed

    monkeypatch.setattr("builtins.input", answer)
    chosen = command_line.read_options(arguments())
    if confirmed:
        chosen.confirm("Dropping it")
    else:
        with pytest.raises(RefusedError, match="not confirmed"):
            chosen.confirm("Dropping it")
    assert prompts == ["Dropping it. Type prod to continue: "]


def test_a_stack_without_protection_and_a_dry_run_do_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    command_line.read_options(arguments("dev")).confirm("x")
    command_line.read_options(arguments(dry_run=True)).confirm("x")
    command_line.read_options(arguments(yes=True)).confirm("x")
    with pytest.raises(RefusedError, match="add --yes"):
        command_line.read_options(arguments()).confirm("x")


@pytest.mark.parametrize("name", ["build", "deploy", "migrate", "rollback", "restore", "relocate"])
def test_an_empty_value_is_refused_as_an_unset_variable(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = {"rollback": "--to-version", "restore": "--at", "relocate": "--as"}.get(name, "--version")
    main = command_module(name).main
    for value in ("", " "):
        with pytest.raises(SystemExit) as ended:
            main(["dev", option, value])
        assert ended.value.code == 2
        assert f"argument {option}: the value is empty (is a variable unset?)" in capsys.readouterr().err
