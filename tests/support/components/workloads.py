"""Functions that declare the namespace's components from a stack file, and their Kubernetes objects."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, cast

import pulumi

from components.common.database_passwords import Passwords
from components.common.naming import Naming
from components.kubernetes.api import Api, ApiArgs
from components.kubernetes.data_jobs import DataJobs, DataJobsArgs
from components.kubernetes.database_client import DatabaseEndpoint
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.pods import WorkloadContext
from components.kubernetes.tls_proxy import TlsProxy, TlsProxyArgs
from components.settings.models.api import Api as ApiSettings
from components.settings.models.backups import Backups
from components.settings.models.namespace import Namespace as NamespaceSettings
from components.settings.models.network import Subnets
from components.settings.models.proxy import Proxy
from tests.support.components.fixtures import (
    NAMING,
    Recorder,
    Topic,
    evaluate,
    load_topic,
    secret,
    start_recording,
)

Declare = Callable[..., Recorder]
Manifest = dict[str, Any]
Objects = dict[str, Manifest]
"""Kubernetes objects by kind and name, such as `Service/pipe-api`."""

MASTER_SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:rds!db-1"
DATABASE = DatabaseEndpoint(
    host="db.example",
    port=5432,
    database="pipe_db",
    master_user="pipe_admin",
    master_secret_arn=MASTER_SECRET,
)
SERVICE_CIDR = "172.20.0.0/16"
SUBNETS = Subnets(
    public=["10.30.0.0/24", "10.30.1.0/24", "10.30.2.0/24"],
    private=["10.30.16.0/20", "10.30.32.0/20", "10.30.48.0/20"],
    database=["10.30.8.0/24", "10.30.9.0/24", "10.30.10.0/24"],
)


def workload_context(
    naming: Naming, namespace: pulumi.Input[str] = "pipe", vpc_cidr: str = "10.30.0.0/16"
) -> WorkloadContext:
    return WorkloadContext(
        naming=naming,
        namespace=namespace,
        ca_config_map="rds-ca",
        service_cidr=SERVICE_CIDR,
        vpc_cidr=vpc_cidr,
        subnets=SUBNETS,
    )


def namespace(naming: Naming, topic: Topic, stack: str = "prod", **changes: Any) -> Namespace:
    settings: NamespaceSettings = topic(NamespaceSettings, "namespace", stack, **changes)
    return Namespace("namespace", NamespaceArgs(settings=settings, naming=naming))


def api(
    naming: Naming,
    topic: Topic,
    stack: str = "prod",
    *,
    namespace: pulumi.Input[str] = "pipe",
    password: pulumi.Input[str] = "app-secret",
    after: Sequence[pulumi.Resource] = (),
    vpc_cidr: str = "10.30.0.0/16",
    **changes: Any,
) -> Api:
    settings: ApiSettings = topic(ApiSettings, "api", stack, **changes)
    return Api(
        "api",
        ApiArgs(
            settings=settings,
            context=workload_context(naming, namespace, vpc_cidr),
            database=DATABASE,
            password=password,
            after=after,
        ),
    )


def tls_proxy(
    naming: Naming,
    topic: Topic,
    stack: str = "prod",
    *,
    certificate: str = "certificate",
    clients: Sequence[str] = ("0.0.0.0/0",),
    watched: bool = True,
    protect: bool = False,
    after: Sequence[pulumi.Resource] = (),
    **changes: Any,
) -> TlsProxy:
    settings: Proxy = topic(Proxy, "proxy", stack, **changes)
    return TlsProxy(
        "tls-proxy",
        TlsProxyArgs(
            settings=settings,
            context=workload_context(naming),
            server_name="pipe.dev",
            namespace="pipe",
            upstream_port=3000,
            upstream_health="/livez",
            after=after,
            certificate=certificate,
            private_key="key",
            security_group_id="sg-load-balancer",
            client_cidrs=clients,
            protect=protect,
            agent_enabled=watched,
        ),
    )


def data_jobs(
    naming: Naming,
    topic: Topic,
    stack: str = "prod",
    *,
    image: str | None = None,
    migrate: bool = True,
    app_password: str = "app-secret",
    **changes: Any,
) -> DataJobs:
    api_settings: ApiSettings = topic(ApiSettings, "api", stack)
    settings: Backups = topic(Backups, "backups", stack, **changes)
    return DataJobs(
        "data-jobs",
        DataJobsArgs(
            image=image or api_settings.image,
            migrate=migrate,
            start_deadline_seconds=api_settings.start_deadline_seconds,
            settings=settings,
            context=workload_context(naming),
            database=DATABASE,
            passwords=Passwords(app=app_password, migrate="migrate-secret", backup="backup-secret"),
            bucket="pipe-backup",
            secrets_url="https://vpce-1.example",
        ),
    )


def declare(
    recorder: Recorder, build: Callable[..., pulumi.Resource], *args: Any, **changes: Any
) -> Recorder:
    """Declare a component with `build`, one of the functions above; return the recorder."""
    evaluate(lambda: build(*args, **changes).urn)
    return recorder


@cache
def declare_all(stack: str) -> Recorder:
    """Declare a stack's four components, once per process; return the recorder."""
    recorder = start_recording()
    for build in (namespace, api, tls_proxy, data_jobs):
        declare(recorder, build, NAMING, load_topic, stack)
    return recorder


def revealed(value: Any) -> Any:
    """Return a recorded value without the marks of secrets."""
    if isinstance(value, list):
        return [revealed(item) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    fields = cast(dict[str, Any], value)
    if fields.keys() == secret(None).keys():
        return revealed(fields["value"])
    return {key: revealed(field) for key, field in fields.items()}


def manifests(recorder: Recorder) -> Objects:
    """Return every Kubernetes object by kind and name, as sent to the API server."""
    objects = [
        revealed(inputs) for (typ, _), inputs in recorder.inputs.items() if typ.startswith("kubernetes:")
    ]
    return {f"{manifest['kind']}/{manifest['metadata']['name']}": manifest for manifest in objects}


def deployed_pod(objects: Objects, app: str) -> tuple[Manifest, Manifest]:
    """Return the pod template of a Deployment and its only container."""
    template: Manifest = objects[f"Deployment/{app}"]["spec"]["template"]
    [container] = template["spec"]["containers"]
    return template, container


def variables(container: Manifest) -> dict[str, str]:
    """Return a container's environment variables; a variable from a field has the field's path as value."""
    return {
        variable["name"]: variable["value"]
        if "value" in variable
        else variable["valueFrom"]["fieldRef"]["fieldPath"]
        for variable in container["env"]
    }


def changed_annotations(before: Manifest, after: Manifest) -> set[str]:
    """Return the names of the annotations that differ between two pod templates."""
    old, new = (template["metadata"]["annotations"] for template in (before, after))
    return {key for key in old if old[key] != new[key]}


def mounts(container: Manifest) -> dict[str, str]:
    """Return the mount paths of a container by volume name."""
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def pod_templates(recorder: Recorder) -> Iterator[tuple[str, Manifest]]:
    """Yield the name and the pod template of each object that creates pods."""
    for name, manifest in manifests(recorder).items():
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template is not None:
            yield name, template


def containers(template: Manifest) -> Iterator[Manifest]:
    """Yield the init containers of a pod template, then its containers."""
    yield from template["spec"].get("initContainers", [])
    yield from template["spec"]["containers"]


def rules(recorder: Recorder, policy: str, direction: str) -> list[tuple[list[Any], list[Any]]]:
    """Return the peers and ports of each rule for a direction in a NetworkPolicy, in short forms."""

    def describe(peer: Manifest) -> str:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            return " except ".join(
                [block["cidr"], *([", ".join(block["except"])] if "except" in block else [])]
            )
        namespace = peer.get("namespaceSelector", {}).get("matchLabels", {})
        assert namespace.keys() <= {"kubernetes.io/metadata.name"}
        return "/".join([*namespace.values(), peer["podSelector"]["matchLabels"]["app"]])

    side = "from" if direction == "ingress" else "to"
    return [
        (
            [describe(peer) for peer in rule[side]],
            [f"{port['protocol']} {port['port']:.0f}" for port in rule["ports"]],
        )
        for rule in manifests(recorder)[f"NetworkPolicy/{policy}"]["spec"][direction]
    ]
