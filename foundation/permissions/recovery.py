"""Permissions of operators to recover, change and upgrade an environment's database.

`scripts/restore.sh --from rds`, `scripts/database.sh` and `scripts/rotate.sh` need them if operators run them
without GitHub.
"""

from components.common.iam_documents import Statement, allow
from foundation.permissions.data import rotate_master_password
from foundation.permissions.scope import Scope


def recover_database(scope: Scope) -> list[Statement]:
    """Return statements that allow point-in-time recovery to a new instance, its swap, and upgrades.

    RDS creates grants for the keys, and the secret with the master password, on behalf of the caller (RDS
    user guide, password management with Secrets Manager). No statement allows reading the secret.
    """
    naming = scope.naming
    keys = scope.named("kms", "key/*")
    secrets = scope.named("secretsmanager", "secret:rds!db-*")
    services = [f"{service}.{naming.region}.amazonaws.com" for service in ("rds", "secretsmanager")]
    return [
        allow(
            "RecoverDatabase",
            [
                "rds:AddTagsToResource",
                "rds:ApplyPendingMaintenanceAction",
                "rds:CreateDBParameterGroup",
                "rds:CreateDBSnapshot",
                "rds:ModifyDBInstance",
                "rds:ModifyDBParameterGroup",
                "rds:RebootDBInstance",
                "rds:RestoreDBInstanceFromDBSnapshot",
                "rds:RestoreDBInstanceToPointInTime",
            ],
            scope.named(
                "rds",
                "db:{}-*",
                "pg:{}-*",
                # An upgrade begins with the default group of the new version (operations/lib/database).
                "pg:default.postgres*",
                "snapshot:{}-*",
                "subgrp:{}-*",
                "og:default:*",
            ),
        ),
        allow(
            "GrantDatabaseKey",
            ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"],
            keys,
            {"StringEquals": {"kms:ViaService": services}},
        ),
        allow(
            "CreateMasterPassword",
            ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
            secrets,
        ),
        # The last step of `scripts/rotate.sh`.
        rotate_master_password(scope),
        allow(
            "PassMonitoringRole",
            ["iam:PassRole"],
            [naming.role_arn("db-monitoring")],
            {"StringEquals": {"iam:PassedToService": "monitoring.rds.amazonaws.com"}},
        ),
    ]
