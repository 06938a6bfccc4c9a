"""Errors that end an operation, as subclasses of the errors of all commands (sandbox/errors.py)."""

from sandbox.errors import CommandError


class FailedError(CommandError):
    """A failed step of a command; exit code 1."""


class RefusedError(CommandError):
    """A refusal before any change, whose message names the reason and the remedy; exit code 2."""


class CommandStopped(KeyboardInterrupt):
    """A stop by Ctrl-C, whose message names the running version and the next command; exit code 130.

    It is not a CommandError, so that code which handles ordinary failures does not continue after Ctrl-C.
    """
