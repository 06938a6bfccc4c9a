"""A generator of the tables in docs/fidelity.md, which list each resource type's checks and their limits.

`make schema` runs this module, which rewrites the end of the document from the providers' tables.
"""

import inspect
import tomllib
from pathlib import Path
from typing import Any

from sandbox.clouds.aws import moto_patches
from sandbox.clouds.aws.api import EMULATED_SERVICES
from sandbox.clouds.aws.registry import REGISTRY
from sandbox.providers.aws.calls import CALLS

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "fidelity.md"
START = "## moto\n"
HEAD = "| type | checked by | not checked |\n|---|---|---|\n"

AWS_CHECKS = {
    False: "botocore's model, moto, the sandbox's refusals",
    True: "botocore's model, the sandbox's emulation and refusals (moto lacks the type or a part of it)",
}
"""The checks of an AWS type that moto handles, and of one that the sandbox emulates."""

KUBERNETES_CHECKS = "schema of the release; API server"

AUTO_MODE_CHECKS = "schema of auto_mode.yaml, from the documentation; API server"
"""The checks of the kinds that EKS Auto Mode installs."""

AUTO_MODE = {
    "eks.amazonaws.com/v1:NodeClass": "whether role, subnets and security groups exist; nothing acts on it",
    "karpenter.sh/v1:NodePool": "nothing acts on it: nodes.yaml declares the sandbox's nodes",
}
"""The limits of the checks of these kinds."""

KUBERNETES = {
    "apps/v1:Deployment": ("admission of its pods; its rollout, by KWOK", "images and the programs in them"),
    "autoscaling/v2:HorizontalPodAutoscaler": ("", "scaling: without metrics, the number of pods stays"),
    "batch/v1:CronJob": ("its Jobs, by the controllers", "the programs in them"),
    "batch/v1:Job": ("admission of its pods; their completion, by KWOK", "the programs in them"),
    "core/v1:ConfigMap": ("", "nothing"),
    "core/v1:LimitRange": ("enforced by admission", "nothing"),
    "core/v1:Namespace": ("its Pod Security level, by admission; its deletion", "nothing"),
    "core/v1:ResourceQuota": ("enforced by admission", "nothing"),
    "core/v1:Secret": ("", "nothing"),
    "core/v1:Service": (
        "its endpoints, by the controllers",
        "the load balancer, which has only a simulated address",
    ),
    "core/v1:ServiceAccount": ("", "Pod Identity's credentials"),
    "networking.k8s.io/v1:NetworkPolicy": ("the pods that it selects, by tests", "traffic"),
    "policy/v1:PodDisruptionBudget": ("evictions, by the API server", "nothing"),
}
"""The additional checks of each Kubernetes type, and the limits of the checks."""


def rows() -> dict[str, tuple[str, str]]:
    """Return the checks of each resource type and the limits of these checks."""
    checks: dict[str, tuple[str, str]] = {}
    for kind, calls in CALLS.items():
        checks[kind] = (AWS_CHECKS[calls.is_emulated], calls.unchecked)
    for kind, (more, unchecked) in KUBERNETES.items():
        checks[f"kubernetes:{kind}"] = ("; ".join(filter(None, (KUBERNETES_CHECKS, more))), unchecked)
    for kind, unchecked in AUTO_MODE.items():
        checks[f"kubernetes:{kind}"] = (AUTO_MODE_CHECKS, unchecked)
    checks["kubernetes:helm.sh/v3:Release"] = (
        "SDK types; name, version and address of the chart",
        "the chart, which is not fetched: its values and its resources",
    )
    for package in ("cloudflare", "datadog", "tls"):
        for kind, row in _table(package)["fidelity"].items():
            checks[kind] = (row["checked"], row["unchecked"])
    return {kind: checks[kind] for kind in sorted(checks) if kind.count(":") == 2}


def _table(package: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "sandbox" / "providers" / package / "resource_types.toml").read_text())


def moto_section() -> str:
    """Return the Markdown section about the differences between moto and AWS."""
    docstring = inspect.getdoc(moto_patches.apply_patches) or ""
    faults = "\n".join(line for line in docstring.splitlines() if line.startswith("- "))
    emulated = [name for name in REGISTRY.emulations if name.partition(":")[0] not in EMULATED_SERVICES]
    replaced = ", ".join(f"`{name}`" for name in sorted(emulated))
    completed = ", ".join(f"`{name}`" for name in sorted(REGISTRY.completed_operations()))
    return (
        f"{START}\nThe sandbox corrects moto where it differs from AWS (`sandbox/clouds/aws`).\n\n"
        f"- It handles these actions in place of moto: {replaced}.\n"
        f"- It completes these actions after moto: {completed}.\n\n"
        "It also patches moto itself (`sandbox/clouds/aws/moto_patches.py`). Without the patches, moto:\n\n"
        f"{faults}\n"
    )


def generated_end() -> str:
    """Return the generated end of the document."""
    lines = [f"| `{kind}` | {checked} | {unchecked} |\n" for kind, (checked, unchecked) in rows().items()]
    return f"{moto_section()}\n## Resource types\n\n{HEAD}{''.join(lines)}"


def main() -> None:
    """Replace the end of the document with the generated text."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(text[: text.index(START)] + generated_end())


if __name__ == "__main__":
    main()
