"""Data jobs: roles and migration before each new version, the nightly backup, and the restore on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from components.common import connections
from components.common.database_passwords import Passwords
from components.common.image_reference import parse_image_reference
from components.kubernetes import database_roles, job_containers, job_pods, network_policies, pods
from components.kubernetes.database_client import PASSWORD_FILE, SERVICE_FILE, DatabaseEndpoint
from components.settings.models.backups import DATA_JOB_SECONDS, Backups

IMAGE = connections.IMAGE_START.app
ROLES = connections.DATABASE_ROLES.app
MIGRATE = connections.MIGRATION.app
BACKUP = connections.BACKUP.app
RESTORE = connections.RESTORE.app
"""The `app` labels of the jobs and the names of their service accounts.

pipe-image and pipe-migrate run the API's image and have no pod identity. All containers of a pod share its
identity, so the image could otherwise read the master password."""

ROLES_SECONDS = 600
"""Seconds that the creation of the roles may take, retries included."""
MIGRATION_SECONDS = 1800
"""Seconds that a migration may take, retries included."""
WAIT_SECONDS = 300
"""Seconds that Pulumi waits beyond a Job's deadline, so that the Job's failure ends the wait."""
NEVER = "0 0 31 2 *"
"""The 31st of February: the schedule of a suspended CronJob that is a template for Jobs."""
RUN_AGAIN = {"pulumi.com/replaceUnready": "true"}
"""Annotation of a Job that the next `pulumi up` replaces, and so reruns, if it has not completed."""
MASTER_FILES = ("master.sh",)
"""Scripts of the container that reads the master password."""
LATE_SECONDS = 3600
"""Seconds after the scheduled time during which a delayed backup may still start."""


@dataclass(frozen=True, kw_only=True)
class DataJobsArgs:
    """Arguments of DataJobs."""

    image: str
    """The API's image, which contains the migrations of its version."""
    migrate: bool
    """True to run the migrations; the database roles are updated in any case."""
    start_deadline_seconds: int
    """Seconds within which a pod of the image must start."""
    settings: Backups
    """Schedule, images and resources of the jobs."""
    context: pods.WorkloadContext
    database: DatabaseEndpoint
    passwords: Passwords
    bucket: pulumi.Input[str]
    """Name of the backup bucket, in the stack's region."""
    secrets_url: pulumi.Input[str]
    """URL of the VPC's endpoint of Secrets Manager, which has the master password."""


class DataJobs(pulumi.ComponentResource):
    """The Jobs for image start, roles and migration, the CronJob for backups, and a suspended CronJob for
    restores.

    scripts/restore.sh creates its Jobs from the suspended CronJob.
    """

    migration: kubernetes.batch.v1.Job
    """Migration Job; Pulumi creates dependents after the Job has succeeded."""

    def __init__(self, name: str, args: DataJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:DataJobs", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        verifiers = kubernetes.core.v1.Secret(
            f"{name}-roles",
            metadata=args.context.workload(ROLES).meta("verifiers"),
            string_data=database_roles.files(args.passwords),
            opts=self._child,
        )
        image = self._image(f"{name}-image", args, args.context.workload(IMAGE))
        roles = self._roles(f"{name}-roles", args, args.context.workload(ROLES), verifiers, image)
        self.migration = self._migration(f"{name}-migrate", args, args.context.workload(MIGRATE), roles)
        self._backup(f"{name}-backup", args, args.context.workload(BACKUP))
        self._restore(f"{name}-restore", args, args.context.workload(RESTORE), verifiers)
        self.register_outputs({"migration": self.migration.metadata.name})

    def _image(self, name: str, args: DataJobsArgs, job: pods.Workload) -> kubernetes.batch.v1.Job:
        """Declare a Job that starts the image once; its deadline limits how long a migration waits to start.

        Kubernetes has no such deadline: a pod whose image cannot be pulled waits forever, podFailurePolicy
        sees only failed pods, and activeDeadlineSeconds covers a whole Job (Kubernetes, Jobs). Pulumi's
        timeout does not end the wait either, since each event restarts it (pulumi-kubernetes,
        provider/pkg/await/job.go). This Job does not wait for the database.
        """
        account, policy = self._guards(name, args, job)
        pod = job_pods.pod_spec(account, job_containers.start(args.image, args.settings), [])
        return self._before_pods(
            name, args, job, {}, pod, seconds=args.start_deadline_seconds, after=[policy]
        )

    def _roles(
        self,
        name: str,
        args: DataJobsArgs,
        job: pods.Workload,
        verifiers: kubernetes.core.v1.Secret,
        image: kubernetes.batch.v1.Job,
    ) -> kubernetes.batch.v1.Job:
        """Declare the Job that creates or updates the database roles as the master user.

        This is a separate Job, because the migration's pod runs the API's image, which must not get the
        identity that reads the master password.
        """
        names = (database_roles.SCRIPT, database_roles.RETIRE)
        scripts = {name: database_roles.script(name) for name in (*names, *MASTER_FILES)}
        account, policy = self._guards(name, args, job)
        config = kubernetes.core.v1.ConfigMap(name, metadata=job.meta(), data=scripts, opts=self._child)
        volumes = job_pods.script_volumes(config, args.context.ca_config_map)
        pod = job_pods.pod_spec(
            account,
            job_containers.roles(args.settings),
            [*job_pods.master_volumes(verifiers), *volumes],
            init=[self._master(args)],
        )
        # A new password creates a new Job, which sets it before the API's pods use it.
        checksums = {
            "checksum/script": pods.checksum(scripts),
            "checksum/roles": pods.checksum(database_roles.files(args.passwords)),
        }
        after = [policy, image]
        return self._before_pods(name, args, job, checksums, pod, seconds=ROLES_SECONDS, after=after)

    def _migration(
        self, name: str, args: DataJobsArgs, job: pods.Workload, roles: kubernetes.batch.v1.Job
    ) -> kubernetes.batch.v1.Job:
        """Declare the migration Job, and the Secret with its database password."""
        account, policy = self._guards(name, args, job)
        password = {PASSWORD_FILE: args.passwords.migrate}
        secret = kubernetes.core.v1.Secret(
            f"{name}-database", metadata=job.meta("database"), string_data=password, opts=self._child
        )
        pod = job_pods.pod_spec(
            account,
            job_containers.migrate(args.image, args.settings, args.database, run=args.migrate),
            [
                pods.secret_volume("database", secret.metadata.name),
                pods.config_volume("ca", args.context.ca_config_map),
            ],
        )
        checksums, after = {"checksum/password": pods.checksum(password)}, [policy, roles]
        return self._before_pods(name, args, job, checksums, pod, seconds=MIGRATION_SECONDS, after=after)

    def _before_pods(
        self,
        name: str,
        args: DataJobsArgs,
        job: pods.Workload,
        checksums: Mapping[str, pulumi.Input[str]],
        pod: kubernetes.core.v1.PodSpecArgs,
        *,
        seconds: int,
        after: Sequence[pulumi.Resource],
    ) -> kubernetes.batch.v1.Job:
        """Declare a Job named after the image's version.

        New pods start only after it has succeeded, which may take at most `seconds`.
        """
        return kubernetes.batch.v1.Job(
            name,
            # The Job has no TTL: Pulumi would recreate, and so rerun, a Job that Kubernetes deleted.
            metadata=job.meta(parse_image_reference(args.image).label, RUN_AGAIN),
            spec=job_pods.job_spec(job, args.image, pod, seconds=seconds, retries=1, checksums=checksums),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(after),
                # Otherwise, the previous Job stays when a migration fails, and its name blocks a rollback to
                # its image.
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=f"{seconds + WAIT_SECONDS}s"),
            ),
        )

    def _master(self, args: DataJobsArgs) -> kubernetes.core.v1.ContainerArgs:
        """Build the init container that writes the master user's connection to the volume `master`."""
        region = args.context.naming.region
        return job_containers.master(args.settings, args.database, region, args.secrets_url)

    def _backup(self, name: str, args: DataJobsArgs, job: pods.Workload) -> None:
        """Declare the CronJob of the nightly backup, and the Secret with its database connection."""
        settings = args.settings
        account, policy = self._guards(name, args, job)
        login = database_roles.login(database_roles.BACKUP, args.passwords.backup)
        secret = kubernetes.core.v1.Secret(
            f"{name}-database",
            metadata=job.meta("database"),
            string_data={SERVICE_FILE: args.database.service_file(login, args.passwords.backup)},
            # The Secret changes only after its database user exists; until then, backups use the previous
            # Secret.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.migration]),
        )
        pod = job_pods.pod_spec(
            account,
            job_containers.upload(settings, args.bucket, args.context.naming.region),
            [
                pods.secret_volume("database", secret.metadata.name),
                *self._dump_volumes(name, args, job, ["dump.sh", "upload.sh"]),
            ],
            init=[job_containers.dump(settings)],
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
                job_template=job_pods.job_template(
                    job, settings.image, pod, seconds=DATA_JOB_SECONDS, retries=2
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _restore(
        self, name: str, args: DataJobsArgs, job: pods.Workload, verifiers: kubernetes.core.v1.Secret
    ) -> None:
        account, policy = self._guards(name, args, job)
        scripts = ["fetch.sh", "restore.sh", "swap.sh", *MASTER_FILES, database_roles.SCRIPT]
        pod = job_pods.pod_spec(
            account,
            job_containers.restore(args.settings, args.database),
            [*job_pods.master_volumes(verifiers), *self._dump_volumes(name, args, job, scripts)],
            # The password is read last, so that it is as new as possible when the restore starts.
            init=[
                job_containers.fetch(args.settings, args.bucket, args.context.naming.region),
                self._master(args),
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
                job_template=job_pods.job_template(
                    job, args.settings.image, pod, seconds=DATA_JOB_SECONDS, retries=0
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _dump_volumes(
        self, name: str, args: DataJobsArgs, job: pods.Workload, scripts: Sequence[str]
    ) -> list[kubernetes.core.v1.VolumeArgs]:
        """Declare a ConfigMap with the scripts; return the volumes of a pod that writes or reads a dump."""
        assets = Path(__file__).parent / "assets"
        config = kubernetes.core.v1.ConfigMap(
            name,
            metadata=job.meta(),
            data={file: (assets / file).read_text() for file in scripts},
            opts=self._child,
        )
        return [
            *job_pods.script_volumes(config, args.context.ca_config_map),
            pods.scratch_volume("scratch", f"{args.settings.scratch_gib}Gi"),
        ]

    def _guards(
        self, name: str, args: DataJobsArgs, job: pods.Workload
    ) -> tuple[kubernetes.core.v1.ServiceAccount, kubernetes.networking.v1.NetworkPolicy]:
        """Declare and return the service account and the network policy of a job."""
        policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=job.meta(),
            spec=network_policies.policy_spec(
                job.app, network_policies.endpoints(args.context, args.database.port)
            ),
            opts=self._child,
        )
        return job.account(name, self._child), policy
