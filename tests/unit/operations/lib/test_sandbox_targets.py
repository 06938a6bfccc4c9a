"""Tests that a script changes only its stack's cluster and account, which it recognizes by identity."""

import argparse
import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import RefusedError
from operations.lib.kubernetes import cluster, cluster_identity
from operations.lib.run_log import perform


def kubeconfig(server: str, authority: str = "", name: str = "it", **more: Any) -> str:
    """Return a kubeconfig of one cluster."""
    entry: dict[str, Any] = {"server": server, **more}
    if authority:
        entry["certificate-authority-data"] = base64.b64encode(authority.encode()).decode()
    return yaml.safe_dump(
        {
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name}}],
            "clusters": [{"name": name, "cluster": entry}],
        }
    )


def test_kubeconfigs_with_the_same_authority_have_the_same_cluster(tmp_path: Path) -> None:
    direct = cluster_identity.of_text(kubeconfig("https://a.eks.amazonaws.com", "authority"))
    tunnel = cluster_identity.of_text(kubeconfig("https://127.0.0.1:8443", "authority\n", "other"))
    namesake = cluster_identity.of_text(kubeconfig("https://a.eks.amazonaws.com", "another"))
    assert direct and tunnel and namesake
    assert direct.is_same(tunnel) and not direct.is_same(namesake)
    (tmp_path / "ca.pem").write_text("authority")
    file = tmp_path / "config"
    file.write_text(kubeconfig("https://b", **{"certificate-authority": "ca.pem"}))
    by_path = cluster_identity.of_files(str(file))
    assert by_path and by_path.is_same(direct)


def test_the_first_existing_kubeconfig_is_used_as_by_kubectl(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(kubeconfig(f"https://{name}", name, name))
    paths = f"{tmp_path}/absent:{tmp_path}/two:{tmp_path}/one"
    identity = cluster_identity.of_files(paths)
    assert identity and identity.server == "https://two"


@pytest.mark.parametrize("text", ["", "[", "a: 1", kubeconfig("")])
def test_an_invalid_kubeconfig_has_no_cluster(text: str) -> None:
    assert cluster_identity.of_text(text) is None


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the folder of a sandbox of dev in a separate checkout."""
    folder = tmp_path / "checkout" / ".sandbox" / "dev"
    (folder / "control-plane").mkdir(parents=True)
    (folder / "control-plane" / "admin.kubeconfig").write_text(kubeconfig("https://127.0.0.1:1", "sandbox"))
    (folder / "targets.json").write_text(
        '{"pid": 1, "aws": "http://127.0.0.1:2", "cloudflare": "http://127.0.0.1:3",'
        ' "datadog": "http://127.0.0.1:4", "kubeconfig": null, "since": 1.0}'
    )
    monkeypatch.setattr(sandbox_targets, "SANDBOXES", folder.parent)
    for name in ("KUBECONFIG", *sandbox_targets.ADDRESSES):
        monkeypatch.delenv(name, raising=False)
    return folder


def chosen(monkeypatch: pytest.MonkeyPatch, target: str) -> Options:
    monkeypatch.setenv("TARGET", target)
    return command_line.read_options(argparse.Namespace(stack="prod", dry_run=True, yes=True))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:2"),
        ("CLOUDFLARE_BASE_URL", "http://127.0.0.1:3/client/v4"),
        ("DD_HOST", "http://127.0.0.1:4"),
    ],
)
def test_a_real_stack_is_refused_if_a_client_would_reach_a_sandbox(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(RefusedError, match=f"lead to the sandbox of dev: {name}"):
        sandbox_targets.check(chosen(monkeypatch, "real"))
    sandbox_targets.check(chosen(monkeypatch, "sandbox"))


def test_a_real_stack_is_refused_with_a_copy_of_a_sandboxs_kubeconfig(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "renamed"
    copied.write_text(kubeconfig("https://localhost:1", "sandbox", "prod"))
    monkeypatch.setenv("KUBECONFIG", str(copied))
    monkeypatch.setattr("operations.lib.run_log.RECORDS", command_line.ROOT / ".runs" / "tests")
    begun: list[str] = []
    code = perform("any", chosen(monkeypatch, "real"), lambda steps: begun.append("") or "done")
    assert (code, begun) == (2, [])
    assert "lead to the sandbox of dev: KUBECONFIG" in capsys.readouterr().err


def test_a_sandbox_of_another_checkout_is_recognised_by_its_path(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox_targets, "SANDBOXES", tmp_path / "mine" / ".sandbox")
    monkeypatch.setenv("KUBECONFIG", str(sandbox / "control-plane" / "admin.kubeconfig"))
    with pytest.raises(RefusedError, match="the sandbox of dev: KUBECONFIG"):
        sandbox_targets.check(chosen(monkeypatch, "real"))


def test_a_kubeconfig_of_another_cluster_than_the_stacks_is_refused(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Use two clusters that are both called prod but have different authorities."""
    mine = tmp_path / "config"
    mine.write_text(kubeconfig("https://old.eks.amazonaws.com", "old", "pipe-prod"))
    monkeypatch.setenv("KUBECONFIG", str(mine))

    class Pulumi(CommandRunner):
        def read(self, *command: str) -> str:
            assert command[:4] == ("pulumi", "stack", "output", "kubeconfig")
            return kubeconfig("https://new.eks.amazonaws.com", "new", "pipe-prod")

    with (
        pytest.raises(RefusedError, match=r"leads to https://old.*, but the cluster of prod is https://new"),
        cluster.connected(Pulumi(print), chosen(monkeypatch, "real")),
    ):
        pass


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("sandbox", "make sandbox STACK=prod"),
        ("real", "pulumi up --refresh --stack prod --policy-pack policies"),
    ],
)
def test_missing_objects_are_restored_by_the_command_of_the_target(
    monkeypatch: pytest.MonkeyPatch, target: str, command: str
) -> None:
    assert sandbox_targets.repair_command(chosen(monkeypatch, target)).startswith(command)


def test_a_stopped_sandbox_is_reported_with_the_command_that_starts_it(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sandbox / "targets.json").unlink()
    with pytest.raises(
        RefusedError, match=r"the sandbox of prod does not run\. Start it: `make sandbox STACK=prod`"
    ):
        sandbox_targets.running(chosen(monkeypatch, "sandbox"))
