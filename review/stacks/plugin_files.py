"""Inputs that name files which a provider's plugin reads on the machine of the deployment.

The engine neither reads such a file nor has its hash, so a state shows the path only. A change of the content
is no change of the resource in a review, but the plugin finds it. Assets are no such inputs: the engine
computes their hashes.
"""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from review.plain_data import PATH_STEP, as_text, decode_key, is_empty, is_map
from review.stacks.resources import PROVIDERS, Resource
from review.stacks.value_parts import leaves
from sandbox.summary import LATER

RELEASE = "kubernetes:helm.sh/v3:Release"

SOURCES: Mapping[str, frozenset[str]] = {RELEASE: frozenset({"chart", "version", "devel", "repositoryOpts"})}
"""Inputs that name the source from which a plugin takes the objects to create, by type."""

PATHS: Mapping[str, frozenset[str]] = {
    # pulumi-kubernetes, provider/pkg/provider/helm_release.go: decodeRelease, helmTemplate and
    # chartPathOptionsFromRelease. A file of values is an asset, but a report would show only its hash.
    RELEASE: frozenset(
        {"postrender", "keyring", "valueYamlFiles", "valueYamlFiles.path", "valueYamlFiles.uri"}
        | {"repositoryOpts.caFile", "repositoryOpts.certFile", "repositoryOpts.keyFile"}
    ),
    # hashicorp/terraform-provider-aws, internal/service: synthetics/canary.go, gamelift/script.go,
    # connect/contact_flow.go, connect/contact_flow_module.go and rds/custom_db_engine_version.go.
    "aws:synthetics/canary:Canary": frozenset({"zipFile"}),
    "aws:gamelift/script:Script": frozenset({"zipFile"}),
    "aws:connect/contactFlow:ContactFlow": frozenset({"filename"}),
    "aws:connect/contactFlowModule:ContactFlowModule": frozenset({"filename"}),
    "aws:rds/customDbEngineVersion:CustomDbEngineVersion": frozenset({"filename"}),
    # Assets, which pulumi-aws writes to a file whose path it passes on. A text in place of an asset is passed
    # on as it is (pulumi-terraform-bridge, pkg/tfbridge/schema.go and assets.go).
    "aws:lambda/function:Function": frozenset({"code"}),
    "aws:lambda/layerVersion:LayerVersion": frozenset({"code"}),
    "aws:s3/bucketObject:BucketObject": frozenset({"source"}),
    "aws:s3/bucketObjectv2:BucketObjectv2": frozenset({"source"}),
    # pulumi_cloudflare/_inputs.py and workers_script.py: "Path to …". The program chooses the hash beside it.
    **dict.fromkeys(
        ("cloudflare:index/workersScript:WorkersScript", "cloudflare:index/workerScript:WorkerScript"),
        frozenset({"contentFile", "assets.directory", "files.*.contentFile"}),
    ),
    "cloudflare:index/workerVersion:WorkerVersion": frozenset({"assets.directory", "modules.contentFile"}),
}
"""Inputs with the path of a file or a program, by type. Lists have no index, and `*` is any key of a map."""

ANY = "*"

KUBERNETES = f"{PROVIDERS}kubernetes"
"""The type of a provider whose kubeconfig is the content of a file or its path."""

REGISTRY = "oci://"
"""Start of the name of a chart in a registry (helm/helm, pkg/registry: IsOCI)."""

REPOSITORY = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?")
"""Addresses of repositories that Go parses. Otherwise the plugin ignores the address if the name of the chart
has a slash (pulumi-kubernetes, provider/pkg/provider/helm_release.go: resolveChartName).
"""


def find_plugin_files(resource: Resource, tree: Path) -> list[str]:
    """Return the paths of the inputs that name files which the plugin reads.

    `tree` has the program's files.
    """
    names = PATHS.get(resource.type, frozenset[str]())
    files = [
        path
        for name, content in (resource.values.items() if names else ())
        for path, value in leaves(name, content)
        if not is_empty(value) and _matches(path, names)
    ]
    if resource.type == RELEASE and not _is_remote_chart(resource, tree):
        files.append("chart")
    if resource.type == KUBERNETES and _is_path(as_text(resource.values.get("kubeconfig")) or "", tree):
        files.append("kubeconfig")
    return files


def _matches(path: str, names: frozenset[str]) -> bool:
    """Return True if one of the names leads to a path of which the indexes of lists do not count."""
    steps = [name or decode_key(key) for key, index, name in PATH_STEP.findall(path) if not index]
    return any(
        len(steps) == len(parts) and all(part in (ANY, step) for part, step in zip(parts, steps, strict=True))
        for parts in (name.split(".") for name in names)
    )


def _is_remote_chart(release: Resource, tree: Path) -> bool:
    """Return True if Helm fetches a chart from a repository or a registry.

    Without the address of a repository, pulumi-kubernetes first looks for a folder or an archive of the name,
    also if the name starts with `oci://` (provider/pkg/provider/helm_release.go: resolveChartName,
    locateChart and localChart).
    """
    chart = as_text(release.values.get("chart")) or ""
    repository = release.values.get("repositoryOpts")
    address = (as_text(repository.get("repo")) or "") if is_map(repository) else ""
    if chart.strip().startswith(REGISTRY):
        return not _exists(chart.strip(), tree)
    return bool(REPOSITORY.fullmatch(address))


def _is_path(kubeconfig: str, tree: Path) -> bool:
    """Return True if a setting is the path of a kubeconfig and not its content, YAML or JSON.

    pulumi-kubernetes reads the file if there is one (provider/pkg/provider/kubeconfig.go).
    """
    is_content = "\n" in kubeconfig or kubeconfig.startswith("{") or kubeconfig == LATER
    return bool(kubeconfig) and (not is_content or _exists(kubeconfig, tree))


def _exists(path: str, tree: Path) -> bool:
    """Return True if a project of the tree has a file or folder at a path; plugins run in its folder."""
    return any(os.path.lexists(folder / path) for folder in _projects(tree))


@cache
def _projects(tree: Path) -> list[Path]:
    return [file.parent for file in tree.rglob("Pulumi.yaml")]
