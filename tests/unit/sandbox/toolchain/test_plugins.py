"""Providers that are installed as plugins, and where they are sent."""

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
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


def test_where_none_is_installed_all_are_stand_ins_and_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = plugins.find(TARGETS, Progress())
    assert (found.programs, found.settings, found.environment) == ({}, {}, {})
    said = capsys.readouterr().out
    for package in ("aws", "cloudflare", "datadog", "kubernetes", "tls"):
        assert f"{package}: a stand-in, as no pulumi-resource-{package} is installed" in said


def test_one_on_path_comes_before_those_in_pulumis_folder_of_which_the_newest_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / "plugins"
    install(folder / "resource-datadog-v4.9.0", "datadog")
    newest = install(folder / "resource-datadog-v4.10.1", "datadog")
    install(folder / "resource-aws-v7.0.0", "aws").chmod(0o600)  # does not run
    install(folder / "resource-tls-v5.0.0", "tls")
    on_path = install(tmp_path / "bin", "tls")
    found = plugins.find(TARGETS, Progress())
    assert found.programs == {"datadog": newest, "tls": on_path}
    assert f"datadog: {newest}" in capsys.readouterr().out
    assert found.environment["PATH"].split(os.pathsep)[1:3] == [str(on_path.parent), str(newest.parent)]


def test_one_that_was_built_here_runs_if_no_other_is_installed(tmp_path: Path) -> None:
    built = install(plugins.RECIPE.folder, "kubernetes")
    assert plugins.find(TARGETS, Progress()).programs == {"kubernetes": built}
    other = install(tmp_path / "bin", "kubernetes")
    assert plugins.find(TARGETS, Progress()).programs == {"kubernetes": other}


def test_kubernetes_plugin_has_an_aws_that_gets_tokens_of_the_control_plane(tmp_path: Path) -> None:
    plugin = install(tmp_path / "bin", "kubernetes")
    found = plugins.find(TARGETS, Progress())
    assert found.programs == {"kubernetes": plugin} and found.settings == {}
    assert found.environment["KUBECONFIG"] == "/control-plane/admin.kubeconfig"
    assert found.environment["PATH"].split(os.pathsep)[:2] == ["/control-plane/bin", str(plugin.parent)]


def test_without_a_control_plane_kubernetes_is_a_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path / "bin", "kubernetes")
    assert plugins.find(replace(TARGETS, kubeconfig=None), Progress()) == plugins.NONE
    assert "kubernetes: a stand-in, as no control plane is built" in capsys.readouterr().out


def test_a_plugin_is_sent_to_the_targets_and_to_nobody_else(tmp_path: Path) -> None:
    for package in ("aws", "cloudflare", "datadog"):
        install(tmp_path / "bin", package)
    found = plugins.find(TARGETS, Progress())
    assert found.settings["datadog:apiUrl"] == TARGETS.datadog
    assert found.settings["cloudflare:baseUrl"] == f"{TARGETS.cloudflare}/client/v4"
    assert found.environment["AWS_ENDPOINT_URL"] == found.environment["HTTP_PROXY"] == TARGETS.aws
    assert "HTTP_PROXY" not in plugins.client_environment(TARGETS)  # of a shell it would be a nuisance
    assert "http://169.254" not in str(found)
    addresses = [text for text in (*found.settings.values(), *found.environment.values()) if "://" in text]
    assert all(text.startswith("http://127.0.0.1:") for text in addresses)


def test_plugins_without_targets_are_refused() -> None:
    with pytest.raises(CommandError, match=r"^PROVIDERS=real needs targets: leave TARGETS=none out\.$"):
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
def test_a_plugin_that_is_installed_makes_its_resources_in_the_sandboxs_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str, url: str, keys: list[str]
) -> None:
    program, log = install(tmp_path / "bin", package), tmp_path / "log"
    asked = {"package": package, "name": name, "url": url, "keys": keys}
    program.write_text(PLUGIN.format(python=sys.executable, root=str(ROOT), log=str(log), **asked))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.defpath}")
    root = tmp_path / "project"
    root.mkdir()
    stack = create_project(root)
    code, said = stack.run("up", "--no-policies", "--providers", "real")
    try:
        assert code == 0, said
        assert f"{package}: {program}" in said
        found = targets(stack)
        assert set(log.read_text().split()) == {getattr(found, package)}
        assert in_targets(found) == in_state(stack)
    finally:
        process.stop(stack.folder)
