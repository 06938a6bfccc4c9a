"""Tests of the inputs that name files which only a provider's plugin reads."""

from pathlib import Path
from typing import Any

import pytest

from review.stacks.plugin_files import KUBERNETES, PATHS, RELEASE, SOURCES, find_plugin_files
from sandbox.summary import MASK
from sandbox.wire.sentinels import ASSETS, SIGNATURE, UNKNOWN
from tests.support.policies.sdk_types import inputs as inputs_of_sdk
from tests.support.review.stacks import FUNCTION, VPC, resource
from tests.support.rows import each_row

ASSET: dict[str, Any] = {SIGNATURE: ASSETS[0], "hash": "a"}
REMOTE: dict[str, Any] = {"chart": "agent", "repositoryOpts": {"repo": "https://charts.example.com/a"}}
KUBECONFIG = '{"clusters": []}'


def files(kind: str, inputs: dict[str, Any], tree: Path = Path("/nowhere")) -> list[str]:
    return find_plugin_files(resource(kind, "it", inputs), tree)


@each_row(
    "inputs",
    [
        {"chart": "charts/agent"},
        {"chart": "agent"},
        {"chart": "https://charts.example.com/agent.tgz"},
        {"chart": "agent", "repositoryOpts": {"repo": "local"}},
        {"chart": "agent", "repositoryOpts": {"repo": "http://charts.example.com"}},
        {"chart": "agent", "repositoryOpts": {"repo": MASK}},
        # The plugin ignores an address that Go does not parse, and takes the folder.
        {"chart": "charts/agent", "repositoryOpts": {"repo": "https://%zz"}},
        {
            "chart": "charts/agent",
            "repositoryOpts": {"repo": "https://charts.example.com:\u0664\u0664\u0663"},
        },
        {},
    ],
)
def test_a_chart_that_is_not_fetched_from_a_repository_is_a_file(inputs: dict[str, Any]) -> None:
    assert files(RELEASE, inputs) == ["chart"]


def test_a_chart_of_a_repository_is_no_file() -> None:
    assert files(RELEASE, REMOTE) == []
    assert files(RELEASE, {**REMOTE, "postrender": "", "keyring": None, "valueYamlFiles": []}) == []


def test_a_chart_of_a_registry_is_a_file_if_the_tree_has_a_folder_of_this_name(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "oci:" / "registry.example.com" / "agent").mkdir(parents=True)
    (project / "Pulumi.yaml").touch()
    assert files(RELEASE, {"chart": "oci://registry.example.com/agent"}, tmp_path) == ["chart"]
    assert files(RELEASE, {"chart": "oci://registry.example.com/other"}, tmp_path) == []


def test_the_files_of_a_release_are_named() -> None:
    options = {"repo": "https://charts.example.com", "caFile": "ca", "certFile": "c", "keyFile": "k"}
    values = [{**ASSET, "path": "a.yaml"}, {**ASSET, "uri": "https://e.example"}, {**ASSET, "text": "a: 1"}]
    release = {"chart": "agent", "postrender": "hooks/render", "keyring": "k", "repositoryOpts": options}
    assert files(RELEASE, {**release, "valueYamlFiles": values}) == [
        "postrender",
        "keyring",
        "repositoryOpts.caFile",
        "repositoryOpts.certFile",
        "repositoryOpts.keyFile",
        "valueYamlFiles[0].path",
        "valueYamlFiles[1].uri",
    ]
    assert files(RELEASE, {**REMOTE, "postrender": MASK}) == ["postrender"]


@each_row(
    ("kind", "inputs", "names"),
    [
        ("aws:synthetics/canary:Canary", {"zipFile": "a.zip", "name": "a"}, ["zipFile"]),
        ("aws:connect/contactFlow:ContactFlow", {"filename": "a.json"}, ["filename"]),
        ("aws:connect/contactFlow:ContactFlow", {"content": "{}"}, []),
        (FUNCTION, {"code": "a.zip"}, ["code"]),
        (FUNCTION, {"code": {**ASSET, "path": "a.zip"}}, []),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"source": "a", "content": "b"}, ["source"]),
        (
            "cloudflare:index/workersScript:WorkersScript",
            {
                "files": {"a.js": {"contentFile": "a"}, "b": {"contentFile": "b"}},
                "assets": {"directory": "c"},
            },
            ['files["a.js"].contentFile', "files.b.contentFile", "assets.directory"],
        ),
        (
            "cloudflare:index/workerVersion:WorkerVersion",
            {"modules": [{"contentFile": "a"}, {"contentBase64": "b"}]},
            ["modules[0].contentFile"],
        ),
        (VPC, {"filename": "a", "zipFile": "a"}, []),
    ],
)
def test_a_path_that_a_plugin_reads_is_named(kind: str, inputs: dict[str, Any], names: list[str]) -> None:
    assert files(kind, inputs) == names


@pytest.mark.parametrize("path", ["~/.kube/config", "/etc/kubeconfig", "./kube/config", "kube/config"])
def test_the_path_of_a_kubeconfig_is_named(path: str) -> None:
    assert files(KUBERNETES, {"kubeconfig": path}) == ["kubeconfig"]


def test_the_content_of_a_kubeconfig_is_no_file_unless_the_tree_has_one_of_this_name(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    for content in (KUBECONFIG, "clusters: []\nusers: []\n", "", None, UNKNOWN):
        assert files(KUBERNETES, {"kubeconfig": content}, tmp_path) == []
    (tmp_path / KUBECONFIG).touch()
    assert files(KUBERNETES, {"kubeconfig": KUBECONFIG}, tmp_path) == ["kubeconfig"]
    assert files(KUBERNETES, {"kubeconfig": KUBECONFIG + " " * 5000}, tmp_path) == []


def test_the_sdks_have_all_inputs_of_the_tables() -> None:
    for table in (PATHS, SOURCES):
        for kind, names in table.items():
            assert {name.partition(".")[0] for name in names} <= {*(inputs_of_sdk(kind) or ())}, kind
