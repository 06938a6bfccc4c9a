"""The table of docs/sandbox.md: of each resource type, who checks it and what nobody checks.

Run as a program it writes the table again, from the tables that the targets read: `make schema`.
"""

import tomllib
from pathlib import Path
from typing import Any

from sandbox.clouds.aws import moto_patches

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "sandbox.md"
START = "What moto answers, the sandbox puts right: "
HEAD = "| type | checked by | not checked |\n|---|---|---|\n"

AWS = {
    "moto": "botocore's model, moto, `aws_api.toml`",
    "kept": "botocore's model, `aws_api.toml` (moto lacks it, wholly or in part; the sandbox keeps it)",
}
NOWHERE = "who may do it (IAM decides nothing here), quotas, and how long AWS takes"
"""What nobody checks of any AWS type."""
SERVER = "schema of the release; API server"

KUBERNETES = {
    "apps/v1:Deployment": ("; admission of its pods; its rollout, by KWOK", "images and what runs in them"),
    "autoscaling/v2:HorizontalPodAutoscaler": ("", "scaling: without metrics it keeps its minimum"),
    "batch/v1:CronJob": ("; its Jobs, by the controllers", "what runs in them"),
    "batch/v1:Job": ("; admission and end of its pods, by KWOK", "what runs in them"),
    "core/v1:ConfigMap": ("", "nothing"),
    "core/v1:LimitRange": ("; enforced by admission", "nothing"),
    "core/v1:Namespace": ("; its Pod Security level, by admission; its deletion", "nothing"),
    "core/v1:ResourceQuota": ("; enforced by admission", "nothing"),
    "core/v1:Secret": ("", "nothing"),
    "core/v1:Service": ("; its endpoints, by the controllers", "the load balancer: its address is made up"),
    "core/v1:ServiceAccount": ("", "Pod Identity's credentials"),
    "networking.k8s.io/v1:NetworkPolicy": ("; tests: which pods it selects", "traffic"),
    "policy/v1:PodDisruptionBudget": ("; evictions, by the API server", "nothing"),
}  # fmt: skip


def rows() -> dict[str, tuple[str, str]]:
    """Who checks a type, and what nobody does."""
    found = {
        kind: (AWS[row.get("api", "moto")], "; ".join(filter(None, (row.get("unchecked"), NOWHERE))))
        for kind, row in _table("aws", "calls").items()
        if kind.startswith("aws:")
    }
    for kind, (more, unchecked) in KUBERNETES.items():
        found[f"kubernetes:{kind}"] = (SERVER + more, unchecked)
    found["kubernetes:helm.sh/v3:Release"] = (
        "SDK types; name, version and address of the chart",
        "the chart is not fetched: neither its values nor what it would make",
    )
    for package in ("cloudflare", "datadog", "tls"):
        for kind, row in _table(package)["fidelity"].items():
            found[kind] = (row["checked"], row["unchecked"])
    return {kind: found[kind] for kind in sorted(found) if kind.count(":") == 2}


def _table(package: str, name: str = "resource_types") -> dict[str, Any]:
    return tomllib.loads((ROOT / "sandbox" / "providers" / package / f"{name}.toml").read_text())


def moto() -> str:
    """What is done about moto, as its module says it."""
    [_, said] = (moto_patches.mend.__doc__ or "").split("\n\n")
    said = " ".join(said.split()).replace("It", "it", 1)
    instead, afterwards = (
        ", ".join(f"`{name}`" for name in sorted(names))
        for names in (moto_patches.INSTEAD, moto_patches.AFTERWARDS)
    )
    return (
        f"{START}it answers {instead} in its place, and completes {afterwards}. moto itself is mended: {said}"
    )


def table() -> str:
    """The table in Markdown."""
    return f"{moto()}\n\n{HEAD}" + "".join(
        f"| `{kind}` | {by} | {not_by} |\n" for kind, (by, not_by) in rows().items()
    )


def main() -> None:
    """Write what is the end of the document: about moto, and the table."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(text[: text.index(START)] + table())


if __name__ == "__main__":
    main()
