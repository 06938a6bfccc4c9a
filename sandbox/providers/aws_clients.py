"""Clients of the AWS API on this machine, which retry as the provider does."""

import threading
from contextvars import ContextVar
from typing import Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.providers.target import Refused
from sandbox.providers.values import Json

ATTEMPTS = 25
"""As many as the AWS provider makes by default."""

BARE: ContextVar[frozenset[str]] = ContextVar("BARE", default=frozenset())
"""The secrets of the resource at hand, which no message shows."""


class Clients:
    """A client for each service and region, made once."""

    def __init__(self, url: str) -> None:
        self._url, self._lock = url, threading.Lock()
        # Neither files nor a profile of the user's: they could name another account, or none.
        alone = {"profile": (None, None, None, None), "config_file": (None, None, "/dev/null", None)}
        self._session = botocore.session.Session(session_vars=alone)
        self._made: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._make(service, region)
            return self._made[service, region]

    def _make(self, service: str, region: str) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=5,
            read_timeout=60,
            proxies={},
            s3={"addressing_style": "path"},
        )
        client: Any = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=self._url,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
            config=config,
        )
        return client


def refused(error: ClientError) -> Refused:
    error_said = cast(Json, error.response)["Error"]
    said = f"{error.operation_name}: {error_said['Code']}: {error_said.get('Message', '')}"
    for secret in BARE.get():
        said = said.replace(secret, "[secret]")
    return Refused(said)
