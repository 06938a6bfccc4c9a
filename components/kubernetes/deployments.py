"""Deployments of stateless workloads: rollout, spread, autoscaling and disruption budget."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.image_reference import parse_image_reference
from components.kubernetes.pods import Workload
from components.settings.capacity import SURGE_PERCENT
from components.settings.models.workload import Replicas

REVISIONS = 10
"""Number of old ReplicaSets that the cluster keeps for `kubectl rollout undo --to-revision`."""
DEADLINE_SECONDS = 600
"""Seconds without progress after which Kubernetes reports a rollout as failed."""
ROLLOUT_MINUTES = 30
"""Minutes that Pulumi waits for a whole rollout.

Pulumi's default of ten minutes is too short: a quarter of the pods start at a time, each may need a new node,
and each becomes ready only when the load balancer finds it healthy. The plugin also waits this long for a
failed rollout, since it only records ProgressDeadlineExceeded (pulumi-kubernetes,
provider/pkg/await/deployment.go, processDeploymentEvent)."""
SETTLE_SECONDS = 10
"""Seconds that a new pod must stay ready before it counts, so that an early crash stops the rollout."""

CHANGE_CAUSE = "kubernetes.io/change-cause"

FORCE = {"pulumi.com/patchForce": "true"}
"""Annotation that makes server-side apply overwrite fields of other managers.

After `kubectl rollout undo`, kubectl-rollout owns the pod template. Without this annotation the next
`pulumi up` fails with field conflicts."""

SCALED = ["spec.replicas"]
"""Value of ignore_changes for a Deployment with an autoscaler.

The provider sends the replica count when it creates the Deployment. Later, it sends the live count until the
autoscaler owns the field, and then omits the field. In both cases, an apply does not change the count
(pulumi-kubernetes, pkg/await, handleSSAIgnoreFields)."""


def replicated(
    name: str,
    workload: Workload,
    replicas: Replicas,
    pod_metadata: kubernetes.meta.v1.ObjectMetaArgs,
    pod: kubernetes.core.v1.PodSpecArgs,
    *,
    image: str,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> kubernetes.apps.v1.Deployment:
    """Declare a Deployment with its autoscaler and its disruption budget.

    `kubectl rollout history` shows the version of `image` for each revision: the controller copies
    the annotation to the ReplicaSet, and `kubectl rollout undo` copies it back.
    """
    deployment = kubernetes.apps.v1.Deployment(
        name,
        metadata=workload.meta(annotations={**FORCE, CHANGE_CAUSE: change_cause(image)}),
        spec=deployment_spec(workload.app, replicas, pod_metadata, pod),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            ignore_changes=SCALED,
            custom_timeouts=pulumi.CustomTimeouts(create=f"{ROLLOUT_MINUTES}m", update=f"{ROLLOUT_MINUTES}m"),
        ),
    )
    kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
        name,
        metadata=workload.meta(),
        spec=autoscaler_spec(workload.app, replicas),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[deployment]),
    )
    kubernetes.policy.v1.PodDisruptionBudget(
        name,
        metadata=workload.meta(),
        spec=budget_spec(workload.app),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return deployment


def change_cause(image: str) -> str:
    """Return the image's version for `kubectl rollout history`.

    The version is the tag, or the first 12 digits of the digest if there is no tag.
    """
    return f"version {parse_image_reference(image).version}"


def deployment_spec(
    app: str,
    replicas: Replicas,
    pod_metadata: kubernetes.meta.v1.ObjectMetaArgs,
    pod: kubernetes.core.v1.PodSpecArgs,
) -> kubernetes.apps.v1.DeploymentSpecArgs:
    """Build the spec of a Deployment that adds new pods before it removes old ones."""
    return kubernetes.apps.v1.DeploymentSpecArgs(
        replicas=replicas.min,
        selector=selector(app),
        revision_history_limit=REVISIONS,
        progress_deadline_seconds=DEADLINE_SECONDS,
        min_ready_seconds=SETTLE_SECONDS,
        strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                max_unavailable=0, max_surge=f"{SURGE_PERCENT}%"
            ),
        ),
        template=kubernetes.core.v1.PodTemplateSpecArgs(metadata=pod_metadata, spec=pod),
    )


def spread(app: str) -> list[pulumi.Input[kubernetes.core.v1.TopologySpreadConstraintArgs]]:
    """Return constraints that spread pods evenly across zones, and across nodes if possible.

    Each revision is spread separately, since the old pods would otherwise distort the spread of the new ones.
    A zone whose nodes are down (tainted unreachable) does not count, so its pods may start elsewhere.
    """

    def over(key: str, otherwise: str) -> kubernetes.core.v1.TopologySpreadConstraintArgs:
        return kubernetes.core.v1.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable=otherwise,
            label_selector=selector(app),
            match_label_keys=["pod-template-hash"],
            node_taints_policy="Honor",
        )

    return [
        over("topology.kubernetes.io/zone", "DoNotSchedule"),
        over("kubernetes.io/hostname", "ScheduleAnyway"),
    ]


def autoscaler_spec(
    app: str, replicas: Replicas
) -> kubernetes.autoscaling.v2.HorizontalPodAutoscalerSpecArgs:
    """Build an autoscaler on the average CPU use of the pods.

    In 30 seconds, it at most doubles the pods or adds two, whichever is more. In a minute, it removes at most
    a tenth of the pods or one, whichever is more, and only after five minutes of lower load.
    """

    def change(
        type: str, value: int, seconds: int
    ) -> pulumi.Input[kubernetes.autoscaling.v2.HPAScalingPolicyArgs]:
        return kubernetes.autoscaling.v2.HPAScalingPolicyArgs(type=type, value=value, period_seconds=seconds)

    return kubernetes.autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
        scale_target_ref=kubernetes.autoscaling.v2.CrossVersionObjectReferenceArgs(
            api_version="apps/v1", kind="Deployment", name=app
        ),
        min_replicas=replicas.min,
        max_replicas=replicas.max,
        metrics=[
            kubernetes.autoscaling.v2.MetricSpecArgs(
                type="Resource",
                resource=kubernetes.autoscaling.v2.ResourceMetricSourceArgs(
                    name="cpu",
                    target=kubernetes.autoscaling.v2.MetricTargetArgs(
                        type="Utilization", average_utilization=replicas.target_cpu_percent
                    ),
                ),
            )
        ],
        behavior=kubernetes.autoscaling.v2.HorizontalPodAutoscalerBehaviorArgs(
            scale_up=kubernetes.autoscaling.v2.HPAScalingRulesArgs(
                stabilization_window_seconds=0,
                select_policy="Max",
                policies=[change("Percent", 100, 30), change("Pods", 2, 30)],
            ),
            scale_down=kubernetes.autoscaling.v2.HPAScalingRulesArgs(
                stabilization_window_seconds=300,
                select_policy="Max",
                policies=[change("Percent", 10, 60), change("Pods", 1, 60)],
            ),
        ),
    )


def budget_spec(app: str) -> kubernetes.policy.v1.PodDisruptionBudgetSpecArgs:
    """Build a budget that lets a drain evict one pod at a time, and unready pods at any time."""
    return kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
        max_unavailable=1, selector=selector(app), unhealthy_pod_eviction_policy="AlwaysAllow"
    )


def selector(app: str) -> kubernetes.meta.v1.LabelSelectorArgs:
    """Return a selector for a workload's pods by their `app` label, as in the deployment guide."""
    return kubernetes.meta.v1.LabelSelectorArgs(match_labels={"app": app})
