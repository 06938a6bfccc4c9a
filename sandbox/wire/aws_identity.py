"""The credentials with which providers and clients sign their requests to AWS."""

from dataclasses import dataclass, field

ADMINISTRATOR = "sandbox"
"""The access key of the account's administrator, whose requests are not decided. AWS issues no such key."""


@dataclass
class Identity:
    """Credentials that change while providers run: first an administrator's, then those of a session."""

    access_key: str = ADMINISTRATOR
    secret_key: str = field(default=ADMINISTRATOR, repr=False)
    token: str | None = field(default=None, repr=False)
    """The token of a session; None for the administrator."""

    def use_session(self, access_key: str, secret_key: str, token: str) -> None:
        """Sign further requests as the session of a role."""
        self.access_key, self.secret_key, self.token = access_key, secret_key, token

    def variables(self) -> dict[str, str]:
        """Return the environment variables of AWS's clients, except for those of the administrator's keys."""
        if self.token is None:
            return {}
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }
