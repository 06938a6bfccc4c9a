"""Process that evaluates the program under review: python -m review.jail.program LISTENER PROJECT MODE.

It runs alone in its isolation, and it serves the program on the inherited file descriptor LISTENER. The
engine, the policies and the report are in another isolation. This process reaches only the sockets of two
services there (sandbox/engine/program.py).
"""

import signal
import socket
import sys
from pathlib import Path

from review.jail import isolation
from sandbox.engine import program

ISOLATED, OPEN = "isolated", "open"
"""Modes: with and without isolation."""


def protect(*, isolated: bool) -> None:
    """Protect this process from the code under review, and limit its resources."""
    isolation.guard()
    # The first process of a PID namespace gets signals from inside the namespace only if it has a handler,
    # and Python has one for SIGINT (pid_namespaces(7)). Commands inherit SIG_IGN, but not this handler.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    isolation.limit_resources(threads=isolated, trusted=False)


if __name__ == "__main__":
    descriptor, project, mode = sys.argv[1:]
    protect(isolated=mode == ISOLATED)
    program.serve(socket.socket(fileno=int(descriptor)), Path(project))
