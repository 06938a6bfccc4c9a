"""The commit of a stack file by a command that goes on if the push of the commit fails."""

from operations.lib.errors import FailedError
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog

NOT_PUSHED = "not pushed"
"""Result of a run with the error of the push."""


def commit(log: RunLog, repository: Repository, subject: str, image: str, *, migrate: bool) -> None:
    """Commit the image and push; on failure, store the error for `check_pushed` at the end of the run."""
    try:
        log.line(repository.commit(subject, image, migrate=migrate))
    except FailedError as error:
        log.results[NOT_PUSHED] = str(error)
        log.line(str(error))


def check_pushed(log: RunLog) -> None:
    """Raise FailedError if a commit of this run was not pushed."""
    if error := log.results.get(NOT_PUSHED):
        raise FailedError(
            "only the push of the commit failed. Bring the commit to the branch, in a pull request if you may"
            f" not push, or the next deployment undoes this run: {error}"
        )
