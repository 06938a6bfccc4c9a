"""TLS 1.2 and newer for databases: parameter groups and option groups."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
)
from policies.engine.topics import TLS
from policies.model.tls.database_tls import CLUSTER_PARAMETERS, OPTIONS, PARAMETERS, database_faults


@TLS.rule(
    "tls-database-parameter-old-version",
    types=(PARAMETERS, CLUSTER_PARAMETERS, OPTIONS),
    severity=Severity.HIGH,
    controls=("CKV2_AWS_69", "FSBP RDS.38"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
    remediation=(
        "For PostgreSQL, set rds.force_ssl to 1 and ssl_min_protocol_version to TLSv1.2; for Db2, set "
        "DB2COMM to SSL; for Oracle, add the option SSL."
    ),
)
def database_parameters(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer in database parameter groups and in Oracle option groups."""
    yield from database_faults(resource)
