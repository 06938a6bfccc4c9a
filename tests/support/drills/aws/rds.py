"""RDS instance whose master password moto manages and a real PostgreSQL has."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import boto3

from sandbox.clouds.aws.moto_patches import apply_patches
from tests.support.drills.postgres import Server

_set_password: dict[str, Callable[[], None]] = {}
"""Functions that set a rotated password in PostgreSQL, by the secret's ARN."""


class ManagedInstance:
    """An RDS instance in an AWS API that moto serves in this process; `server` gets its master password."""

    def __init__(self, url: str, region: str, identifier: str, server: Server) -> None:
        _patch_rotation()
        self._server, self._identifier = server, identifier
        self._url, self._region = url, region
        instance = self._client("rds").create_db_instance(
            DBInstanceIdentifier=identifier,
            DBInstanceClass="db.t4g.small",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="pipe_admin",
            ManageMasterUserPassword=True,
        )["DBInstance"]
        self.secret_arn: str = instance["MasterUserSecret"]["SecretArn"]
        _set_password[self.secret_arn] = self._set
        self._set()

    def _client(self, service: str) -> Any:
        return cast(Any, boto3).client(
            service,
            endpoint_url=self._url,
            region_name=self._region,
            aws_access_key_id="drill",
            aws_secret_access_key="drill",
        )

    @property
    def password(self) -> str:
        """The current master password."""
        secret = self._client("secretsmanager").get_secret_value(SecretId=self.secret_arn)
        return json.loads(secret["SecretString"])["password"]

    def rotate(self) -> None:
        """Set a new master password, as RDS does every seven days."""
        self._client("rds").modify_db_instance(
            DBInstanceIdentifier=self._identifier, RotateMasterUserPassword=True, ApplyImmediately=True
        )

    def _set(self) -> None:
        self._server.set_master_password(self.password)


@cache
def _patch_rotation() -> None:
    """Make moto set a rotated password in PostgreSQL too, as RDS does."""
    from moto.rds.models import MasterUserSecret

    apply_patches()
    secret: Any = MasterUserSecret
    rotate = secret.rotate_secret

    def rotate_and_set(self: Any) -> None:
        rotate(self)
        if set_password := _set_password.get(self.secret.arn):
            set_password()

    secret.rotate_secret = rotate_and_set
