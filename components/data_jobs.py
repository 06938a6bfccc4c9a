"""Jobs on the data: the migration before every new version, and the nightly backup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from components import database_roles, job_containers, network_rules, pods
from components.database_client import PASSWORD_FILE, SERVICE_FILE, DatabaseEndpoint
from components.labels import Labels
from components.settings.aws import Backups

MIGRATE = "pipe-migrate"
BACKUP = "pipe-backup"
"""The `app` labels; pipe-backup is the service account with a pod identity, too."""

MIGRATION_SECONDS = 1800
"""How long a migration may take, retries included."""
BACKUP_SECONDS = 4 * 3600
"""How long a backup may take, retries included."""
LATE_SECONDS = 3600
"""How late a backup may still start, where the cluster could not start it in time."""


@dataclass(frozen=True, kw_only=True)
class DataJobsArgs:
    """What DataJobs need to know."""

    image: str
    """The API's image, which carries the migrations of its version."""
    settings: Backups
    """Schedule, images and resources of the jobs."""
    labels: Labels
    namespace: pulumi.Input[str]
    """The namespace; its guards exist."""
    ca_config_map: pulumi.Input[str]
    """Name of the ConfigMap with the database's certificate authorities."""
    database: DatabaseEndpoint
    master_user: str
    """Makes the roles, and is used for nothing else."""
    master_password: pulumi.Input[str]
    app_password: pulumi.Input[str]
    migrate_password: pulumi.Input[str]
    backup_password: pulumi.Input[str]
    """Of the roles app, migrate and backup; secrets, like the master's."""
    bucket: pulumi.Input[str]
    """Name of the backup bucket."""
    region: str
    """Where the bucket is."""
    service_cidr: str
    """Cluster addresses of Services, where DNS answers."""
    database_cidrs: Sequence[str]
    """Where the database is."""


class DataJobs(pulumi.ComponentResource):
    """A Job that brings roles and schema up to date, and a CronJob that keeps a copy in S3."""

    migration: kubernetes.batch.v1.Job
    """Has succeeded when what depends on it starts."""

    def __init__(self, name: str, args: DataJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:DataJobs", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self.migration = self._migration(f"{name}-migrate", args)
        self._backup(f"{name}-backup", args)
        self.register_outputs({"migration": self.migration.metadata.name})

    def _migration(self, name: str, args: DataJobsArgs) -> kubernetes.batch.v1.Job:
        roles: dict[str, pulumi.Input[str]] = {
            SERVICE_FILE: args.database.service_file(args.master_user, args.master_password),
            **database_roles.password_files(
                {"app": args.app_password, "migrate": args.migrate_password, "backup": args.backup_password}
            ),
        }
        script = {database_roles.SCRIPT: database_roles.script()}
        account, policy = self._guards(
            name, args, MIGRATE, [network_rules.to_networks(args.database_cidrs, args.database.port)]
        )
        scripts = kubernetes.core.v1.ConfigMap(
            name, metadata=meta(args, MIGRATE), data=script, opts=self._child
        )
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=meta(args, MIGRATE, f"{MIGRATE}-database"),
            string_data={PASSWORD_FILE: args.migrate_password},
            opts=self._child,
        )
        roles_secret = kubernetes.core.v1.Secret(
            f"{name}-roles",
            metadata=meta(args, MIGRATE, f"{MIGRATE}-roles"),
            string_data=roles,
            opts=self._child,
        )
        version = pods.image_version(args.image)
        return kubernetes.batch.v1.Job(
            name,
            # Without a TTL: a Job that Kubernetes took away would be made, and run, again.
            metadata=meta(args, MIGRATE, f"{MIGRATE}-{version}", {"pulumi.com/replaceUnready": "true"}),
            spec=kubernetes.batch.v1.JobSpecArgs(
                backoff_limit=1,
                active_deadline_seconds=MIGRATION_SECONDS,
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(
                        labels={**args.labels.kubernetes(MIGRATE), **pods.version_label(version)},
                        # A new password is a new Job: roles get it before the API's pods use it.
                        annotations={
                            **pods.KEEP_NODE,
                            "checksum/script": pods.checksum(script),
                            "checksum/roles": pods.checksum(roles),
                        },
                    ),
                    spec=pod_spec(
                        account,
                        init=job_containers.roles(args.settings),
                        main=job_containers.migrate(args.image, args.settings, args.database),
                        volumes=[
                            pods.secret_volume("database", secret.metadata.name),
                            pods.secret_volume("roles", roles_secret.metadata.name),
                            pods.config_volume("scripts", scripts.metadata.name),
                            pods.config_volume("ca", args.ca_config_map),
                            pods.scratch_volume("tmp", "256Mi"),
                        ],
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[policy],
                custom_timeouts=pulumi.CustomTimeouts(create=f"{MIGRATION_SECONDS + 300}s"),
            ),
        )

    def _backup(self, name: str, args: DataJobsArgs) -> None:
        account, policy = self._guards(
            name,
            args,
            BACKUP,
            [
                network_rules.to_networks(args.database_cidrs, args.database.port),
                network_rules.to_pod_identity(),
                network_rules.to_s3(),
            ],
        )
        assets = Path(__file__).parent / "assets"
        scripts = kubernetes.core.v1.ConfigMap(
            name,
            metadata=meta(args, BACKUP),
            data={file: (assets / file).read_text() for file in ("dump.sh", "upload.sh")},
            opts=self._child,
        )
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=meta(args, BACKUP, f"{BACKUP}-database"),
            string_data={SERVICE_FILE: args.database.service_file("backup", args.backup_password)},
            opts=self._child,
        )
        kubernetes.batch.v1.CronJob(
            name,
            metadata=meta(args, BACKUP),
            spec=kubernetes.batch.v1.CronJobSpecArgs(
                schedule=args.settings.schedule,
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",
                starting_deadline_seconds=LATE_SECONDS,
                successful_jobs_history_limit=3,
                failed_jobs_history_limit=3,
                job_template=kubernetes.batch.v1.JobTemplateSpecArgs(
                    spec=kubernetes.batch.v1.JobSpecArgs(
                        backoff_limit=2,
                        active_deadline_seconds=BACKUP_SECONDS,
                        template=kubernetes.core.v1.PodTemplateSpecArgs(
                            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                                labels=args.labels.kubernetes(BACKUP), annotations=pods.KEEP_NODE
                            ),
                            spec=pod_spec(
                                account,
                                init=job_containers.dump(args.settings),
                                main=job_containers.upload(args.settings, args.bucket, args.region),
                                volumes=[
                                    pods.secret_volume("database", secret.metadata.name),
                                    pods.config_volume("scripts", scripts.metadata.name),
                                    pods.config_volume("ca", args.ca_config_map),
                                    pods.scratch_volume("scratch", f"{args.settings.scratch_gib}Gi"),
                                    pods.scratch_volume("tmp", "256Mi"),
                                ],
                            ),
                        ),
                    )
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _guards(
        self, name: str, args: DataJobsArgs, app: str, egress: Sequence[pulumi.Input[network_rules.Egress]]
    ) -> tuple[kubernetes.core.v1.ServiceAccount, kubernetes.networking.v1.NetworkPolicy]:
        """Who a job's pods are, and what they may reach besides DNS; nothing reaches them."""
        account = kubernetes.core.v1.ServiceAccount(
            name, metadata=meta(args, app), automount_service_account_token=False, opts=self._child
        )
        policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=meta(args, app),
            spec=network_rules.policy_spec(app, egress=[network_rules.dns(args.service_cidr), *egress]),
            opts=self._child,
        )
        return account, policy


def meta(
    args: DataJobsArgs,
    app: str,
    object_name: str | None = None,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
) -> kubernetes.meta.v1.ObjectMetaArgs:
    """An object of one of the jobs."""
    return kubernetes.meta.v1.ObjectMetaArgs(
        name=object_name or app,
        namespace=args.namespace,
        labels=args.labels.kubernetes(app),
        annotations=annotations,
    )


def pod_spec(
    account: kubernetes.core.v1.ServiceAccount,
    *,
    init: kubernetes.core.v1.ContainerArgs,
    main: kubernetes.core.v1.ContainerArgs,
    volumes: Sequence[pulumi.Input[kubernetes.core.v1.VolumeArgs]],
) -> kubernetes.core.v1.PodSpecArgs:
    """One container after the other; a failed pod stays, with its log, and the next try is another pod."""
    return kubernetes.core.v1.PodSpecArgs(
        service_account_name=account.metadata.name,
        automount_service_account_token=False,
        enable_service_links=False,
        restart_policy="Never",
        security_context=pods.pod_security(),
        init_containers=[init],
        containers=[main],
        volumes=volumes,
    )
