"""Where the control plane's programs come from, and what a started one is like."""

import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
import yaml

from sandbox.clouds.kubernetes import control_plane
from sandbox.clouds.kubernetes.api import Api, ApiError
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from sandbox.toolchain.builds import Recipe
from tests.support.sandbox.providers.aws_account import empty_account

NAMES = [name for recipe in control_plane.RECIPES for name in recipe.packages]
ALLOWED_SECONDS = 15


@dataclass
class Machine:
    """A PATH, KUBEBUILDER_ASSETS and cache of the test's own, all empty."""

    assets: Path
    path: Path
    cache: Path

    def program(self, folder: Path, name: str, version: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name
        file.write_text(f'#!/bin/sh\necho "{name} version: v{version}"\n')
        file.chmod(0o755)
        return file

    def all_cached(self) -> dict[str, Path]:
        return {
            name: self.program(recipe.folder, name, recipe.version)
            for recipe in control_plane.RECIPES
            for name in recipe.packages
        }


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path / "assets", tmp_path / "bin", tmp_path / "cache")
    made.path.mkdir()
    monkeypatch.setenv("PATH", str(made.path))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(made.assets))
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.cache))
    return made


def test_programs_come_from_the_assets_then_path_then_the_cache(machine: Machine) -> None:
    cached = machine.all_cached()
    assert control_plane.find() == cached
    on_path = machine.program(machine.path, "kube-apiserver", "1.34.9")
    assert control_plane.find() == cached | {"kube-apiserver": on_path}
    asset = machine.program(machine.assets, "kube-apiserver", "1.34.0")
    assert control_plane.find() == cached | {"kube-apiserver": asset}


@pytest.mark.parametrize("version", ["1.33.9", "1.35.0", "1.340.1"])
def test_another_minor_version_is_left_alone_and_named(machine: Machine, version: str) -> None:
    cached = machine.all_cached()
    skipped = machine.program(machine.assets, "kube-scheduler", version)
    said: list[str] = []
    assert control_plane.find(said.append) == cached
    assert said == [f"{skipped} is version {version}; version 1.34 is needed, so the pinned one is used"]


@pytest.mark.parametrize("name", NAMES)
def test_where_one_is_missing_there_is_none(machine: Machine, tmp_path: Path, name: str) -> None:
    machine.all_cached()[name].unlink()
    assert control_plane.find() is None
    with pytest.raises(CommandError, match="`make control-plane` builds it, once"):
        control_plane.start(tmp_path)


def test_without_go_building_says_what_to_install(machine: Machine) -> None:
    with pytest.raises(CommandError) as fault:
        control_plane.build(Progress())
    assert str(fault.value) == (
        "no kube-apiserver and kube-controller-manager and kube-scheduler and kubectl 1.34.4 in "
        "KUBEBUILDER_ASSETS or on PATH, and no Go to build with. Install Go 1.26 or newer "
        "(https://go.dev/dl/), and run this again."
    )


def test_what_is_missing_is_built(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    cached = machine.all_cached()
    cached["etcd"].unlink()
    go = machine.program(machine.path, "go", "1.26.0")
    go.write_text('#!/bin/sh\necho "#!/bin/sh" > "$4"; echo "echo 3.6.5" >> "$4"; /bin/chmod +x "$4"\n')
    assert control_plane.build(Progress()) == cached
    assert sorted(file.name for file in cached["etcd"].parent.iterdir()) == ["etcd", "lock"]
    said = capsys.readouterr().out
    assert "building etcd 3.6.5 from Go modules, once; half a minute" in said
    assert "building kwok" not in said


def test_the_servers_are_stamped_with_the_pinned_version() -> None:
    kubernetes = control_plane.RECIPES[0]
    major, minor, _ = kubernetes.version.split(".")
    assert f"gitMajor={major} " in kubernetes.flags and kubernetes.flags.endswith(f"gitMinor={minor}")


@pytest.mark.parametrize(
    "recipe", [pulumi_cli.RECIPE, *control_plane.RECIPES], ids=lambda recipe: recipe.name
)
def test_what_is_pinned_names_no_folder_and_no_registry(recipe: Recipe) -> None:
    for file in ("go.mod", "go.sum"):
        text = (recipe.source / file).read_text()
        assert "://" not in text
        assert not re.search(r"(^|\s)\.{0,2}/(?!/)", text, re.MULTILINE)


# A started one


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The folder of a stack whose control plane runs."""
    folder = tmp_path_factory.mktemp("stack")
    control_plane.start(folder)
    yield folder / "control-plane"
    control_plane.stop()


@pytest.fixture
def api(started: Path) -> Api:
    return Api(started / "admin.kubeconfig")


@pytest.mark.drill
def test_it_starts_within_its_time(started: Path) -> None:
    """In the more time as the processors are busier than they can."""
    before = time.monotonic()
    control_plane.start(started.parent)
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    assert time.monotonic() - before < ALLOWED_SECONDS * max(1.0, busy)


@pytest.mark.drill
def test_everything_it_writes_is_for_its_user_only(started: Path) -> None:
    found = [started, *started.rglob("*")]
    assert len(found) > 12
    open_to_others = [file for file in found if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    assert open_to_others == []


def children() -> dict[str, int]:
    """The process of each server that this one has started, by the program's name."""
    started = {each.pid: each.cmdline() for each in psutil.Process().children()}
    return {Path(line[0]).name: pid for pid, line in started.items() if line and Path(line[0]).name in NAMES}


@pytest.mark.drill
def test_nothing_of_it_listens_but_on_loopback(started: Path) -> None:
    listening: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == "0A":
                listening[f"socket:[{words[9]}]"] = words[1].partition(":")[0]
    servers = children()
    assert servers.keys() == set(NAMES) - {"kubectl"}
    for name, pid in servers.items():
        sockets = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
        addresses = {listening[each] for each in sockets & listening.keys()}
        assert addresses <= {"0100007F"}, name


@pytest.mark.drill
def test_no_token_is_in_an_argument(started: Path) -> None:
    tokens = [row.split(",")[0] for row in (started / "tokens.csv").read_text().splitlines()]
    assert len(set(tokens)) == 4
    for pid in children().values():
        arguments = Path(f"/proc/{pid}/cmdline").read_text()
        assert not any(token in arguments for token in tokens)


@pytest.mark.drill
def test_who_has_no_token_is_nobody(started: Path) -> None:
    config = yaml.safe_load((started / "admin.kubeconfig").read_text())
    cluster = config["clusters"][0]["cluster"]
    with urllib3.PoolManager(ca_certs=cluster["certificate-authority"]) as pool:
        for headers in ({}, {"Authorization": "Bearer guessed"}):
            assert (
                pool.request("GET", f"{cluster['server']}/api/v1/namespaces", headers=headers).status == 401
            )


@pytest.mark.drill
def test_secrets_are_not_in_its_files_in_plain_text(started: Path, api: Api) -> None:
    planted = f"planted-{os.urandom(8).hex()}"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"x": planted}}
    api.call("POST", "/api/v1/namespaces/default/secrets", secret)
    config = {**secret, "kind": "ConfigMap", "data": {"x": planted[::-1]}}
    api.call(
        "POST",
        "/api/v1/namespaces/default/configmaps",
        {key: config[key] for key in config if key != "stringData"},
    )
    stored = b"".join(file.read_bytes() for file in started.rglob("*") if file.is_file())
    assert planted[::-1].encode() in stored
    assert planted.encode() not in stored


@pytest.mark.drill
def test_authorization_is_by_role(started: Path) -> None:
    scheduler = Api(started / "kube-scheduler.kubeconfig")
    with pytest.raises(ApiError, match='"system:kube-scheduler" cannot list resource "secrets"'):
        scheduler.call("GET", "/api/v1/secrets")


@pytest.mark.drill
def test_its_nodes_are_those_of_auto_mode_in_three_zones(api: Api) -> None:
    nodes = api.items("/api/v1/nodes")
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert sorted(zones) == [f"ap-northeast-1{letter}" for letter in "aaccdd"]
    for node in nodes:
        assert node["metadata"]["labels"]["karpenter.sh/nodepool"] == "general-purpose"
        assert node["status"]["allocatable"]["cpu"] == "3920m"
        assert int(node["status"]["allocatable"]["pods"]) == 58


@pytest.mark.drill
def test_it_is_of_the_pinned_version(api: Api) -> None:
    assert api.call("GET", "/version")["gitVersion"] == f"v{control_plane.RECIPES[0].version}"


@pytest.mark.drill
def test_the_kubeconfig_that_a_program_makes_of_eks_leads_to_it(started: Path, tmp_path: Path) -> None:
    with empty_account(started / "admin.kubeconfig") as account:
        account.create("cluster")
        found = account.client("eks").describe_cluster(name="pipe-dev")["cluster"]
    cluster = {
        "server": found["endpoint"],
        "certificate-authority-data": found["certificateAuthority"]["data"],
    }
    words = [
        "eks",
        "get-token",
        "--cluster-name",
        "pipe-dev",
        "--region",
        "ap-northeast-1",
        "--output",
        "json",
    ]
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": words,
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
    own = {"HOME": str(tmp_path), "PATH": f"{started / 'bin'}:{os.defpath}"}
    command = [kubectl, f"--kubeconfig={tmp_path / 'kubeconfig'}", "auth", "whoami", "-o", "yaml"]
    done = subprocess.run(command, env=own, capture_output=True, text=True)
    assert "system:masters" in done.stdout, done.stderr
    assert subprocess.run(["aws", "s3", "ls"], env=own, capture_output=True).returncode == 252


@pytest.mark.drill
def test_its_end_leaves_no_process(started: Path) -> None:
    pids = list(children().values())
    control_plane.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    control_plane.start(started.parent)


def test_a_server_that_ends_at_once_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.all_cached()
    ended = r"the control plane failed before its certificate was written: (etcd|kube-apiserver) has ended"
    with pytest.raises(CommandError, match=ended):
        control_plane.start(tmp_path)
    assert children() == {}


@pytest.mark.drill
def test_a_server_that_ends_while_the_others_come_up_is_started_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = control_plane.find() or {}
    wrapper = tmp_path / "kwok"
    wrapper.write_text(f'#!/bin/sh\nmkdir {tmp_path}/once && exit 1\nexec {found["kwok"]} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(control_plane, "find", lambda: {**found, "kwok": wrapper})
    try:
        assert control_plane.start(tmp_path / "stack").exists()
        assert (tmp_path / "once").exists()
        assert "kwok" in children()
    finally:
        control_plane.stop()
