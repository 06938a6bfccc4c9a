"""How a pod reaches the database: TLS with a verified certificate, and the password in a file."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

CA_FILE = "rds-ca.pem"
"""Key of the ConfigMap with the certificate authorities, and name of the file."""
CA_DIR = "/etc/pipe/ca"
SECRET_DIR = "/etc/pipe/database"
SERVICE_FILE = "pg_service.conf"
"""What libpq reads (psql, pg_dump): all of the connection, password included. Unlike a .pgpass file it may be
readable by the group, as the files of a mounted Secret are (PostgreSQL, The Connection Service File)."""
PASSWORD_FILE = "password"
"""What programs that are not libpq read: the password and nothing else."""


@dataclass(frozen=True, kw_only=True)
class DatabaseEndpoint:
    """Where the database is, and who owns it."""

    host: pulumi.Input[str]
    port: pulumi.Input[int]
    database: pulumi.Input[str]
    master_user: str
    """Makes the roles that everything else uses, and is used for nothing else."""

    def variables(self) -> dict[str, pulumi.Input[str]]:
        """Return what a Node program needs to connect: PostgreSQL's own variables, except PGUSER, the
        certificate authorities for Node itself, and the file with the password."""
        return {
            "PGHOST": self.host,
            "PGPORT": pulumi.Output.format("{}", self.port),
            "PGDATABASE": self.database,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": f"{CA_DIR}/{CA_FILE}",
            # node-postgres does not read PGSSLROOTCERT (brianc/node-postgres issue 2723) and takes
            # verify-full as `ssl: true` (packages/pg/lib/connection-parameters.js): Node itself trusts RDS.
            "NODE_EXTRA_CA_CERTS": f"{CA_DIR}/{CA_FILE}",
            "DATABASE_PASSWORD_FILE": f"{SECRET_DIR}/{PASSWORD_FILE}",
        }

    def service_file(self, user: pulumi.Input[str], password: pulumi.Input[str]) -> pulumi.Output[str]:
        """A libpq service file with one service, `pipe`."""
        return pulumi.Output.format(
            "[pipe]\nhost={}\nport={}\ndbname={}\nuser={}\npassword={}\nsslmode=verify-full\nsslrootcert={}\n",
            self.host,
            self.port,
            self.database,
            user,
            password,
            f"{CA_DIR}/{CA_FILE}",
        )


def libpq_variables() -> Mapping[str, pulumi.Input[str]]:
    """What makes psql and pg_dump use the service file."""
    return {"PGSERVICEFILE": f"{SECRET_DIR}/{SERVICE_FILE}", "PGSERVICE": "pipe"}
