"""Permissions of operators to recover, change and upgrade an environment's database.

`scripts/restore.sh --from rds` and `scripts/database.sh` need them if operators run them without GitHub.
"""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope


def recover_database(scope: Scope) -> list[Statement]:
    """Return statements that allow point-in-time recovery to a new instance, its swap, and upgrades.

    RDS creates grants for the keys, and the secret with the master password, on behalf of the caller (RDS
    user guide, password management with Secrets Manager). No statement allows reading the secret.
    """
    naming = scope.naming
    keys = scope.named("kms", "key/*")
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
            scope.named("secretsmanager", "secret:rds!db-*"),
        ),
        allow(
            "PassMonitoringRole",
            ["iam:PassRole"],
            [naming.role_arn("db-monitoring")],
            {"StringEquals": {"iam:PassedToService": "monitoring.rds.amazonaws.com"}},
        ),
    ]
