"""The errors that users see, in one class hierarchy for the sandbox and the commands that use it."""

import errno
from pathlib import Path


class CommandError(Exception):
    """An error whose message is shown to the user without a traceback. Most commands then exit with 2."""


class ProviderError(CommandError):
    """An error of a provider: the real API would refuse the request."""


def from_system_error(error: OSError, folder: Path, alternative: str = "") -> CommandError:
    """Return an error with the remedy for a failure of the file system.

    `folder` needs free space or write access. `alternative` is appended to the usual remedy.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = f"Free some space (du -sh {folder})"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        remedy = f"Make {folder} writable for this user"
    else:
        remedy = f"Check {folder}"
    message = f"{error.filename or folder}: {error.strerror}. {remedy}{alternative}"
    return CommandError(f"{message}, and run this again.")
