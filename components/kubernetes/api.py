"""The API: the Deployment pipe-api with its Service, configuration, Secret and network policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.common import connections
from components.kubernetes import database_roles, deployments, network_policies, pods
from components.kubernetes.database_client import CA_DIR, PASSWORD_FILE, SECRET_DIR, DatabaseEndpoint
from components.settings.models.api import Api as ApiSettings

PORT = connections.API_HTTP.number
LEAVE_SECONDS = 10
"""Seconds for which a terminating pod still answers, until every node has removed it from the Service."""


@dataclass(frozen=True, kw_only=True)
class ApiArgs:
    """Arguments of Api."""

    settings: ApiSettings
    """Settings of the API, such as image, resources and replicas."""
    context: pods.WorkloadContext
    database: DatabaseEndpoint
    password: pulumi.Input[str]
    """Password of the role `app`; a secret."""
    after: Sequence[pulumi.Resource]
    """Resources that new pods depend on: the migration."""


class Api(pulumi.ComponentResource):
    """Pods of the API and their Service, with rollouts, scaling and drains without an outage."""

    deployment: kubernetes.apps.v1.Deployment
    service_host: pulumi.Output[str]
    """Name of the Service inside the cluster."""
    service_port: int
    """Port of the Service and of the pods."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:Api", name, None, opts)
        child, context = pulumi.ResourceOptions(parent=self), args.context
        workload = context.workload(pods.API)

        account = workload.account(name, child)
        config = configuration(args)
        config_map = kubernetes.core.v1.ConfigMap(name, metadata=workload.meta(), data=config, opts=child)
        # A new password belongs to a new database user and a new Secret; older pods keep their Secret until
        # they terminate.
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=workload.meta(pulumi.Output.concat("database-", database_roles.version(args.password))),
            string_data={PASSWORD_FILE: args.password},
            opts=child,
        )
        policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=workload.meta(),
            spec=network_policies.policy_spec(
                pods.API,
                {
                    **network_policies.endpoints(context, args.database.port),
                    **network_policies.external_services(args.settings.egress, context.vpc_cidr),
                },
            ),
            opts=child,
        )
        self.deployment = deployments.replicated(
            name,
            workload,
            args.settings.replicas,
            workload.pod_meta(
                args.settings.image,
                {"checksum/config": pods.checksum(config)},
            ),
            pods.pod_spec(
                account,
                [container(args, config_map.metadata.name)],
                volumes=[
                    pods.secret_volume("database", secret.metadata.name),
                    pods.config_volume("ca", context.ca_config_map),
                    pods.scratch_volume("tmp", "256Mi"),
                ],
                grace_seconds=LEAVE_SECONDS + args.settings.grace_seconds,
                spread=deployments.spread(pods.API),
            ),
            image=args.settings.image,
            parent=self,
            after=[policy, *args.after],
        )
        # The Service depends on the Deployment: Pulumi waits for the Service's endpoints, and the migration
        # that precedes the pods may take longer than this wait.
        service = kubernetes.core.v1.Service(
            name,
            metadata=workload.meta(),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector={"app": pods.API},
                ports=[
                    kubernetes.core.v1.ServicePortArgs(
                        name="http", port=PORT, target_port=PORT, protocol="TCP"
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.deployment]),
        )

        self.service_host = pulumi.Output.format(
            "{}.{}.svc.cluster.local", service.metadata.name, context.namespace
        )
        self.service_port = PORT
        self.register_outputs({"service_host": self.service_host, "service_port": self.service_port})


def configuration(args: ApiArgs) -> dict[str, pulumi.Input[str]]:
    """Return the API's environment variables, which contain no secret."""
    return {
        "NODE_ENV": "production",
        "PORT": str(PORT),
        "LOG_LEVEL": args.settings.log_level,
        **args.database.variables(),
    }


def container(args: ApiArgs, config_map: pulumi.Input[str]) -> kubernetes.core.v1.ContainerArgs:
    """Build the container `api`."""
    settings, tag = args.settings, "metadata.labels['tags.datadoghq.com/{}']"
    return kubernetes.core.v1.ContainerArgs(
        name="api",
        image=args.settings.image,
        image_pull_policy="Always",
        ports=[kubernetes.core.v1.ContainerPortArgs(name="http", container_port=PORT)],
        env_from=[
            kubernetes.core.v1.EnvFromSourceArgs(
                config_map_ref=kubernetes.core.v1.ConfigMapEnvSourceArgs(name=config_map)
            )
        ],
        env=[
            # Traces go to the agent on the same node; the tags are Datadog's unified service tagging.
            pods.field("DD_AGENT_HOST", "status.hostIP"),
            *pods.variables(
                {
                    "DD_TRACE_AGENT_PORT": str(connections.TRACES.number),
                    "DD_LOGS_INJECTION": "true",
                    "PGUSER": database_roles.login(database_roles.APP, args.password),
                }
            ),
            *(pods.field(f"DD_{part.upper()}", tag.format(part)) for part in ("env", "service", "version")),
        ],
        resources=pods.resources(args.settings.resources),
        security_context=pods.container_security(),
        # Only readiness depends on the database: a failed start-up or liveness probe restarts the container,
        # which does not repair the database.
        startup_probe=pods.probe(settings.liveness_path, "http", every=2, failures=60),
        readiness_probe=pods.probe(settings.readiness_path, "http", every=5, failures=3),
        liveness_probe=pods.probe(settings.liveness_path, "http", every=10, failures=6),
        lifecycle=kubernetes.core.v1.LifecycleArgs(
            pre_stop=kubernetes.core.v1.LifecycleHandlerArgs(
                sleep=kubernetes.core.v1.SleepActionArgs(seconds=LEAVE_SECONDS)
            )
        ),
        volume_mounts=[
            pods.mount("database", SECRET_DIR),
            pods.mount("ca", CA_DIR),
            pods.writable("tmp", pods.TEMPORARY),
        ],
    )
