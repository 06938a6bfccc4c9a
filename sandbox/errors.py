"""Errors whose messages a user sees: one tree for the sandbox and for the commands that use it."""

import errno
from pathlib import Path


class CommandError(Exception):
    """An error whose message is shown to the user, without a traceback; most commands then exit with 2."""


class ProviderError(CommandError):
    """An error of a provider: the real API would refuse the request."""


def from_system_error(error: OSError, folder: Path, alternative: str = "") -> CommandError:
    """Return the message for an error of the file system.

    `folder` is what to free or to make writable. `alternative` is appended to the usual remedy.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = f"Free some space (du -sh {folder})"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        remedy = f"Make {folder} writable for this user"
    else:
        remedy = f"Look at {folder}"
    message = f"{error.filename or folder}: {error.strerror}. {remedy}{alternative}"
    return CommandError(f"{message}, and run this again.")
