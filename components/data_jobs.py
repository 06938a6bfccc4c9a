"""Jobs on the data: the migration before every new version, and the nightly backup."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from components import database_roles, job_containers, network_rules, pods
from components.database_client import PASSWORD_FILE, SERVICE_FILE, DatabaseEndpoint
from components.database_roles import Passwords
from components.settings.aws import Backups

MIGRATE = "pipe-migrate"
BACKUP = "pipe-backup"
"""The `app` labels; pipe-backup is the service account with a pod identity, too."""

MIGRATION_SECONDS = 1800
"""How long a migration may take, retries included."""
BACKUP_SECONDS = 4 * 3600
"""How long a backup may take, retries included."""
RESTART = "Never"
"""A failed pod stays, with its log; the next try is another pod."""
LATE_SECONDS = 3600
"""How late a backup may still start, where the cluster could not start it in time."""


@dataclass(frozen=True, kw_only=True)
class DataJobsArgs:
    """What DataJobs need to know."""

    image: str
    """The API's image, which carries the migrations of its version."""
    settings: Backups
    """Schedule, images and resources of the jobs."""
    place: pods.Place
    database: DatabaseEndpoint
    passwords: Passwords
    bucket: pulumi.Input[str]
    """Name of the backup bucket, in the stack's region."""


class DataJobs(pulumi.ComponentResource):
    """A Job that brings roles and schema up to date, and a CronJob that keeps a copy in S3."""

    migration: kubernetes.batch.v1.Job
    """Has succeeded when what depends on it starts."""

    def __init__(self, name: str, args: DataJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:DataJobs", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self.migration = self._migration(f"{name}-migrate", args, args.place.workload(MIGRATE))
        self._backup(f"{name}-backup", args, args.place.workload(BACKUP))
        self.register_outputs({"migration": self.migration.metadata.name})

    def _migration(self, name: str, args: DataJobsArgs, job: pods.Workload) -> kubernetes.batch.v1.Job:
        database, passwords = args.database, args.passwords
        roles: dict[str, pulumi.Input[str]] = {
            SERVICE_FILE: database.service_file(database.master_user, passwords.master),
            **database_roles.password_files(
                {"app": passwords.app, "migrate": passwords.migrate, "backup": passwords.backup}
            ),
        }
        script = {database_roles.SCRIPT: database_roles.script()}
        account, policy = self._guards(
            name, args, job, [network_rules.to_networks(args.place.subnets.database, database.port)]
        )
        scripts = kubernetes.core.v1.ConfigMap(name, metadata=job.meta(), data=script, opts=self._child)
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=job.meta("database"),
            string_data={PASSWORD_FILE: passwords.migrate},
            opts=self._child,
        )
        roles_secret = kubernetes.core.v1.Secret(
            f"{name}-roles",
            metadata=job.meta("roles"),
            string_data=roles,
            opts=self._child,
        )
        return kubernetes.batch.v1.Job(
            name,
            # Without a TTL: a Job that Kubernetes took away would be made, and run, again.
            metadata=job.meta(pods.image_version(args.image), {"pulumi.com/replaceUnready": "true"}),
            spec=kubernetes.batch.v1.JobSpecArgs(
                backoff_limit=1,
                active_deadline_seconds=MIGRATION_SECONDS,
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    # A new password is a new Job: roles get it before the API's pods use it.
                    metadata=job.pod_meta(
                        args.image,
                        {
                            **pods.KEEP_NODE,
                            "checksum/script": pods.checksum(script),
                            "checksum/roles": pods.checksum(roles),
                        },
                    ),
                    spec=pods.pod_spec(
                        account,
                        [job_containers.migrate(args.image, args.settings, database)],
                        init=[job_containers.roles(args.settings)],
                        restart=RESTART,
                        volumes=[
                            pods.secret_volume("database", secret.metadata.name),
                            pods.secret_volume("roles", roles_secret.metadata.name),
                            pods.config_volume("scripts", scripts.metadata.name),
                            pods.config_volume("ca", args.place.ca_config_map),
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

    def _backup(self, name: str, args: DataJobsArgs, job: pods.Workload) -> None:
        account, policy = self._guards(
            name,
            args,
            job,
            [
                network_rules.to_networks(args.place.subnets.database, args.database.port),
                network_rules.to_pod_identity(),
                network_rules.to_s3(),
            ],
        )
        assets = Path(__file__).parent / "assets"
        scripts = kubernetes.core.v1.ConfigMap(
            name,
            metadata=job.meta(),
            data={file: (assets / file).read_text() for file in ("dump.sh", "upload.sh")},
            opts=self._child,
        )
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=job.meta("database"),
            string_data={SERVICE_FILE: args.database.service_file("backup", args.passwords.backup)},
            opts=self._child,
        )
        kubernetes.batch.v1.CronJob(
            name,
            metadata=job.meta(),
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
                            metadata=job.pod_meta(args.settings.image, pods.KEEP_NODE),
                            spec=pods.pod_spec(
                                account,
                                [job_containers.upload(args.settings, args.bucket, args.place.labels.region)],
                                init=[job_containers.dump(args.settings)],
                                restart=RESTART,
                                volumes=[
                                    pods.secret_volume("database", secret.metadata.name),
                                    pods.config_volume("scripts", scripts.metadata.name),
                                    pods.config_volume("ca", args.place.ca_config_map),
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
        self,
        name: str,
        args: DataJobsArgs,
        job: pods.Workload,
        egress: Sequence[pulumi.Input[network_rules.Egress]],
    ) -> tuple[kubernetes.core.v1.ServiceAccount, kubernetes.networking.v1.NetworkPolicy]:
        """Who a job's pods are, and what they may reach besides DNS; nothing reaches them."""
        policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=job.meta(),
            spec=network_rules.policy_spec(
                job.app, egress=[network_rules.dns(args.place.service_cidr), *egress]
            ),
            opts=self._child,
        )
        return job.account(name, self._child), policy
