"""Database roles and logins that the script roles.sql creates."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

import pulumi

from components.common.database_passwords import Passwords

SCRIPT = "roles.sql"
RETIRE = "retire.sql"
"""Script that removes the logins of passwords that are no longer used."""

APP, BACKUP, MIGRATE = "app", "backup", "migrate"
"""The roles with privileges.

No client logs in as app or backup: each password has its own login (see `login`), so that an old password
works until the last pod that uses it terminates."""

ITERATIONS = 4096
"""Iterations of the key derivation; PostgreSQL's default (scram_iterations)."""


def script(name: str = SCRIPT) -> str:
    """Return the text of an idempotent SQL script for psql."""
    return (Path(__file__).parent / "assets" / name).read_text()


def version(password: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return eight hexadecimal digits that identify a password; the output is not a secret.

    Names of logins and Secrets contain the digits. Their 32 bits are too few to recover the password.
    """

    def digest(known: str) -> str:
        return hashlib.sha256(f"pipe login {known}".encode()).hexdigest()[:8]

    return pulumi.Output.unsecret(pulumi.Output.from_input(password).apply(digest))


def login(role: str, password: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the name of a password's login, such as `app_0a1b2c3d`; the login is a member of `role`."""
    return pulumi.Output.concat(role, "_", version(password))


def files(passwords: Passwords) -> dict[str, pulumi.Output[str]]:
    """Return the files that roles.sql reads, by name: password verifiers and names of logins."""
    role_passwords: dict[str, pulumi.Input[str]] = {
        APP: passwords.app,
        MIGRATE: passwords.migrate,
        BACKUP: passwords.backup,
    }
    logins = {f"{role}_login": login(role, role_passwords[role]) for role in (APP, BACKUP)}
    return {**verifiers(role_passwords), **logins}


def verifiers(passwords: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Output[str]]:
    """Return a SCRAM verifier per role.

    With verifiers, neither the job that creates the roles nor a server log with statements
    (log_statement = ddl) contains the passwords.
    """

    def verifier(role: str, password: pulumi.Input[str]) -> pulumi.Output[str]:
        return pulumi.Output.from_input(password).apply(
            lambda known: scram_verifier(known, salt(role, known))
        )

    return {role: verifier(role, password) for role, password in passwords.items()}


def salt(role: str, password: str) -> bytes:
    """Return a deterministic salt; a random one would change the role in every Pulumi run."""
    return hmac.digest(password.encode(), f"pipe salt {role}".encode(), "sha256")[:16]


def scram_verifier(password: str, salt: bytes) -> str:
    """Return the verifier that PostgreSQL stores and accepts in place of a password (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored_text}:{server_text}"
