"""Jobs on the data: the migration before every new version, the nightly backup, the restore on demand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.image_reference import parse_image_reference
from components.kubernetes import database_roles, job_containers, network_policies, pods
from components.kubernetes.database_client import PASSWORD_FILE, SERVICE_FILE, DatabaseEndpoint
from components.kubernetes.database_roles import Passwords
from components.settings.backups import Backups

IMAGE = "pipe-image"
MIGRATE = "pipe-migrate"
BACKUP = "pipe-backup"
RESTORE = "pipe-restore"
"""The `app` labels. pipe-backup and pipe-restore are service accounts with a pod identity, too."""

MIGRATION_SECONDS = 1800
"""How long a migration may take, retries included."""
WAIT_SECONDS = 300
"""How much longer than a Job's own deadline Pulumi waits, so that the Job's failure is what ends the wait."""
BACKUP_SECONDS = 4 * 3600
"""How long a backup may take, retries included; a restore, too."""
NEVER = "0 0 31 2 *"
"""The 31st of February: the schedule of a CronJob that is suspended anyway, and serves as a pattern."""
RUN_AGAIN = {"pulumi.com/replaceUnready": "true"}
"""Annotation of a Job that the next `pulumi up` replaces, and so runs again, if it has not completed."""
RESTART = "Never"
"""A failed pod stays, with its log; the next try is another pod."""
LATE_SECONDS = 3600
"""How late a backup may still start, where the cluster could not start it in time."""


@dataclass(frozen=True, kw_only=True)
class DataJobsArgs:
    """What DataJobs need to know."""

    image: str
    """The API's image, which carries the migrations of its version."""
    migrate: bool
    """Whether they are run; the Job brings the roles up to date in any case."""
    start_deadline_seconds: int
    """Seconds within which a pod of the image has to start."""
    settings: Backups
    """Schedule, images and resources of the jobs."""
    place: pods.Place
    database: DatabaseEndpoint
    passwords: Passwords
    bucket: pulumi.Input[str]
    """Name of the backup bucket, in the stack's region."""


class DataJobs(pulumi.ComponentResource):
    """A Job that starts the image, one that brings roles and schema up to date, a CronJob that keeps a copy
    in S3, and a suspended one that scripts/restore.sh makes its Jobs from."""

    migration: kubernetes.batch.v1.Job
    """Has succeeded when what depends on it starts."""

    def __init__(self, name: str, args: DataJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:DataJobs", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        migrate = args.place.workload(MIGRATE)
        roles = kubernetes.core.v1.Secret(
            f"{name}-migrate-roles",
            metadata=migrate.meta("roles"),
            string_data=roles_data(args),
            opts=self._child,
        )
        image = self._image(f"{name}-image", args, args.place.workload(IMAGE))
        self.migration = self._migration(f"{name}-migrate", args, migrate, roles, image)
        self._backup(f"{name}-backup", args, args.place.workload(BACKUP))
        self._restore(f"{name}-restore", args, args.place.workload(RESTORE), roles)
        self.register_outputs({"migration": self.migration.metadata.name})

    def _image(self, name: str, args: DataJobsArgs, job: pods.Workload) -> kubernetes.batch.v1.Job:
        """Declare the Job that starts the image once and does nothing: the deadline for a migration's start.

        Kubernetes has none: a pod whose image cannot be pulled waits for ever, podFailurePolicy sees only
        pods that have failed, and activeDeadlineSeconds counts the whole of a Job (Kubernetes, Jobs). Nor
        does Pulumi's timeout end the wait, since each event starts it anew (pulumi-kubernetes,
        provider/pkg/await/job.go). This Job does not wait for the database.
        """
        account, policy = self._guards(name, args, job, [])
        seconds = args.start_deadline_seconds
        return kubernetes.batch.v1.Job(
            name,
            metadata=job.meta(parse_image_reference(args.image).label, RUN_AGAIN),
            spec=kubernetes.batch.v1.JobSpecArgs(
                backoff_limit=1,
                active_deadline_seconds=seconds,
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=job.pod_meta(args.image, pods.KEEP_NODE),
                    spec=pods.pod_spec(
                        account,
                        [job_containers.start(args.image, args.settings)],
                        restart=RESTART,
                        volumes=[pods.scratch_volume("tmp", "256Mi")],
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[policy],
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=f"{seconds + WAIT_SECONDS}s"),
            ),
        )

    def _migration(
        self,
        name: str,
        args: DataJobsArgs,
        job: pods.Workload,
        roles: kubernetes.core.v1.Secret,
        image: kubernetes.batch.v1.Job,
    ) -> kubernetes.batch.v1.Job:
        script = {
            each: database_roles.script(each) for each in (database_roles.SCRIPT, database_roles.RETIRE)
        }
        account, policy = self._guards(
            name, args, job, [network_policies.to_networks(args.place.subnets.database, args.database.port)]
        )
        scripts = kubernetes.core.v1.ConfigMap(name, metadata=job.meta(), data=script, opts=self._child)
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=job.meta("database"),
            string_data={PASSWORD_FILE: args.passwords.migrate},
            opts=self._child,
        )
        return kubernetes.batch.v1.Job(
            name,
            # Without a TTL: a Job that Kubernetes took away would be made, and run, again.
            metadata=job.meta(parse_image_reference(args.image).label, RUN_AGAIN),
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
                            "checksum/roles": pods.checksum(roles_data(args)),
                        },
                    ),
                    spec=pods.pod_spec(
                        account,
                        [job_containers.migrate(args.image, args.settings, args.database, run=args.migrate)],
                        init=[job_containers.roles(args.settings)],
                        restart=RESTART,
                        volumes=[
                            pods.secret_volume("database", secret.metadata.name),
                            pods.secret_volume("roles", roles.metadata.name),
                            pods.config_volume("scripts", scripts.metadata.name),
                            pods.config_volume("ca", args.place.ca_config_map),
                            pods.scratch_volume("tmp", "256Mi"),
                        ],
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[policy, image],
                # Else the Job of before stays when a migration fails, and going back to its image fails.
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=f"{MIGRATION_SECONDS + WAIT_SECONDS}s"),
            ),
        )

    def _backup(self, name: str, args: DataJobsArgs, job: pods.Workload) -> None:
        settings = args.settings
        account, policy = self._guards(name, args, job, reach_database_and_s3(args))
        login = database_roles.login(database_roles.BACKUP, args.passwords.backup)
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=job.meta("database"),
            string_data={SERVICE_FILE: args.database.service_file(login, args.passwords.backup)},
            # Once its user exists: a backup that starts meanwhile still finds the one of before.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.migration]),
        )
        pod = pods.pod_spec(
            account,
            [job_containers.upload(settings, args.bucket, args.place.labels.region)],
            init=[job_containers.dump(settings)],
            restart=RESTART,
            volumes=[
                pods.secret_volume("database", secret.metadata.name),
                *self._scripts_and_room(name, args, job, ["dump.sh", "upload.sh"]),
            ],
        )
        kubernetes.batch.v1.CronJob(
            name,
            metadata=job.meta(),
            spec=kubernetes.batch.v1.CronJobSpecArgs(
                schedule=settings.schedule,
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",
                starting_deadline_seconds=LATE_SECONDS,
                successful_jobs_history_limit=3,
                failed_jobs_history_limit=3,
                job_template=job_template(args, job, pod, retries=2),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _restore(
        self, name: str, args: DataJobsArgs, job: pods.Workload, roles: kubernetes.core.v1.Secret
    ) -> None:
        account, policy = self._guards(name, args, job, reach_database_and_s3(args))
        scripts = ["fetch.sh", "restore.sh", "swap.sh", database_roles.SCRIPT]
        pod = pods.pod_spec(
            account,
            [job_containers.restore(args.settings, args.database)],
            init=[job_containers.fetch(args.settings, args.bucket, args.place.labels.region)],
            restart=RESTART,
            volumes=[
                pods.secret_volume("roles", roles.metadata.name),
                *self._scripts_and_room(name, args, job, scripts),
            ],
        )
        kubernetes.batch.v1.CronJob(
            name,
            metadata=job.meta(),
            spec=kubernetes.batch.v1.CronJobSpecArgs(
                schedule=NEVER,
                time_zone="Etc/UTC",
                suspend=True,
                concurrency_policy="Forbid",
                job_template=job_template(args, job, pod, retries=0),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _scripts_and_room(
        self, name: str, args: DataJobsArgs, job: pods.Workload, scripts: Sequence[str]
    ) -> list[kubernetes.core.v1.VolumeArgs]:
        """The volumes that a backup and a restore have in common."""
        assets = Path(__file__).parent / "assets"
        config = kubernetes.core.v1.ConfigMap(
            name,
            metadata=job.meta(),
            data={file: (assets / file).read_text() for file in scripts},
            opts=self._child,
        )
        return [
            pods.config_volume("scripts", config.metadata.name),
            pods.config_volume("ca", args.place.ca_config_map),
            pods.scratch_volume("scratch", f"{args.settings.scratch_gib}Gi"),
            pods.scratch_volume("tmp", "256Mi"),
        ]

    def _guards(
        self,
        name: str,
        args: DataJobsArgs,
        job: pods.Workload,
        egress: Sequence[pulumi.Input[network_policies.Egress]],
    ) -> tuple[kubernetes.core.v1.ServiceAccount, kubernetes.networking.v1.NetworkPolicy]:
        """Who a job's pods are, and what they may reach besides DNS; nothing reaches them."""
        policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=job.meta(),
            spec=network_policies.policy_spec(
                job.app, egress=[network_policies.dns(args.place.service_cidr), *egress]
            ),
            opts=self._child,
        )
        return job.account(name, self._child), policy


def roles_data(args: DataJobsArgs) -> dict[str, pulumi.Input[str]]:
    """What the master user needs to connect and to make the roles."""
    connection = args.database.service_file(args.database.master_user, args.passwords.master)
    return {SERVICE_FILE: connection, **database_roles.files(args.passwords)}


def reach_database_and_s3(args: DataJobsArgs) -> list[pulumi.Input[network_policies.Egress]]:
    """What a backup and a restore reach besides DNS."""
    return [
        network_policies.to_networks(args.place.subnets.database, args.database.port),
        network_policies.to_pod_identity(),
        network_policies.to_https(args.place.vpc_cidr),
    ]


def job_template(
    args: DataJobsArgs, job: pods.Workload, pod: kubernetes.core.v1.PodSpecArgs, *, retries: int
) -> kubernetes.batch.v1.JobTemplateSpecArgs:
    """The Jobs of a CronJob."""
    return kubernetes.batch.v1.JobTemplateSpecArgs(
        spec=kubernetes.batch.v1.JobSpecArgs(
            backoff_limit=retries,
            active_deadline_seconds=BACKUP_SECONDS,
            template=kubernetes.core.v1.PodTemplateSpecArgs(
                metadata=job.pod_meta(args.settings.image, pods.KEEP_NODE), spec=pod
            ),
        )
    )
