"""The states in which objects are ready, by the rules of pulumi-kubernetes (provider/pkg/await).

An object of a kind without a function here is ready at once. Functions of the same kind are called in the
order of their definition.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import TypeAlias

from sandbox.wire.kubernetes_api import Api, Json, condition, dig

Requirement: TypeAlias = Callable[[Api, Json], str]
"""A function that returns the reason why an object is not ready; empty if it has no objection.

It raises StuckError if the object can never become ready.
"""

REQUIREMENTS: dict[str, list[Requirement]] = defaultdict(list)
"""The requirements of each kind, such as `apps/v1 Deployment`."""


class StuckError(Exception):
    """An object cannot become ready, or has not become ready in time; the message has the reason."""


def awaits(*kinds: str) -> Callable[[Requirement], Requirement]:
    """Register a requirement of the kinds."""

    def register(requirement: Requirement) -> Requirement:
        for kind in kinds:
            REQUIREMENTS[kind].append(requirement)
        return requirement

    return register


def unmet_requirement(api: Api, api_object: Json) -> str:
    """Return the reason why an object is not ready; empty if the object is ready.

    Raise StuckError if the object can never become ready.
    """
    kind = f"{api_object['apiVersion']} {api_object['kind']}"
    return next(filter(None, (unmet(api, api_object) for unmet in REQUIREMENTS.get(kind, ()))), "")


def _count(api_object: Json, name: str) -> int:
    """Return a number in an object's status; 0 if it is missing."""
    return dig(api_object, "status", name) or 0


# Workloads


@awaits("apps/v1 Deployment", "apps/v1 StatefulSet", "apps/v1 DaemonSet")
def observed_generation(_: Api, workload: Json) -> str:
    """Wait until the controller has seen the latest change."""
    is_seen = _count(workload, "observedGeneration") >= workload["metadata"]["generation"]
    return "" if is_seen else "the controller has not seen it yet"


@awaits("apps/v1 Deployment")
def rollout_within_deadline(_: Api, deployment: Json) -> str:
    """Fail a rollout that has exceeded its deadline."""
    progressing = condition(deployment, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        raise StuckError(f"the rollout has failed: {progressing.get('message', '')}")
    return ""


@awaits("apps/v1 Deployment")
def deployment_pods(_: Api, deployment: Json) -> str:
    """Wait until all pods of a Deployment are new and available."""
    desired = deployment["spec"]["replicas"]
    updated, available = _count(deployment, "updatedReplicas"), _count(deployment, "availableReplicas")
    old = _count(deployment, "replicas") - updated
    if min(updated, available) >= desired and old <= 0:
        return ""
    pods = f"{updated} of {desired} new pods are created, {available} pods are available"
    return f"{pods}, {old} old pods are left"


@awaits("apps/v1 Deployment")
def new_replica_set(_: Api, deployment: Json) -> str:
    """Wait until the Deployment reports that the new ReplicaSet is available."""
    is_complete = condition(deployment, "Progressing").get("reason") == "NewReplicaSetAvailable"
    return "" if is_complete else "the rollout is under way"


@awaits("apps/v1 StatefulSet")
def stateful_set_pods(_: Api, stateful_set: Json) -> str:
    """Wait until a StatefulSet has exactly the desired number of pods, and all are ready."""
    desired, ready = stateful_set["spec"]["replicas"], _count(stateful_set, "readyReplicas")
    if _count(stateful_set, "replicas") == ready == desired:
        return ""
    return f"{ready} of {desired} pods are ready"


@awaits("apps/v1 StatefulSet")
def stateful_set_revision(_: Api, stateful_set: Json) -> str:
    """Wait until all pods have the new revision."""
    spec, status = stateful_set["spec"], stateful_set.get("status", {})
    # With OnDelete, nothing waits for the deletion of the old pods.
    is_first = stateful_set["metadata"]["generation"] == 1
    if dig(spec, "updateStrategy", "type") == "OnDelete" and not is_first:
        return ""
    is_current = status.get("currentRevision") == status.get("updateRevision")
    if is_current and (status.get("currentReplicas") or 0) == spec["replicas"]:
        return ""
    return f"{status.get('updatedReplicas') or 0} of {spec['replicas']} pods have the new revision"


@awaits("apps/v1 DaemonSet")
def daemon_set_pods(_: Api, daemon_set: Json) -> str:
    """Wait until each node that needs a pod of a DaemonSet has a new pod that is available."""
    desired, updated, available = (
        _count(daemon_set, name)
        for name in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    )
    scheduled, ready = _count(daemon_set, "currentNumberScheduled"), _count(daemon_set, "numberReady")
    if min(scheduled, updated, available, ready) >= desired:
        return ""
    return f"{updated} of {desired} new pods are created, {available} pods are available"


@awaits("v1 ReplicationController")
def replication_controller_pods(_: Api, controller: Json) -> str:
    """Wait until the desired number of pods is available."""
    desired, available = controller["spec"]["replicas"], _count(controller, "availableReplicas")
    return "" if available == desired else f"{available} of {desired} pods are available"


# Pods and jobs


@awaits("v1 Pod")
def pod_has_not_failed(_: Api, pod: Json) -> str:
    """Fail a pod in the phase Failed."""
    if dig(pod, "status", "phase") == "Failed":
        raise StuckError("the pod has failed")
    return ""


@awaits("v1 Pod")
def scheduled_pod(_: Api, pod: Json) -> str:
    """Wait until a pod has a node."""
    is_scheduled = condition(pod, "PodScheduled").get("status") == "True"
    return "" if is_scheduled else "it is not scheduled yet"


@awaits("v1 Pod")
def ready_pod(_: Api, pod: Json) -> str:
    """Wait until a pod is ready or has succeeded."""
    is_initialized = condition(pod, "Initialized").get("status") == "True"
    is_ready = condition(pod, "Ready").get("status") == "True"
    if is_initialized and (is_ready or dig(pod, "status", "phase") == "Succeeded"):
        return ""
    return "its containers are not ready yet"


@awaits("batch/v1 Job")
def job_has_not_failed(_: Api, job: Json) -> str:
    """Fail a job that has failed."""
    failure = condition(job, "Failed")
    if failure.get("status") == "True":
        raise StuckError(f"the job has failed: {failure.get('message') or failure.get('reason', '')}")
    return ""


@awaits("batch/v1 Job")
def complete_job(_: Api, job: Json) -> str:
    """Wait until a job is complete."""
    if condition(job, "Complete").get("status") == "True":
        return ""
    state = "is suspended" if job["spec"].get("suspend") else "runs"
    active, succeeded, failed = (_count(job, name) for name in ("active", "succeeded", "failed"))
    return f"the job {state}, pods: {active} active, {succeeded} succeeded, {failed} failed"


# Networks


@awaits("v1 Service")
def load_balancer(_: Api, service: Json) -> str:
    """Wait until a Service of the type LoadBalancer has an address."""
    if service["spec"].get("type") != "LoadBalancer" or dig(service, "status", "loadBalancer", "ingress"):
        return ""
    return "the load balancer has no address yet"


@awaits("v1 Service")
def ready_endpoints(api: Api, service: Json) -> str:
    """Wait until all pods that a Service selects are ready.

    The plugin waits for pods that are not ready, but not for pods that do not exist (await/service.go,
    checkAndLogStatus).
    """
    spec, metadata = service["spec"], service["metadata"]
    is_headless = spec.get("clusterIP") == "None"
    if spec.get("type") == "ExternalName" or is_headless or not spec.get("selector"):
        return ""
    slices = api.items(
        f"/apis/discovery.k8s.io/v1/namespaces/{metadata['namespace']}/endpointslices",
        labelSelector=f"kubernetes.io/service-name={metadata['name']}",
    )
    endpoints = [endpoint for piece in slices for endpoint in piece.get("endpoints") or ()]
    return "a pod that it selects is not ready" if any(map(_is_unready, endpoints)) else ""


def _is_unready(endpoint: Json) -> bool:
    conditions: Json = endpoint.get("conditions") or {}
    return conditions.get("ready") is False and not conditions.get("terminating")


@awaits("networking.k8s.io/v1 Ingress")
def ingress_address(_: Api, ingress: Json) -> str:
    """Wait until a load balancer has an address for an Ingress."""
    has_address = dig(ingress, "status", "loadBalancer", "ingress")
    return "" if has_address else "no load balancer has an address for it yet"


# Storage


@awaits("v1 PersistentVolume")
def available_volume(_: Api, volume: Json) -> str:
    """Wait until a volume is available or bound."""
    phase = dig(volume, "status", "phase")
    return "" if phase in ("Available", "Bound") else f"it is {phase or 'not seen yet'}"


@awaits("v1 PersistentVolumeClaim")
def bound_claim(api: Api, claim: Json) -> str:
    """Wait until a claim has a volume, unless its storage class binds the claim only when a pod uses it."""
    phase, storage_class = dig(claim, "status", "phase"), claim["spec"].get("storageClassName")
    if phase == "Bound":
        return ""
    if phase == "Pending" and storage_class:
        live_class = api.get(f"/apis/storage.k8s.io/v1/storageclasses/{storage_class}")
        if dig(live_class, "volumeBindingMode") == "WaitForFirstConsumer":
            return ""
    return "no volume is bound to it"


# Other kinds


@awaits("v1 ResourceQuota")
def observed_quota(_: Api, quota: Json) -> str:
    """Wait until the controller has copied the limits to the status."""
    is_seen = dig(quota, "status", "hard") == dig(quota, "spec", "hard")
    return "" if is_seen else "the controller has not seen it yet"


@awaits("v1 Secret")
def service_account_token(_: Api, secret: Json) -> str:
    """Wait until the controller has created the token of a service account."""
    is_token = secret.get("type") == "kubernetes.io/service-account-token"
    return "it has no token yet" if is_token and not secret.get("data") else ""


@awaits("apiextensions.k8s.io/v1 CustomResourceDefinition")
def established_kind(_: Api, definition: Json) -> str:
    """Wait until the server serves the kind."""
    is_served = condition(definition, "Established").get("status") == "True"
    return "" if is_served else "the kind is not served yet"
