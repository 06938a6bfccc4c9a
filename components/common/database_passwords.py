"""Passwords of the database roles."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """Passwords of the roles that the master user creates; secrets."""

    app: pulumi.Input[str]
    migrate: pulumi.Input[str]
    backup: pulumi.Input[str]
