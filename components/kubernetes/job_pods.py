"""Pods of the data jobs, and the deadlines of the jobs that run them."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes import pods

RESTART = "Never"
"""Restart policy with which a failed pod keeps its log, and each retry uses a new pod."""
MASTER_SIZE = "1Mi"
"""Size limit of the in-memory volume for the file with the master user's connection, about 300 bytes."""
TEMPORARY_SIZE = "256Mi"
"""Size limit of /tmp in each container."""


def pod_spec(
    account: kubernetes.core.v1.ServiceAccount,
    container: kubernetes.core.v1.ContainerArgs,
    volumes: Sequence[kubernetes.core.v1.VolumeArgs],
    *,
    init: Sequence[kubernetes.core.v1.ContainerArgs] | None = None,
) -> kubernetes.core.v1.PodSpecArgs:
    """Build the spec of a pod that runs the containers of `init` in turn, then `container`, and ends."""
    return pods.pod_spec(
        account,
        [container],
        init=init,
        restart=RESTART,
        volumes=[*volumes, pods.scratch_volume("tmp", TEMPORARY_SIZE)],
    )


def job_spec(
    job: pods.Workload,
    image: str,
    pod: kubernetes.core.v1.PodSpecArgs,
    *,
    seconds: int,
    retries: int,
    checksums: Mapping[str, pulumi.Input[str]] | None = None,
) -> kubernetes.batch.v1.JobSpecArgs:
    """Build the spec of a Job that may take `seconds`, with its retries.

    Its pod keeps its node, and gets the version of `image` as a label and `checksums` as annotations.
    """
    annotations = {**pods.KEEP_NODE, **(checksums or {})}
    return kubernetes.batch.v1.JobSpecArgs(
        backoff_limit=retries,
        active_deadline_seconds=seconds,
        template=kubernetes.core.v1.PodTemplateSpecArgs(metadata=job.pod_meta(image, annotations), spec=pod),
    )


def job_template(
    job: pods.Workload, image: str, pod: kubernetes.core.v1.PodSpecArgs, *, seconds: int, retries: int
) -> kubernetes.batch.v1.JobTemplateSpecArgs:
    """Build the template from which a CronJob creates its Jobs."""
    return kubernetes.batch.v1.JobTemplateSpecArgs(
        spec=job_spec(job, image, pod, seconds=seconds, retries=retries)
    )


def master_volumes(verifiers: kubernetes.core.v1.Secret) -> list[kubernetes.core.v1.VolumeArgs]:
    """Build the volumes of a pod that sets the database roles.

    They contain the master user's connection, and the roles' password verifiers.
    """
    return [
        pods.memory_volume("master", MASTER_SIZE),
        pods.secret_volume("roles", verifiers.metadata.name),
    ]


def script_volumes(
    scripts: kubernetes.core.v1.ConfigMap, ca: pulumi.Input[str]
) -> list[kubernetes.core.v1.VolumeArgs]:
    """Build the volumes with a job's scripts, and with the database's certificate authorities."""
    return [pods.config_volume("scripts", scripts.metadata.name), pods.config_volume("ca", ca)]
