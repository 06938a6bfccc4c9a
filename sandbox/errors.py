"""What keeps the sandbox from running: said in one message, with what to do about it."""

import errno
from pathlib import Path


class Fault(Exception):
    """Shown to the user as it is; the command ends with exit code 2."""


def of_system(error: OSError, folder: Path, otherwise: str = "") -> Fault:
    """The fault that an error of the file system is; `otherwise` is another way out than the usual one."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = f"Free some space (du -sh {folder})"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        remedy = f"Make {folder} writable for this user"
    else:
        remedy = f"Look at {folder}"
    return Fault(f"{error.filename or folder}: {error.strerror}. {remedy}{otherwise}, and run this again.")
