"""The service's PostgreSQL database on RDS."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.log_group import logs_may_use_key
from components.common import connections
from components.common.backup_sharing import share_with_backup
from components.common.iam_documents import key_policy
from components.common.naming import Naming
from components.common.outputs import require_output
from components.kubernetes.database_client import DatabaseEndpoint
from components.settings.models.database import CA_IDENTIFIER
from components.settings.models.database import Database as DatabaseSettings

EXPORTED_LOGS = ("postgresql", "upgrade")
"""The logs that RDS for PostgreSQL can export."""

BACKUP_WINDOW = "19:00-20:00"
"""Window of the automated backup in UTC; it starts at 04:00 in Japan, after the nightly dump."""

MAINTENANCE_WINDOW = "sat:20:30-sat:21:30"
"""Maintenance window in UTC; it starts on Sunday at 05:30 in Japan. It must not overlap the backup window
(RDS)."""

KEY_DELETION_DAYS = 30
"""Days between the request to delete the key and its deletion: KMS's maximum, since no snapshot can be
restored without the key."""

MONITORING_INTERVAL_SECONDS = 60
"""Seconds between measurements of the operating system: RDS's maximum (AWS Config rule
rds-enhanced-monitoring-enabled: 1 to 60), since each measurement is a log event that costs money."""

DYNAMIC_PARAMETERS = (
    "log_connections",
    "log_disconnections",
    "log_lock_waits",
    "log_min_duration_statement",
)
"""Parameters whose changes apply at once, since PostgreSQL reads them without a restart.

All others wait for a reboot (scripts/database.sh). AWS reports a parameter that has RDS's default value as
pending-reboot, and ignores a change of only the method (terraform-provider-aws, issue 22857). So a parameter
with a default value must not be listed here: every preview would show a difference.
"""

SLOW_STATEMENT_MS = 1000
"""Duration in milliseconds from which a statement is logged: a second is long for a request of the API, and a
lower limit would fill the log with ordinary statements."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """Arguments of Database."""

    settings: DatabaseSettings
    naming: Naming
    shared_account: str
    """The account with the vault for copies of the snapshots; another account gets access to the key."""
    protect: bool
    """True to make Pulumi refuse to delete the instance and its key."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets in at least two zones."""
    security_group_id: pulumi.Input[str]
    """The security group that limits incoming connections."""


class Database(pulumi.ComponentResource):
    """An encrypted PostgreSQL instance without a public address that refuses connections without TLS.

    RDS creates the master user's password, stores it in Secrets Manager and rotates it every seven days (RDS
    user guide, password management with Secrets Manager). Neither Pulumi nor Kubernetes stores it: the jobs
    that need it read it when they start (assets/master.sh).
    """

    database_name = "pipe_db"
    """Name of the database in the deployment guide."""
    master_user = "pipe_admin"
    """User of the jobs for roles and restores only; it creates the roles for all other clients."""

    host: pulumi.Output[str]
    endpoint: DatabaseEndpoint
    identifier: pulumi.Output[str]
    """The instance's identifier, by which its metrics in Datadog are tagged."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:data:Database", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming
        identifier = naming.name("db")
        # AWS Backup in the shared account copies snapshots, which keep the key of their database.
        is_outside = args.shared_account != naming.account
        copies = share_with_backup(args.shared_account, naming.region) if is_outside else []
        log_groups = [f"/aws/rds/instance/{identifier}/{log}" for log in EXPORTED_LOGS]

        key = aws.kms.Key(
            name,
            description=f"Storage, snapshots, insights, logs and master password of {identifier}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_DAYS,
            policy=key_policy(naming.account, *copies, logs_may_use_key(naming, log_groups)),
            tags=naming.aws("db"),
            # The key outlives the stack: the final snapshot cannot be restored without it.
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, retain_on_delete=True),
        )
        aws.kms.Alias(name, name=f"alias/{identifier}", target_key_id=key.id, opts=child)
        # Otherwise, RDS would create the log groups itself, without a retention period or a key.
        logs = [
            aws.cloudwatch.LogGroup(
                f"{name}-{log}",
                name=group,
                retention_in_days=settings.log_retention_days,
                kms_key_id=key.arn,
                tags=naming.aws("db"),
                opts=child,
            )
            for log, group in zip(EXPORTED_LOGS, log_groups, strict=True)
        ]
        subnets = aws.rds.SubnetGroup(
            name,
            name=identifier,
            description="Database subnets, without a route to the internet",
            subnet_ids=args.subnet_ids,
            tags=naming.aws("db"),
            opts=child,
        )
        family = f"postgres{settings.engine_version}"
        parameters = aws.rds.ParameterGroup(
            name,
            # A group's family cannot be changed, so a new major version requires a new group beside the old
            # one.
            name=f"{identifier}-{family}",
            family=family,
            description="TLS only, with a log of connections and slow statements",
            parameters=[
                {
                    "name": parameter,
                    "value": value,
                    "apply_method": "immediate" if parameter in DYNAMIC_PARAMETERS else "pending-reboot",
                }
                for parameter, value in server_parameters(settings.max_connections).items()
            ],
            tags=naming.aws("db"),
            opts=child,
        )
        instance = aws.rds.Instance(
            name,
            identifier=identifier,
            engine="postgres",
            # Only the major version: RDS upgrades minor versions itself, and an older minor version here
            # would request a downgrade (Pulumi AWS, rds.Instance: "you can provide a prefix").
            engine_version=settings.engine_version,
            auto_minor_version_upgrade=True,
            # By default, extended support starts automatically and is billed per vCPU-hour. With extended
            # support disabled, RDS upgrades the major version at the end of standard support (RDS API,
            # CreateDBInstance).
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            instance_class=settings.instance_class,
            storage_type="gp3",
            allocated_storage=settings.storage_gib,
            max_allocated_storage=settings.max_storage_gib,
            storage_encrypted=True,
            kms_key_id=key.arn,
            db_name=self.database_name,
            username=self.master_user,
            manage_master_user_password=True,
            # RDS cannot change this key later (RDS user guide, managing the master user password for a DB
            # instance with Secrets Manager).
            master_user_secret_kms_key_id=key.arn,
            port=connections.POSTGRESQL.number,
            parameter_group_name=parameters.name,
            ca_cert_identifier=CA_IDENTIFIER,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[args.security_group_id],
            publicly_accessible=False,
            multi_az=settings.multi_az,
            # Otherwise, a new class, storage size, standby or version waits for the maintenance window.
            apply_immediately=settings.apply_immediately,
            backup_retention_period=settings.backup_retention_days,
            backup_window=BACKUP_WINDOW,
            maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            deletion_protection=settings.deletion_protection,
            skip_final_snapshot=False,
            # A snapshot's name must be unique. The key is created and replaced together with the database, so
            # its id makes the name of the final snapshot unique.
            final_snapshot_identifier=pulumi.Output.concat(
                identifier, "-final-", key.id.apply(lambda key_id: key_id[:8])
            ),
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key.arn,
            performance_insights_retention_period=settings.insights_retention_days,
            monitoring_interval=MONITORING_INTERVAL_SECONDS,
            monitoring_role_arn=naming.role_arn("db-monitoring"),
            enabled_cloudwatch_logs_exports=list(EXPORTED_LOGS),
            tags=naming.aws("db"),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=logs,
                # Two instances cannot have the same identifier.
                delete_before_replace=True,
            ),
        )

        self.host = require_output(
            instance.address, resource=f"RDS instance {identifier}", meaning="its address"
        )
        self.identifier = instance.identifier
        self.endpoint = DatabaseEndpoint(
            host=self.host,
            port=instance.port,
            database=self.database_name,
            master_user=self.master_user,
            master_secret_arn=require_output(
                instance.master_user_secrets,
                0,
                "secret_arn",
                resource=f"RDS instance {identifier}",
                meaning="the secret with its master password",
            ),
        )
        self.register_outputs({"host": self.host, "port": instance.port, "identifier": self.identifier})


def server_parameters(max_connections: int) -> dict[str, str]:
    """Return the server parameters that differ from the defaults of RDS or must not depend on them.

    log_statement keeps its default, none. The log may still contain a statement that sets a role's password:
    a slow one because of log_min_duration_statement, or a failed one because of PostgreSQL's default of
    log_min_error_statement. Such a statement contains a SCRAM verifier instead of the password
    (database_roles.py).
    """
    return {
        "rds.force_ssl": "1",
        "ssl_min_protocol_version": "TLSv1.2",
        "rds.accepted_password_auth_method": "scram",
        "max_connections": str(max_connections),
        "log_connections": "1",
        "log_disconnections": "1",
        "log_lock_waits": "1",
        "log_min_duration_statement": str(SLOW_STATEMENT_MS),
    }
