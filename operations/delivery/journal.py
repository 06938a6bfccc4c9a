"""Journal of a deployment, with which the next run continues after an interruption.

It is a ConfigMap of the API's namespace. It is not a file that one job of a workflow hands over to the next,
since every job of a run can replace the run's artifacts, also a job that runs tests or code of packages. A
false journal would hide alerts from the health checks, and choose the frontend that a rollback restores.
Writing to the ConfigMap requires permission to change the cluster.
"""

import json
from dataclasses import asdict, dataclass, field, fields

from operations.lib import stack_file
from operations.lib.errors import RefusedError
from operations.lib.kubernetes.cluster import Cluster

NAME = "pipe-deployment"
KEY = "journal.json"


@dataclass
class Journal:
    """The progress of a deployment; after an interruption the next run skips the finished parts."""

    version: str
    """Value of --version; empty without this option."""
    target: str
    """`real` or `sandbox`."""
    before: str
    """Previous image, from the upstream's stack file, since the checkout's stack file may be older."""
    migrates: bool
    """True if the previous image ran its migrations; False if an earlier rollback kept a newer schema."""
    image: str = ""
    """Image to deploy."""
    has_started_frontend: bool = False
    """True once Vercel may serve a new frontend."""
    frontend: bool = False
    """True once Vercel serves the new frontend."""
    previous_frontend: str = ""
    """ID of the Vercel deployment that visitors got before; empty if there was none."""
    alerts: list[str] = field(default_factory=list[str])
    """Monitors that were alerting before the deployment."""
    errors: list[str] = field(default_factory=list[str])
    """Kinds of errors in the API's logs before the deployment."""
    has_baseline: bool = False
    """True once `alerts` and `errors` are recorded."""

    def save(self, cluster: Cluster) -> None:
        """Write the journal to the cluster; a dry run writes nothing."""
        if cluster.runner.dry_run:
            return
        metadata = {"name": NAME, "labels": {"app": "pipe-api"}}
        data = {KEY: json.dumps(asdict(self), indent=1)}
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def read_journal(cluster: Cluster, stack: str) -> Journal | None:
    """Return the journal of an interrupted deployment; None if there is none.

    Refuse a ConfigMap that is not a journal: a new journal would replace the only record of what the
    interrupted run changed.
    """
    config_map = cluster.find(f"configmap/{NAME}")
    if config_map is None:
        return None
    try:
        entries = json.loads(config_map["data"][KEY])
        if missing := {entry.name for entry in fields(Journal)} - set(entries):
            raise KeyError(*missing)
        return Journal(**entries)
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            f"configmap/{NAME} is not a journal of a deployment ({type(error).__name__}); to start a new"
            f" deployment: git checkout {stack_file.path(stack).name} && kubectl --namespace"
            f" {cluster.namespace} delete configmap {NAME}"
        ) from None


def delete_journal(cluster: Cluster) -> None:
    """Delete the journal once the deployment has succeeded or has been rolled back."""
    if not cluster.runner.dry_run:
        cluster.delete(f"configmap/{NAME}")
