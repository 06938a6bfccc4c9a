"""The database's roles, as the script roles.sql makes them."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

SCRIPT = "roles.sql"
RETIRE = "retire.sql"
"""Takes away what roles.sql made for passwords that are no longer used."""

APP, BACKUP, MIGRATE = "app", "backup", "migrate"
"""The roles with their rights. Nobody logs in as app or backup: for each password there is a login of its own
(`login`), so that the old one works until the last pod that uses it is gone."""

ITERATIONS = 4096
"""Rounds of the key derivation; PostgreSQL's default (scram_iterations)."""


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """Of the master user and of the roles that it makes; secrets."""

    master: pulumi.Input[str]
    app: pulumi.Input[str]
    migrate: pulumi.Input[str]
    backup: pulumi.Input[str]


def script(name: str = SCRIPT) -> str:
    """An idempotent SQL script, for psql."""
    return (Path(__file__).parent / "assets" / name).read_text()


def version(password: pulumi.Input[str]) -> pulumi.Output[str]:
    """Eight hexadecimal digits that tell a password from the next; plain, as they are part of names.

    32 bits are too few to tell which of the possible passwords it is.
    """

    def digest(known: str) -> str:
        return hashlib.sha256(f"pipe login {known}".encode()).hexdigest()[:8]

    return pulumi.Output.unsecret(pulumi.Output.from_input(password).apply(digest))


def login(role: str, password: pulumi.Input[str]) -> pulumi.Output[str]:
    """The user of a password, with the rights of `role`: `app_0a1b2c3d`."""
    return pulumi.Output.concat(role, "_", version(password))


def files(passwords: Passwords) -> dict[str, pulumi.Output[str]]:
    """What roles.sql reads: a file a role with its verifier, and one a login with its name."""
    given: dict[str, pulumi.Input[str]] = {
        APP: passwords.app,
        MIGRATE: passwords.migrate,
        BACKUP: passwords.backup,
    }
    logins = {f"{role}_login": login(role, given[role]) for role in (APP, BACKUP)}
    return {**verifiers(given), **logins}


def verifiers(passwords: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Output[str]]:
    """A verifier a role: the job that makes the roles never sees their passwords, nor does a server log that
    records statements (log_statement = ddl)."""

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
