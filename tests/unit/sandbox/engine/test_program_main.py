"""Tests of the evaluation of a program."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, ParseDict
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2, resource_pb2

from sandbox.engine import program_main


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


def sent(properties: dict[str, Any], project: Path) -> Any:
    """Return the properties in the bytes of a request that has an asset with a path."""
    request = ParseDict({"object": properties}, resource_pb2.RegisterResourceRequest())
    serialize = program_main.resolve_assets(resource_pb2.RegisterResourceRequest.SerializeToString, project)
    data = serialize(request)
    assert MessageToDict(request.object) == properties, "the request itself stays as it is"
    return MessageToDict(resource_pb2.RegisterResourceRequest.FromString(data).object)


def special(kind: str, **members: Any) -> dict[str, Any]:
    """Return a special value as the SDK sends it."""
    return {rpc._special_sig_key: kind, **members}  # pyright: ignore[reportPrivateUsage]


ASSET, ARCHIVE = program_main.ASSETS


@pytest.mark.parametrize("kind", [ASSET, ARCHIVE])
def test_relative_paths_of_files_lead_to_the_projects_folder(kind: str, tmp_path: Path) -> None:
    def path_of(path: str) -> str:
        return sent({"source": special(kind, path=path)}, tmp_path)["source"]["path"]

    assert path_of("fn/../a.zip") == str(tmp_path / "a.zip")
    for path in ("/usr/a.zip", "/usr/link/../a.zip", "//usr/a.zip", ""):
        assert path_of(path) == path, "the engine opens this path as it is"


def test_assets_are_found_in_every_part_of_a_request(tmp_path: Path) -> None:
    asset, text = special(ASSET, path="a.txt"), special(ASSET, text="text")
    archive = special(ARCHIVE, assets={"a": asset, "b": text})
    secret = special(rpc._special_secret_sig, value=archive)  # pyright: ignore[reportPrivateUsage]
    properties = {"list": ["x", [secret]], "path": "a.txt", "map": {"path": "a.txt", "n": 1.0}}
    resolved = sent(properties, tmp_path)
    assets = resolved.pop("list")[1][0]["value"]["assets"]
    assert (assets["a"]["path"], assets["b"]["text"]) == (str(tmp_path / "a.txt"), "text")
    assert resolved == {"path": "a.txt", "map": {"path": "a.txt", "n": 1.0}}, "these are no assets"


def test_requests_without_relative_paths_keep_their_bytes(tmp_path: Path) -> None:
    request = resource_pb2.RegisterResourceRequest(name="asset")
    request.object.update({"source": special(ASSET, path="/usr/a.txt"), "b": 1, "a": 2})
    data = request.SerializeToString()
    assert program_main.resolve_assets(lambda _: data, tmp_path)(request) is data
    # The engine's proxy refuses what nobody can read.
    unreadable = data + b"\xff"
    assert program_main.resolve_assets(lambda _: unreadable, tmp_path)(request) is unreadable


def test_only_finished_debug_messages_are_dropped() -> None:
    answer, request = program_main.answer_debug_message, engine_pb2.LogRequest

    class Request:
        severity = engine_pb2.DEBUG

        def ByteSize(self) -> int:
            raise AssertionError

    assert answer(request(severity=engine_pb2.DEBUG, message="text")) == Empty()
    assert answer(request(severity=engine_pb2.INFO, message="text")) is None
    assert answer(request(severity=engine_pb2.DEBUG, message="text" * 2**16)) is None
    assert answer(Request()) is None, "the SDK's stub refuses this object in a deployment"


def test_the_sdk_stays_as_it_is() -> None:
    code = f"""
        import io, os, runpy, shutil, sys
        import pulumi, pulumi.runtime.resource, pulumi.runtime.stack
        from pulumi.runtime import _grpc_settings
        packages = ("pulumi", "asyncio", "shutil", "grpc")
        names = [name for name in sys.modules if name.split(".")[0] in packages]
        def members():
            return {{(name, key): value for name in names for key, value in vars(sys.modules[name]).items()
                    if key not in ("__builtins__", "SETTINGS")}}
        before, options = members(), list(_grpc_settings._GRPC_CHANNEL_OPTIONS)
        classes = {{name: dict(vars(value)) for name, value in before.items() if isinstance(value, type)}}
        main = runpy.run_path({program_main.__file__!r})
        main["run"].__globals__["run"] = lambda *_: 0
        sys.stdin = open(os.devnull)
        main["main"](main["Path"]("/"))
        after = members()
        assert options == list(_grpc_settings._GRPC_CHANNEL_OPTIONS)
        assert [name for name in before if before[name] is not after.get(name)] == []
        assert [name for name, value in classes.items() if value != dict(vars(after[name]))] == []
    """
    subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(code)], cwd="/", check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux copies files so")
def test_files_are_copied_without_the_system_call(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 2**13)
    code = f"""
        import os, runpy, shutil, socket, sys
        os.sendfile = lambda *_: os._exit(3)
        runpy.run_path({program_main.__file__!r})["copy_files_by_reading"]()
        os.chdir(sys.argv[1])
        shutil.copyfile("a", "b")
        with open("a", "rb") as a, open("c", "wb", buffering=0) as c:
            assert os.sendfile(c.fileno(), a.fileno(), None, 10) == 10
            assert os.sendfile(c.fileno(), a.fileno(), 1, 10) == 10
            left, right = socket.socketpair()
            os.sendfile(left.fileno(), a.fileno(), 0, 10)
    """
    command = [sys.executable, "-P", "-c", textwrap.dedent(code), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 3, "bytes to a socket go the original way"
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    assert (tmp_path / "c").read_bytes() == bytes([*range(10), *range(1, 11)])
