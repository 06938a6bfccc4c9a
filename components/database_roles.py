"""The database's roles, as the script roles.sql makes them."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

SCRIPT = "roles.sql"

ITERATIONS = 4096
"""Rounds of the key derivation; PostgreSQL's default (scram_iterations)."""


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """Of the master user and of the roles that it makes; secrets."""

    master: pulumi.Input[str]
    app: pulumi.Input[str]
    migrate: pulumi.Input[str]
    backup: pulumi.Input[str]


def script() -> str:
    """The idempotent SQL script, for psql."""
    return (Path(__file__).parent / "assets" / SCRIPT).read_text()


def password_files(passwords: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Output[str]]:
    """A file a role with its verifier: the job that makes the roles never sees their passwords, nor does a
    server log that records statements (log_statement = ddl)."""

    def verifier(role: str, password: pulumi.Input[str]) -> pulumi.Output[str]:
        return pulumi.Output.from_input(password).apply(
            lambda known: scram_verifier(known, salt(role, known))
        )

    return {role: verifier(role, password) for role, password in passwords.items()}


def salt(role: str, password: str) -> bytes:
    """A salt that is the same in every run, since a random one would change the role whenever Pulumi runs."""
    return hmac.digest(password.encode(), f"pipe salt {role}".encode(), "sha256")[:16]


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores of a password (RFC 5803); accepted wherever a password is set."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored_text}:{server_text}"
