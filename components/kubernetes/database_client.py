"""Database connections of pods, with a verified TLS certificate and with the password in a file."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

CA_FILE = "rds-ca.pem"
"""Key of the certificate authorities in their ConfigMap, and name of the mounted file."""
CA_DIR = "/etc/pipe/ca"
SECRET_DIR = "/etc/pipe/database"
MASTER_DIR = "/etc/pipe/master"
"""Directory in memory with the master user's connection, which an init container writes."""
SERVICE_FILE = "pg_service.conf"
"""File from which libpq (psql, pg_dump) reads the whole connection, including the password.

Unlike a .pgpass file, this file may be readable by the group, as the files of a mounted Secret are
(PostgreSQL, The Connection Service File)."""
PASSWORD_FILE = "password"
"""File with the password alone, for programs that do not use libpq."""


@dataclass(frozen=True, kw_only=True)
class DatabaseEndpoint:
    """Address, name and master user of the database."""

    host: pulumi.Input[str]
    port: pulumi.Input[int]
    database: pulumi.Input[str]
    master_user: str
    """User of the jobs for roles and restores only; it creates the roles for all other clients."""
    master_secret_arn: pulumi.Input[str]
    """ARN of the secret in which RDS keeps the master user's password; the ARN itself is not secret."""

    def variables(self) -> dict[str, pulumi.Input[str]]:
        """Return the environment variables of a Node program that connects to the database.

        They are libpq's connection variables without PGUSER, and the paths of the certificate authorities
        for Node and of the password file.
        """
        return {
            "PGHOST": self.host,
            "PGPORT": pulumi.Output.format("{}", self.port),
            "PGDATABASE": self.database,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": f"{CA_DIR}/{CA_FILE}",
            # node-postgres does not read PGSSLROOTCERT (brianc/node-postgres issue 2723) and treats
            # verify-full like `ssl: true` (packages/pg/lib/connection-parameters.js), so Node itself must
            # trust the RDS authorities.
            "NODE_EXTRA_CA_CERTS": f"{CA_DIR}/{CA_FILE}",
            "DATABASE_PASSWORD_FILE": f"{SECRET_DIR}/{PASSWORD_FILE}",
        }

    def master_variables(self) -> dict[str, pulumi.Input[str]]:
        """Return the variables of the script that writes the master user's connection (assets/master.sh)."""
        return {
            "SECRET_ARN": self.master_secret_arn,
            "DATABASE_HOST": self.host,
            "DATABASE_PORT": pulumi.Output.format("{}", self.port),
            "DATABASE_NAME": self.database,
            "DATABASE_USER": self.master_user,
            **libpq_variables(MASTER_DIR),
        }

    def service_file(self, user: pulumi.Input[str], password: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return a libpq service file with one service, `pipe`."""
        return pulumi.Output.format(
            "[pipe]\nhost={}\nport={}\ndbname={}\nuser={}\npassword={}\n"
            "sslmode=verify-full\nsslrootcert={}\n",
            self.host,
            self.port,
            self.database,
            user,
            password,
            f"{CA_DIR}/{CA_FILE}",
        )


def libpq_variables(directory: str = SECRET_DIR) -> Mapping[str, pulumi.Input[str]]:
    """Return the environment variables that make psql and pg_dump use the service file in a directory."""
    return {"PGSERVICEFILE": f"{directory}/{SERVICE_FILE}", "PGSERVICE": "pipe"}


def master_client_variables() -> Mapping[str, pulumi.Input[str]]:
    """Return the environment variables of a client that connects as the master user, with verified TLS."""
    return {
        **libpq_variables(MASTER_DIR),
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": f"{CA_DIR}/{CA_FILE}",
    }
