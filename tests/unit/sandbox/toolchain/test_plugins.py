"""Tests of the choice between plugins and stand-ins, and of the addresses that plugins get."""

import json
import os
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import process
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import downloads, plugin_downloads, plugins
from sandbox.toolchain.builds import cache_folder
from sandbox.wire.targets import Targets
from sandbox.workspace.stacks import Stack, find_stack
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


def find(**options: Any) -> plugins.Plugins:
    return plugins.find(TARGETS, Progress(), Path("/no/engine"), **options)


def test_without_plugins_stand_ins_serve_all_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert find() == plugins.NONE
    expected = (
        "aws, cloudflare, datadog, kubernetes, tls: stand-ins, since no plugin is installed, and none can be "
        "downloaded"
    )
    assert expected in capsys.readouterr().out


def test_a_plugin_on_path_comes_before_the_newest_in_the_folder_of_pulumi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = {"datadog": "4.12.0", "aws": "7.1.0", "cloudflare": "6.2.0"}
    monkeypatch.setattr(plugins, "sdk_version", versions.get)
    folder = tmp_path / "home" / "plugins"
    install(folder / "resource-datadog-v4.9.0", "datadog")
    newest = install(folder / "resource-datadog-v4.10.1", "datadog")
    install(folder / "resource-datadog-v5.0.0", "datadog")  # The SDK has another major version.
    install(folder / "resource-aws-v7.0.0", "aws").chmod(0o600)  # This file is not executable.
    own = install(folder / "resource-cloudflare-v6.2.0", "cloudflare")  # The SDK's version.
    install(folder / "resource-cloudflare-v6.3.0", "cloudflare")
    install(folder / "resource-tls-v5.0.0", "tls")
    on_path = install(tmp_path / "bin", "tls")
    selected = find()
    assert selected.programs == {"datadog": newest, "tls": on_path, "cloudflare": own}
    output = capsys.readouterr().out
    assert f"datadog: {newest}" in output
    assert "aws: stand-ins, since no plugin is installed" in output
    assert "kubernetes: stand-ins, since no SDK and no plugin is installed" in output
    expected = {str(program.parent) for program in (on_path, own, newest)}
    assert set(selected.environment["PATH"].split(os.pathsep)[1:4]) == expected


def test_a_built_plugin_runs_if_no_other_is_installed(tmp_path: Path) -> None:
    built = install(plugins.RECIPE.folder, "kubernetes")
    assert find().programs == {"kubernetes": built}
    other = install(tmp_path / "bin", "kubernetes")
    assert find().programs == {"kubernetes": other}


def test_the_kubernetes_plugin_gets_tokens_of_the_control_plane(tmp_path: Path) -> None:
    plugin = install(tmp_path / "bin", "kubernetes")
    selected = find()
    assert selected.programs == {"kubernetes": plugin} and selected.settings == {}
    assert selected.environment["KUBECONFIG"] == "/control-plane/admin.kubeconfig"
    assert selected.environment["PATH"].split(os.pathsep)[:2] == ["/control-plane/bin", str(plugin.parent)]


def test_without_a_control_plane_kubernetes_is_a_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path / "bin", "kubernetes")
    without = replace(TARGETS, kubeconfig=None)
    assert plugins.find(without, Progress(), Path("/no/engine")) == plugins.NONE
    assert "kubernetes: stand-ins, since no control plane is built" in capsys.readouterr().out


def test_a_plugin_gets_only_addresses_of_the_targets(tmp_path: Path) -> None:
    for package in ("aws", "cloudflare", "datadog"):
        install(tmp_path / "bin", package)
    selected = find()
    assert selected.settings["datadog:apiUrl"] == TARGETS.datadog
    assert selected.settings["cloudflare:baseUrl"] == f"{TARGETS.cloudflare}/client/v4"
    assert selected.environment["AWS_ENDPOINT_URL"] == selected.environment["HTTP_PROXY"] == TARGETS.aws
    assert "HTTP_PROXY" not in plugins.client_environment(TARGETS)  # A shell keeps the caller's proxy.
    assert "http://169.254" not in str(selected)
    addresses = [
        text for text in (*selected.settings.values(), *selected.environment.values()) if "://" in text
    ]
    assert all(text.startswith("http://127.0.0.1:") for text in addresses)


ENGINE = """\
#!/bin/sh
[ "$1 $2 $3" = "plugin install resource" ] || exit 3
echo "$4 $5" >> {log}
case $4 in
  tls) folder=$PULUMI_HOME/plugins/resource-$4-v$5
    mkdir -p $folder; touch $folder/pulumi-resource-$4; chmod +x $folder/pulumi-resource-$4 ;;
  aws) exec sleep 60 ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a `pulumi` that can download only the plugin of tls, and that gets no answer for aws."""
    monkeypatch.delenv(downloads.VARIABLE)
    monkeypatch.setattr(plugin_downloads, "ANSWER_SECONDS", 0.5)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    program = tmp_path / "pulumi"
    program.write_text(ENGINE.format(log=tmp_path / "asked"))
    program.chmod(0o755)
    return program


def asked(tmp_path: Path) -> set[str]:
    """Return the packages for which the engine was asked since the last call."""
    log = tmp_path / "asked"
    packages = {line.split()[0] for line in log.read_text().splitlines()} if log.exists() else set[str]()
    log.unlink(missing_ok=True)
    return packages


def test_missing_plugins_are_downloaded_and_failures_are_asked_again_only_later(
    tmp_path: Path, engine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tls = plugin_downloads.home() / f"plugins/resource-tls-v{plugins.sdk_version('tls')}/pulumi-resource-tls"
    everything = {"aws", "cloudflare", "datadog", "kubernetes", "tls"}
    started = time.monotonic()
    assert plugins.find(TARGETS, Progress(), engine).programs == {"tls": tls}
    assert time.monotonic() - started < 30  # The process that waits for an answer was killed.
    assert asked(tmp_path) == everything
    output = capsys.readouterr().out
    assert "asking `pulumi plugin install` for aws, cloudflare, datadog, kubernetes, tls" in output
    assert f"tls: {tls}" in output
    reason = "no plugin is installed, and none can be downloaded"
    assert f"aws, cloudflare, datadog, kubernetes: stand-ins, since {reason}" in output
    assert list((tmp_path / "cache" / "pipe-infrastructure").glob("plugins-*")) == []

    assert plugins.find(TARGETS, Progress(), engine).programs == {"tls": tls}
    assert asked(tmp_path) == set()
    plugins.find(TARGETS, Progress(), engine, again=True)
    assert asked(tmp_path) == everything - {"tls"}
    later = time.time() + plugin_downloads.VALID_SECONDS
    monkeypatch.setattr("sandbox.toolchain.plugin_downloads.time.time", lambda: later)
    plugins.find(TARGETS, Progress(), engine)
    assert asked(tmp_path) == everything - {"tls"}


def test_nothing_is_asked_if_downloads_are_switched_off(
    tmp_path: Path, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(downloads.VARIABLE, "never")
    assert plugins.find(TARGETS, Progress(), engine) == plugins.NONE
    assert asked(tmp_path) == set()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    root = tmp_path / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (root / "Pulumi.dev.yaml").write_text("config: {}\n")
    stack = find_stack(root, "dev")
    stack.folder.mkdir(parents=True)
    return stack


def set_state(stack: Stack, *resources: str) -> None:
    stack.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    latest = {"resources": [{"urn": urn, "type": "a:b:C"} for urn in resources]}
    stack.checkpoint.write_text(json.dumps({"checkpoint": {"latest": latest}}))


def test_the_choice_stays_while_the_sandbox_has_resources(
    tmp_path: Path, engine: Path, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    def programs(choice: str) -> set[str]:
        return set(plugins.choose(choice, engine, stack, TARGETS, Progress()).programs)

    assert programs("stand-ins") == set()
    set_state(stack, "urn:bucket")
    assert programs("auto") == set() and asked(tmp_path) == set()
    assert "tls: stand-ins, since they created the resources of this sandbox" in capsys.readouterr().out
    assert programs("real") == {"tls"}
    assert programs("auto") == {"tls"}
    set_state(stack)
    assert programs("stand-ins") == set() and programs("auto") == {"tls"}


def test_without_targets_every_package_has_a_stand_in(tmp_path: Path, engine: Path, stack: Stack) -> None:
    assert plugins.choose("auto", engine, stack, None, Progress()) == plugins.NONE
    assert asked(tmp_path) == set()
    message = (
        r"^PROVIDERS=real needs targets, but this stack uses none\. Add TARGETS=all; if the stack has "
        r"resources, run `make clean` first\.$"
    )
    with pytest.raises(CommandError, match=message):
        plugins.choose("real", engine, stack, None, Progress())


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


INSTALLED: dict[str, tuple[str, str, list[str]]] = {
    "datadog": ("Datadog", "apiUrl", ["apiKey", "appKey"]),
    "cloudflare": ("Cloudflare", "baseUrl", ["apiToken"]),
}
"""Packages with the name of the package's class, the setting of its address, and those of its credentials."""


@pytest.mark.drill
def test_installed_plugins_create_their_resources_in_the_local_apis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {package: install(tmp_path / "bin", package) for package in INSTALLED}
    logs = {package: tmp_path / f"{package}.log" for package in INSTALLED}
    for package, (name, url, keys) in INSTALLED.items():
        variables = {"package": package, "name": name, "url": url, "keys": keys, "log": str(logs[package])}
        programs[package].write_text(PLUGIN.format(python=sys.executable, root=str(ROOT), **variables))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}")
    root = tmp_path / "project"
    root.mkdir()
    stack = create_project(root)
    code, output = stack.run("up", "--no-policies", "--providers", "real")
    try:
        assert code == 0, output
        running = targets(stack)
        for package, program in programs.items():
            assert f"{package}: {program}" in output
            assert set(logs[package].read_text().split()) == {getattr(running, package)}
        assert in_targets(running) == in_state(stack)
    finally:
        process.stop(stack.folder)
