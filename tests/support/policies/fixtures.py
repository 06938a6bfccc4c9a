"""Valid resources, each of which passes every rule."""

from typing import Any

from policies.model.kubernetes.pods import PLACES

DIGEST = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api@sha256:" + "0" * 64

CONTAINER: dict[str, Any] = {
    "name": "api",
    "image": DIGEST,
    "ports": [{"containerPort": 8080}],
    "resources": {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "200m", "memory": "512Mi"},
    },
    "livenessProbe": {"httpGet": {"path": "/", "port": 8080}},
    "readinessProbe": {"tcpSocket": {"port": 8080}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "pipe-api"}, "namespace": "pipe"},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "labelSelector": {}}
        ],
        "containers": [CONTAINER],
    },
}
DEPLOYMENT: dict[str, Any] = {
    "metadata": {"name": "pipe-api", "namespace": "pipe", "labels": {"app": "pipe-api"}},
    "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "pipe-api"}}, "template": POD},
}
KINDS = {
    "Pod": "core/v1",
    "PodTemplate": "core/v1",
    "ReplicationController": "core/v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}


def kind(name: str, variant: str = "") -> str:
    """Return the resource type of a kind that contains pods."""
    return f"kubernetes:{KINDS[name]}:{name}{variant}"


def around(name: str, pod: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return an object of a kind that contains this pod, and the path of the pod's spec."""
    place = PLACES[name]
    if not place:
        return pod, "spec"
    inner: dict[str, Any] = pod
    for step in reversed(place.split(".")):
        inner = {step: inner}
    return {"metadata": {"name": "pipe-api", "namespace": "pipe"}, **inner}, f"{place}.spec"


MONITOR: dict[str, Any] = {
    "name": "HighErrorRate",
    "type": "query alert",
    "query": "min(last_5m):sum:trace.errors{env:prod}.as_rate() / sum:trace.hits{env:prod}.as_rate() > 0.01",
    "message": "{{#is_alert}}@pagerduty-pipe{{/is_alert}} Runbook: https://runbooks.pipe.dev/high-error-rate",
    "tags": ["env:prod", "service:pipe-api", "team:platform", "severity:critical"],
    "monitorThresholds": {"critical": "0.01", "warning": "0.005"},
    "priority": "1",
    "renotifyInterval": 30,
    "notifyNoData": False,
}

CLUSTER: dict[str, Any] = {
    "version": "1.34",
    "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"],
    "vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
    "encryptionConfig": {"provider": {"keyArn": "arn:x"}, "resources": ["secrets"]},
    "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
}
DATABASE: dict[str, Any] = {
    "storageEncrypted": True,
    "publiclyAccessible": False,
    "manageMasterUserPassword": True,
    "backupRetentionPeriod": 7,
    "multiAz": True,
    "deletionProtection": True,
    "skipFinalSnapshot": False,
    "enabledCloudwatchLogsExports": ["postgresql"],
    "parameterGroupName": "pipe",
    "iamDatabaseAuthenticationEnabled": True,
    "monitoringInterval": 60,
    "engineLifecycleSupport": "open-source-rds-extended-support-disabled",
}
REPOSITORY: dict[str, Any] = {
    "name": "pipe/api",
    "imageTagMutability": "IMMUTABLE",
    "imageScanningConfiguration": {"scanOnPush": True},
    "encryptionConfigurations": [{"encryptionType": "KMS"}],
}
