"""Tests of the search for the control plane's programs, and of a running control plane."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
import yaml

from sandbox.clouds.kubernetes import control_plane
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from sandbox.toolchain.builds import Recipe
from sandbox.wire.kubernetes_api import Api, ApiError
from tests.support.sandbox.providers.aws_account import empty_account

NAMES = [name for recipe in control_plane.RECIPES for name in recipe.packages]


@dataclass
class Machine:
    """The folders for PATH, KUBEBUILDER_ASSETS and the cache, which are empty at first."""

    assets: Path
    path: Path
    cache: Path

    def write_program(self, folder: Path, name: str, version: str) -> Path:
        """Write a program that prints a version."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name
        file.write_text(f'#!/bin/sh\necho "{name} version: v{version}"\n')
        file.chmod(0o755)
        return file

    def fill_cache(self) -> dict[str, Path]:
        """Write every program of the control plane to the cache; return the paths of the programs."""
        return {
            name: self.write_program(recipe.folder, name, recipe.version)
            for recipe in control_plane.RECIPES
            for name in recipe.packages
        }


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folders = Machine(tmp_path / "assets", tmp_path / "bin", tmp_path / "cache")
    folders.path.mkdir()
    monkeypatch.setenv("PATH", str(folders.path))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folders.assets))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders.cache))
    return folders


def test_programs_come_from_the_assets_then_path_then_the_cache(machine: Machine) -> None:
    cached = machine.fill_cache()
    assert control_plane.find() == cached
    on_path = machine.write_program(machine.path, "kube-apiserver", "1.34.9")
    assert control_plane.find() == cached | {"kube-apiserver": on_path}
    asset = machine.write_program(machine.assets, "kube-apiserver", "1.34.0")
    assert control_plane.find() == cached | {"kube-apiserver": asset}


@pytest.mark.parametrize("version", ["1.33.9", "1.35.0", "1.340.1"])
def test_a_program_of_another_minor_version_is_skipped_and_reported(machine: Machine, version: str) -> None:
    cached = machine.fill_cache()
    skipped = machine.write_program(machine.assets, "kube-scheduler", version)
    messages: list[str] = []
    assert control_plane.find(messages.append) == cached
    assert messages == [f"{skipped} is version {version}; version 1.34 is needed, so the pinned one is used"]


@pytest.mark.parametrize("name", NAMES)
def test_no_program_is_found_where_one_is_missing(machine: Machine, tmp_path: Path, name: str) -> None:
    machine.fill_cache()[name].unlink()
    assert control_plane.find() is None
    with pytest.raises(CommandError, match="run `make control-plane` once to build it"):
        control_plane.start(tmp_path)


def test_a_build_without_go_names_what_to_install(machine: Machine) -> None:
    with pytest.raises(CommandError) as fault:
        control_plane.build(Progress())
    assert str(fault.value) == (
        "no kube-apiserver and kube-controller-manager and kube-scheduler and kubectl 1.34.4 in "
        "KUBEBUILDER_ASSETS or on PATH, and no Go to build with. Install Go 1.26 or newer "
        "(https://go.dev/dl/), and run this again."
    )


def test_a_missing_program_is_built(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    cached = machine.fill_cache()
    cached["etcd"].unlink()
    go = machine.write_program(machine.path, "go", "1.26.0")
    go.write_text('#!/bin/sh\necho "#!/bin/sh" > "$4"; echo "echo 3.6.5" >> "$4"; /bin/chmod +x "$4"\n')
    assert control_plane.build(Progress()) == cached
    assert sorted(file.name for file in cached["etcd"].parent.iterdir()) == ["etcd", "lock"]
    output = capsys.readouterr().out
    assert "building etcd 3.6.5 from Go modules, once; half a minute" in output
    assert "building kwok" not in output


def test_the_servers_are_stamped_with_the_pinned_version() -> None:
    kubernetes = control_plane.RECIPES[0]
    major, minor, _ = kubernetes.version.split(".")
    assert f"gitMajor={major} " in kubernetes.flags and kubernetes.flags.endswith(f"gitMinor={minor}")


@pytest.mark.parametrize(
    "recipe", [pulumi_cli.RECIPE, *control_plane.RECIPES], ids=lambda recipe: recipe.name
)
def test_the_pinned_modules_name_no_folder_and_no_registry(recipe: Recipe) -> None:
    for file in ("go.mod", "go.sum"):
        text = (recipe.source / file).read_text()
        assert "://" not in text
        assert not re.search(r"(^|\s)\.{0,2}/(?!/)", text, re.MULTILINE)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Start a control plane and return its data folder."""
    folder = tmp_path_factory.mktemp("stack")
    control_plane.start(folder)
    yield folder / "control-plane"
    control_plane.stop()


@pytest.fixture
def api(started: Path) -> Api:
    return Api(started / "admin.kubeconfig")


@pytest.mark.drill
def test_only_its_user_can_read_its_files(started: Path) -> None:
    files = [started, *started.rglob("*")]
    assert len(files) > 12
    open_to_others = [file for file in files if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    assert open_to_others == []


def children() -> dict[str, int]:
    """Return the PID of each server that this process has started, by the program's name."""
    servers: dict[str, int] = {}
    for child in psutil.Process().children():
        # An earlier test may have left a process whose end nobody has read.
        command = [] if child.status() == psutil.STATUS_ZOMBIE else child.cmdline()
        if command and Path(command[0]).name in NAMES:
            servers[Path(command[0]).name] = child.pid
    return servers


@pytest.mark.drill
def test_the_servers_listen_only_on_loopback(started: Path) -> None:
    servers = children()
    assert servers.keys() == set(NAMES) - {"kubectl"}
    for name, pid in servers.items():
        connections = psutil.Process(pid).net_connections("inet")
        addresses = {socket.laddr[0] for socket in connections if socket.status == psutil.CONN_LISTEN}
        assert addresses <= {"127.0.0.1"}, name


@pytest.mark.drill
def test_no_token_is_in_an_argument(started: Path) -> None:
    tokens = [row.split(",")[0] for row in (started / "tokens.csv").read_text().splitlines()]
    assert len(set(tokens)) == 4
    for pid in children().values():
        arguments = Path(f"/proc/{pid}/cmdline").read_text()
        assert not any(token in arguments for token in tokens)


@pytest.mark.drill
def test_a_request_without_a_valid_token_is_refused(started: Path) -> None:
    config = yaml.safe_load((started / "admin.kubeconfig").read_text())
    cluster = config["clusters"][0]["cluster"]
    with urllib3.PoolManager(ca_certs=cluster["certificate-authority"]) as pool:
        for headers in ({}, {"Authorization": "Bearer guessed"}):
            response = pool.request("GET", f"{cluster['server']}/api/v1/namespaces", headers=headers)
            assert response.status == 401


@pytest.mark.drill
def test_no_secret_is_stored_in_plain_text(started: Path, api: Api) -> None:
    planted = f"planted-{os.urandom(8).hex()}"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"x": planted}}
    api.call("POST", "/api/v1/namespaces/default/secrets", secret)
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x"},
        "data": {"x": planted[::-1]},
    }
    api.call("POST", "/api/v1/namespaces/default/configmaps", config_map)
    stored = b"".join(file.read_bytes() for file in started.rglob("*") if file.is_file())
    assert planted[::-1].encode() in stored
    assert planted.encode() not in stored


@pytest.mark.drill
def test_authorization_is_by_role(started: Path) -> None:
    scheduler = Api(started / "kube-scheduler.kubeconfig")
    with pytest.raises(ApiError, match='"system:kube-scheduler" cannot list resource "secrets"'):
        scheduler.call("GET", "/api/v1/secrets")


@pytest.mark.drill
def test_each_of_three_zones_has_two_nodes(api: Api) -> None:
    nodes = api.items("/api/v1/nodes")
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert sorted(zones) == [f"ap-northeast-1{letter}" for letter in "aaccdd"]


@pytest.mark.drill
def test_the_server_has_the_pinned_version(api: Api) -> None:
    assert api.call("GET", "/version")["gitVersion"] == f"v{control_plane.RECIPES[0].version}"


@pytest.mark.drill
def test_a_kubeconfig_with_the_outputs_of_an_eks_cluster_reaches_the_control_plane(
    started: Path, tmp_path: Path
) -> None:
    with empty_account(started / "admin.kubeconfig") as account:
        account.create("cluster")
        description = account.client("eks").describe_cluster(name="pipe-dev")["cluster"]
    cluster = {
        "server": description["endpoint"],
        "certificate-authority-data": description["certificateAuthority"]["data"],
    }
    arguments = ["eks", "get-token", "--cluster-name", "pipe-dev"]
    arguments += ["--region", "ap-northeast-1", "--output", "json"]
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": arguments,
        "interactiveMode": "Never",
    }
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": {"exec": token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    kubectl = (control_plane.find() or {})["kubectl"]
    environment = {"HOME": str(tmp_path), "PATH": f"{started / 'bin'}:{os.defpath}"}
    command = [kubectl, f"--kubeconfig={tmp_path / 'kubeconfig'}", "auth", "whoami", "-o", "yaml"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "system:masters" in result.stdout, result.stderr
    assert subprocess.run(["aws", "s3", "ls"], env=environment, capture_output=True).returncode == 252


@pytest.mark.drill
def test_a_stop_leaves_no_process(started: Path) -> None:
    pids = list(children().values())
    control_plane.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    control_plane.start(started.parent)


def test_a_server_that_ends_at_once_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.fill_cache()
    message = r"the control plane failed before its certificate was written: (etcd|kube-apiserver) has ended"
    with pytest.raises(CommandError, match=message):
        control_plane.start(tmp_path)
    assert children() == {}


@pytest.mark.drill
def test_a_server_that_ends_while_the_others_come_up_is_started_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = control_plane.find() or {}
    wrapper = tmp_path / "kwok"
    wrapper.write_text(f'#!/bin/sh\nmkdir {tmp_path}/once && exit 1\nexec {programs["kwok"]} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(control_plane, "find", lambda: {**programs, "kwok": wrapper})
    try:
        assert control_plane.start(tmp_path / "stack").exists()
        assert (tmp_path / "once").exists()
        assert "kwok" in children()
    finally:
        control_plane.stop()
