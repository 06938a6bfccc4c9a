"""Questions to parts of a stack that may not respond."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError

from operations.lib.errors import FailedError, RefusedError

Answer = TypeVar("Answer")


def ask(unanswered: list[str], subject: str, question: Callable[[], Answer]) -> Answer | None:
    """Return the answer; if the part does not respond, add its error to `unanswered` and return None."""
    try:
        return question()
    except (FailedError, RefusedError, BotoCoreError, ClientError, CloudflareError) as error:
        unanswered.append(f"{subject}: {str(error).splitlines()[0]}")
        return None
