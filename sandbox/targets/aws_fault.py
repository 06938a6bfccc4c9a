"""What the AWS API on this machine refuses."""

from typing import Any, TypeAlias

Json: TypeAlias = "dict[str, Any]"


class Fault(Exception):
    """What an API refuses, in its own words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
