"""Tests of installed provider plugins, and of the addresses that they get."""

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.clouds import process
from sandbox.clouds.process import Targets
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import plugins
from sandbox.toolchain.builds import cache_folder
from tests.support.sandbox.all_providers_project import create_project
from tests.support.sandbox.inventory import in_state, in_targets, targets
from tests.support.stacks import ROOT

TARGETS = Targets(
    1,
    "http://127.0.0.1:1",
    "http://127.0.0.1:2",
    "http://127.0.0.1:3",
    Path("/control-plane/admin.kubeconfig"),
    0.0,
)


@pytest.fixture(autouse=True)
def no_installed_plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the machine's plugins, but keep the built programs in the cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    (cache := tmp_path / "cache" / "pipe-infrastructure").mkdir(parents=True)
    for folder in cache_folder().iterdir():
        if not folder.name.startswith(plugins.RECIPE.name):
            (cache / folder.name).symlink_to(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def install(folder: Path, package: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"pulumi-resource-{package}"
    program.touch(stat.S_IRWXU)
    return program


def test_without_plugins_stand_ins_serve_all_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert plugins.find(TARGETS, Progress()) == plugins.NONE
    output = capsys.readouterr().out
    for package in ("aws", "cloudflare", "datadog", "kubernetes", "tls"):
        assert f"{package}: a stand-in, as no pulumi-resource-{package} is installed" in output


def test_a_plugin_on_path_comes_before_the_newest_in_the_folder_of_pulumi(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / "plugins"
    install(folder / "resource-datadog-v4.9.0", "datadog")
    newest = install(folder / "resource-datadog-v4.10.1", "datadog")
    install(folder / "resource-aws-v7.0.0", "aws").chmod(0o600)  # This file is not executable.
    install(folder / "resource-tls-v5.0.0", "tls")
    on_path = install(tmp_path / "bin", "tls")
    selected = plugins.find(TARGETS, Progress())
    assert selected.programs == {"datadog": newest, "tls": on_path}
    assert f"datadog: {newest}" in capsys.readouterr().out
    assert selected.environment["PATH"].split(os.pathsep)[1:3] == [str(on_path.parent), str(newest.parent)]


def test_a_built_plugin_runs_if_no_other_is_installed(tmp_path: Path) -> None:
    built = install(plugins.RECIPE.folder, "kubernetes")
    assert plugins.find(TARGETS, Progress()).programs == {"kubernetes": built}
    other = install(tmp_path / "bin", "kubernetes")
    assert plugins.find(TARGETS, Progress()).programs == {"kubernetes": other}


def test_the_kubernetes_plugin_gets_tokens_of_the_control_plane(tmp_path: Path) -> None:
    plugin = install(tmp_path / "bin", "kubernetes")
    selected = plugins.find(TARGETS, Progress())
    assert selected.programs == {"kubernetes": plugin} and selected.settings == {}
    assert selected.environment["KUBECONFIG"] == "/control-plane/admin.kubeconfig"
    assert selected.environment["PATH"].split(os.pathsep)[:2] == ["/control-plane/bin", str(plugin.parent)]


def test_without_a_control_plane_kubernetes_is_a_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path / "bin", "kubernetes")
    assert plugins.find(replace(TARGETS, kubeconfig=None), Progress()) == plugins.NONE
    assert "kubernetes: a stand-in, as no control plane is built" in capsys.readouterr().out


def test_a_plugin_gets_only_addresses_of_the_targets(tmp_path: Path) -> None:
    for package in ("aws", "cloudflare", "datadog"):
        install(tmp_path / "bin", package)
    selected = plugins.find(TARGETS, Progress())
    assert selected.settings["datadog:apiUrl"] == TARGETS.datadog
    assert selected.settings["cloudflare:baseUrl"] == f"{TARGETS.cloudflare}/client/v4"
    assert selected.environment["AWS_ENDPOINT_URL"] == selected.environment["HTTP_PROXY"] == TARGETS.aws
    assert "HTTP_PROXY" not in plugins.client_environment(TARGETS)  # A shell keeps the caller's proxy.
    assert "http://169.254" not in str(selected)
    addresses = [
        text for text in (*selected.settings.values(), *selected.environment.values()) if "://" in text
    ]
    assert all(text.startswith("http://127.0.0.1:") for text in addresses)


def test_plugins_without_targets_are_refused() -> None:
    message = r"^PROVIDERS=real needs targets, and this stack uses none: make clean, or add TARGETS=all\.$"
    with pytest.raises(CommandError, match=message):
        plugins.find(None, Progress())


PLUGIN = """\
#!{python} -u
import os, sys, threading
sys.path.insert(0, {root!r})
from concurrent.futures import ThreadPoolExecutor
import grpc
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server
from sandbox.providers.{package}.package import {name}, {name}Target
from sandbox.providers.provider import Provider

class Plugin(Provider):
    def Configure(self, request, context):
        settings = {{key: value.string_value for key, value in request.args.fields.items()}}
        url = settings[{url!r}].removesuffix("/client/v4")
        self._target = {name}Target(url)
        assert all(settings[key] for key in {keys!r})
        open({log!r}, "a").write(url + chr(10))
        return super().Configure(request, context)

server = grpc.server(ThreadPoolExecutor(4))
add_ResourceProviderServicer_to_server(Plugin({name}({package!r}), None), server)
print(server.add_insecure_port("127.0.0.1:0"))
server.start()
threading.Event().wait()
"""


@pytest.mark.drill
@pytest.mark.parametrize(
    ("package", "name", "url", "keys"),
    [
        ("datadog", "Datadog", "apiUrl", ["apiKey", "appKey"]),
        ("cloudflare", "Cloudflare", "baseUrl", ["apiToken"]),
    ],
)
def test_an_installed_plugin_creates_its_resources_in_the_local_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str, url: str, keys: list[str]
) -> None:
    program, log = install(tmp_path / "bin", package), tmp_path / "log"
    variables = {"package": package, "name": name, "url": url, "keys": keys}
    program.write_text(PLUGIN.format(python=sys.executable, root=str(ROOT), log=str(log), **variables))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.defpath}")
    root = tmp_path / "project"
    root.mkdir()
    stack = create_project(root)
    code, output = stack.run("up", "--no-policies", "--providers", "real")
    try:
        assert code == 0, output
        assert f"{package}: {program}" in output
        running = targets(stack)
        assert set(log.read_text().split()) == {getattr(running, package)}
        assert in_targets(running) == in_state(stack)
    finally:
        process.stop(stack.folder)
