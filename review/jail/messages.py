"""Messages to and from the evaluation: one JSON object per line, validated on arrival.

The evaluation reads files of the pull request, so it runs isolated, and its output is not trusted. None of
its files is copied, and none of its text is printed unchecked. If it sends an invalid message, the review
ends with exit code 2.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from review.model import Report
from sandbox.errors import CommandError

LONGEST = 32 * 2**20
"""Largest number of bytes in a message. A report on 2,000 changed resources has 2.3 MB."""

MOST = 10_000
"""Largest number of messages from an evaluation."""


WITHOUT_SECRETS = "without-secrets"
"""Name of a preview of the head that gets no invented secrets. It runs if the review invents secrets, and
shows whether a deployment, which does not invent any, could run the program nevertheless.

Only a failure that the base has, too, proves that it could not: a program may also fail because of the
isolation, or because the review refuses one of its calls.

Before, the head's program runs in the same process with other random values of secret settings
(sandbox/engine/replay/other_secrets.py). What it leaves tells nothing about the values of other runs.
"""

AGAIN = "again"
"""Name of a second run of the head's program, which gets the answers of the first one, but with other values
in place of unknown and invented ones (sandbox/engine/replay/replay_proxy.py).
"""

Sockets = dict[str, dict[str, Path]]
"""The folders with the sockets of the programs, by stack and by side (base, head, AGAIN or WITHOUT_SECRETS).

The folder of a head may also have the socket of its policies.
"""


@dataclass(frozen=True)
class Request:
    """A request for an evaluation: the trees, and the folder for the evaluation's files."""

    base: Path
    head: Path
    work: Path
    names: tuple[str, str]
    stacks: tuple[str, ...]
    sockets: Sockets
    minutes: float
    notes: tuple[str, ...]
    isolated: bool
    salt: str
    """A secret text on which all simulated values depend, so that no program can contain one of them."""
    approved_by: str = ""
    omitted: tuple[str, ...] = ()
    """The files that differ between base and head and that the copies lack, each with the reason."""
    neighbours: tuple[str, ...] = ()
    """Further stacks on the accounts of these; only their bases are evaluated, and only if necessary."""


@dataclass(frozen=True)
class Line:
    """A message about an event, which is printed as a line."""

    text: str
    kind: Literal["line"] = "line"


@dataclass(frozen=True)
class Activity:
    """A message that an activity begins."""

    text: str
    kind: Literal["activity"] = "activity"


@dataclass(frozen=True)
class Failure:
    """The last message if there is no report, with the reason."""

    text: str
    kind: Literal["failure"] = "failure"


@dataclass(frozen=True)
class Completed:
    """The last message of a successful evaluation, with the report."""

    report: Report
    kind: Literal["completed"] = "completed"


Message = Line | Activity | Failure | Completed
Send = Callable[[Line | Activity], None]

REQUEST = TypeAdapter(Request)
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def ignore(_: Line | Activity) -> None:
    """Discard a message."""


def encode(message: Message) -> str:
    """Return a message as JSON on one line.

    A surrogate without its other half, such as in the name of a file that is not UTF-8, becomes an escape
    that a report shows. As JSON it would make the message invalid (RFC 8259, section 8.2).
    """
    text = json.dumps(asdict(message), ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda surrogate: f"\\\\u{ord(surrogate[0]):x}", text)


class Channel:
    """A sender of messages on standard output; all other output goes to standard error from now on."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")  # no child inherits it
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write a message to the stream."""
        with self._lock:
            self._stream.write(encode(message) + "\n")
            self._stream.flush()


def receive(stream: IO[bytes]) -> Iterator[Message]:
    """Yield the messages until the sender ends.

    Raises CommandError if a message is too long or invalid, or if there are too many messages.
    """
    for _ in range(MOST):
        if not (line := stream.readline(LONGEST + 1)):
            return
        if len(line) > LONGEST:
            raise CommandError(
                f"the evaluation sent a message of more than {LONGEST:,} bytes, so there is no report."
            )
        try:
            yield MESSAGE.validate_json(line)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            path = ".".join(map(str, first["loc"]))
            raise CommandError(f"the evaluation sent an invalid message ({path}: {first['msg']}).") from error
    raise CommandError(f"the evaluation sent more than {MOST:,} messages, so there is no report.")
