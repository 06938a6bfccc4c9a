"""How a stateless workload runs as several pods: rolled without a gap, spread, scaled, drained one by one."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.image_reference import parse_image_reference
from components.kubernetes.pods import Workload
from components.settings.capacity import SURGE_PERCENT
from components.settings.workload import Replicas

REVISIONS = 10
"""Old ReplicaSets that `kubectl rollout undo --to-revision` can return to."""
DEADLINE_SECONDS = 600
"""How long a rollout may stand still before Kubernetes reports it as failed."""
ROLLOUT_MINUTES = 30
"""How long Pulumi waits for a whole rollout. Its default of ten minutes is too short: pods start a quarter at
a time, each may need a new node, and each is ready only once the load balancer has found it healthy. The
plugin waits this long for a failed rollout, too, since it only notes ProgressDeadlineExceeded
(pulumi-kubernetes, provider/pkg/await/deployment.go, processDeploymentEvent)."""
SETTLE_SECONDS = 10
"""How long a new pod must stay ready before it counts, so that one that crashes at once stops the rollout."""

CHANGE_CAUSE = "kubernetes.io/change-cause"

FORCE = {"pulumi.com/patchForce": "true"}
"""Server-side apply takes back what another manager owns: after `kubectl rollout undo` the pod template
belongs to kubectl-rollout, and without this the next `pulumi up` ends in field conflicts."""

SCALED = ["spec.replicas"]
"""ignore_changes of a Deployment with an autoscaler. The count is sent when the Deployment is created. Later
the provider leaves the field out of its apply once the autoscaler's scale request owns it, and sends the live
count until then: either way apply does not move it (pulumi-kubernetes, pkg/await, handleSSAIgnoreFields)."""


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
    """A Deployment with its autoscaler and its disruption budget.

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
    """Return what `kubectl rollout history` shows of an image: its tag, or 12 digits of its digest."""
    return f"version {parse_image_reference(image).version}"


def deployment_spec(
    app: str,
    replicas: Replicas,
    pod_metadata: kubernetes.meta.v1.ObjectMetaArgs,
    pod: kubernetes.core.v1.PodSpecArgs,
) -> kubernetes.apps.v1.DeploymentSpecArgs:
    """A Deployment that adds new pods before it takes old ones away."""
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
    """Evenly over zones, and over nodes as far as it goes.

    Each revision by itself, else the old pods would bend the spread of the new ones. A zone whose nodes are
    down (tainted unreachable) does not count, so its pods may start elsewhere.
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
    """Doubles at most twice a minute; takes a tenth away a minute, and only after five quiet minutes."""

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
    """A drain takes one pod at a time; pods that are not ready anyway never hold it up."""
    return kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
        max_unavailable=1, selector=selector(app), unhealthy_pod_eviction_policy="AlwaysAllow"
    )


def selector(app: str) -> kubernetes.meta.v1.LabelSelectorArgs:
    """The pods of a workload, by the label that the deployment guide uses."""
    return kubernetes.meta.v1.LabelSelectorArgs(match_labels={"app": app})
