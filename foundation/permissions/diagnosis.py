"""Permissions of operators to read the evidence of an incident: logs, metrics, connections and API calls.

The runbooks and docs/incident.md name this evidence. Previews do not get the permissions, since the evidence
contains data: the log of the database has statements, for example. The policy `pipe-read` allows the rest.
"""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope


def diagnose(scope: Scope) -> list[Statement]:
    """Return statements that allow reading the evidence of the environment, and nothing that changes it.

    Instances and the metrics of Performance Insights have generated IDs, so the statements cover those of the
    whole account and region. Performance Insights also needs the database's key through RDS (RDS user guide,
    Changing an AWS KMS policy for Performance Insights), which `recover_database` allows.
    """
    naming = scope.naming
    return [
        allow("ReadNodeConsole", ["ec2:GetConsoleOutput"], scope.named("ec2", "instance/*")),
        allow(
            "ReadLogs",
            ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"],
            scope.log_groups(),
        ),
        allow("ReadConnections", ["s3:GetObject"], [f"arn:aws:s3:::{naming.flow_log_bucket}/*"]),
        allow(
            "ReadDatabaseLoad",
            [
                "pi:DescribeDimensionKeys",
                "pi:GetDimensionKeyDetails",
                "pi:GetResourceMetadata",
                "pi:GetResourceMetrics",
                "pi:ListAvailableResourceDimensions",
                "pi:ListAvailableResourceMetrics",
            ],
            scope.named("pi", "metrics/rds/*"),
        ),
        # They read settings and metrics, or have no resource-level permissions (Service Authorization
        # Reference). A query runs only on log groups for which its caller has logs:StartQuery.
        allow(
            "ReadRecords",
            [
                "backup:Describe*",
                "backup:List*",
                "cloudtrail:LookupEvents",
                "cloudwatch:GetMetricData",
                "cloudwatch:GetMetricStatistics",
                "cloudwatch:ListMetrics",
                "logs:GetQueryResults",
                "logs:StopQuery",
            ],
            ["*"],
        ),
    ]
