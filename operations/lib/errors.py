"""Errors whose messages are for people, in one tree."""


class PipeError(Exception):
    """An error that ends a command with its message instead of a traceback."""


class FailedError(PipeError):
    """A step of a command that cannot go on; exit code 1."""


class RefusedError(PipeError):
    """A refusal before anything was changed; the message names the reason and the remedy; exit code 2."""


class CommandStopped(KeyboardInterrupt):
    """A stop by Ctrl-C; the message names the version that runs now and the next command; exit code 130.

    It is no PipeError, so that nothing that handles an ordinary failure continues after Ctrl-C.
    """
