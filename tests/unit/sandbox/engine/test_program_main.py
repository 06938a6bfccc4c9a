"""Tests of the evaluation of a program."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import resource, rpc
from pulumi.runtime.stack import ResourceRegistrationFailed

from sandbox.engine import program_main
from sandbox.engine.program_main import outstanding_outputs, wait_for_outputs


def run(check: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine without outputs of other tests, and leave an event loop to them."""
    outstanding_outputs().clear()
    try:
        asyncio.run(check)
    finally:
        outstanding_outputs().clear()
        asyncio.set_event_loop(asyncio.new_event_loop())


async def fail(error: Exception) -> None:
    raise error


def test_it_waits_once_for_each_output(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    wait: Any = asyncio.wait

    async def count(pending: Any, **options: Any) -> Any:
        waits.append(len(pending))
        return await wait(pending, **options)

    monkeypatch.setattr(asyncio, "wait", count)
    later: list[asyncio.Task[int]] = []

    async def give(value: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        if value == 49:
            later.append(asyncio.create_task(give(100, 3)))
            outstanding_outputs().add(later[0])
        return value

    async def check() -> None:
        outputs = {asyncio.create_task(give(value, value)) for value in range(50)}
        outstanding_outputs().update(outputs)
        await wait_for_outputs()
        assert all(output.done() for output in (*outputs, *later))

    run(check())
    assert waits[:2] == [50, 1], "the second wait is for the output that came from another"


@pytest.mark.parametrize("fails_before", [False, True])
def test_the_first_failure_is_raised_while_other_outputs_wait(fails_before: bool) -> None:
    async def check() -> None:
        endless = asyncio.create_task(asyncio.Event().wait())
        failing = asyncio.create_task(fail(ValueError("late")))
        outstanding_outputs().update({endless, failing})
        if fails_before:
            await asyncio.wait([failing])
        with pytest.raises(ValueError, match="late"):
            await asyncio.wait_for(wait_for_outputs(), 10)
        assert not endless.done()
        endless.cancel()

    run(check())


def test_the_program_goes_on_after_the_engine_refused_a_resource() -> None:
    async def check() -> None:
        refused = asyncio.create_task(fail(ResourceRegistrationFailed()))
        other = asyncio.create_task(asyncio.sleep(0.01))
        outstanding_outputs().update({refused, other})
        await wait_for_outputs()
        assert other.done()

    run(check())


def test_a_program_finds_the_imported_modules_of_a_deployment() -> None:
    # The imports of pulumi/pulumi, sdk/python/cmd/pulumi-language-python-exec.
    deployment = """
        import argparse, asyncio, inspect, logging, os, sys, traceback, runpy
        from typing import Optional
        from concurrent.futures import ThreadPoolExecutor
        import pulumi
        import pulumi.runtime
    """
    review = f"import runpy, sys; runpy.run_path({program_main.__file__!r})"
    modules = [
        subprocess.run(
            [sys.executable, "-P", "-c", f"{textwrap.dedent(code)}\nprint(*sorted(sys.modules))"],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for code in (deployment, review)
    ]
    assert modules[0] == modules[1]


def test_relative_paths_of_files_lead_to_the_projects_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rpc, resource):
        monkeypatch.setattr(module, "serialize_property", rpc.serialize_property)  # restored after the test
    program_main.resolve_assets(tmp_path)

    async def sent(value: Any) -> Any:
        return await rpc.serialize_property(value, [], None)

    async def check() -> None:
        kinds: tuple[Any, ...] = (pulumi.FileAsset, pulumi.FileArchive)
        for kind in kinds:
            asset = kind("fn/../a.zip")
            assert (await sent(asset))["path"] == str(tmp_path / "a.zip")
            assert asset.path == "fn/../a.zip", "the program sees the path that it has given"
            for path in ("/usr/a.zip", "/usr/link/../a.zip", "//usr/a.zip", ""):
                assert (await sent(kind(path)))["path"] == path, "the engine opens this path as it is"
        assert (await sent(pulumi.FileAsset(Path("a.txt"))))["path"] == str(tmp_path / "a.txt")
        archive = pulumi.AssetArchive({"a": pulumi.FileAsset("a.txt"), "b": pulumi.StringAsset("text")})
        assets = (await sent({"list": [archive]}))["list"][0]["assets"]
        assert (assets["a"]["path"], assets["b"]["text"]) == (str(tmp_path / "a.txt"), "text")

    run(check())
